"""What ``reckon bench engine`` does: prefill and decode of a device through the real scheduler and sampler.

Runs the worker's rooms in this process. Timings are medians over steps; the machine's noise is the reader's to judge.
"""

import statistics
import time
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.devices.select import select
from reckon.errors import BadSetting
from reckon.job import Sampling
from reckon.link import Submit
from reckon.models.arch import read_arch
from reckon.models.weights import Weights
from reckon.worker.blocks import Blocks
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Scheduler

WARM_UP = 8
"""Tokens generated before anything is timed."""


@dataclass(slots=True)
class Timing:
    """Seconds of steps: those that compute any of a prompt, and those that only decode, with how many answers they move."""

    prefill: float = 0.0
    decode: list[float] = field(default_factory=list)
    rows: int = 0


def measure(config: Config, model: str, batches: list[int], prompt: int, tokens: int) -> None:
    """Print a row per batch size: prefill tokens/s, decode step in ms, decode tokens/s.

    Raises SetupError when the model cannot be loaded, or prompt and tokens together are more than its context or the memory.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    directory = resolve(model).directory
    arch, weights = read_arch(directory), Weights.open(directory)
    device = select(config.device, config.threads, config.home / "compiled")
    with closing(Runner(device)) as runner:
        begin = time.perf_counter()
        runner.load(arch, weights, lambda phase, done, total: None)
        console.print(f"{model} on {device.numeric_path}: loaded in {time.perf_counter() - begin:.1f} s")
        room = runner.allocate(arch, int(config.kv_memory_gb * 1e9), prompt + tokens, max(batches))
        if room.context < prompt + tokens:
            raise BadSetting(f"prompt and tokens must be at most {room.context} together here, not {prompt + tokens}")
        _time(runner, Scheduler(Blocks(room.blocks), config.step_tokens, 1), arch.vocab_size, 1, prompt, min(tokens, WARM_UP))
        table = Table("answers at a time", "prefill tokens/s", "decode ms/step", "decode tokens/s")
        for batch in batches:
            scheduler = Scheduler(Blocks(room.blocks), config.step_tokens, batch, drafts=config.drafts)
            timing = _time(runner, scheduler, arch.vocab_size, batch, prompt, tokens)
            step, rate = statistics.median(timing.decode), timing.rows / sum(timing.decode)
            table.add_row(str(batch), f"{batch * prompt / timing.prefill:,.0f}", f"{step * 1e3:.2f}", f"{rate:,.0f}")
        console.print(table)


def _time(runner: Runner, scheduler: Scheduler, vocab: int, batch: int, prompt: int, tokens: int) -> Timing:
    """Run ``batch`` answers of ``tokens`` tokens to random prompts, from the first to the last step."""
    random = np.random.default_rng(batch)
    for request in range(batch):
        ids = random.integers(0, vocab, prompt).tolist()
        scheduler.submit(Submit(request, ids, Sampling(seed=request, temperature=0.0), tokens, [], "bench"))
    timing = Timing()
    while not scheduler.idle:
        begin = time.perf_counter()
        plan = scheduler.schedule()
        scheduler.advance(plan, runner.run(plan))
        seconds = time.perf_counter() - begin
        scheduler.cost.observe(plan.rows, seconds)
        if any(piece.start < prompt for piece in plan.pieces):
            timing.prefill += seconds
        else:
            timing.decode.append(seconds)
            timing.rows += len(plan.pieces)
    return timing
