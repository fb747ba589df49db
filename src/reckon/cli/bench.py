"""What ``reckon bench`` does: times prefill and decode of a device through the real scheduler and sampler, without the API.

Runs the worker's rooms in this process. Timings are medians over steps; the machine's noise is the reader's to judge.
"""

import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.devices.select import select
from reckon.job import Sampling
from reckon.link import Submit
from reckon.models.arch import read_arch
from reckon.models.weights import Weights
from reckon.worker.blocks import Blocks
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Scheduler


def measure(config: Config, model: str, batches: list[int], prompt: int, tokens: int) -> None:
    """Print a row per batch size: prefill tokens/s, decode step in ms, decode tokens/s."""
    console = Console()
    directory = resolve(model).directory
    arch, weights = read_arch(directory), Weights.open(directory)
    device = select(config.device, config.threads, config.home / "compiled")
    runner = Runner(device)
    begin = time.perf_counter()
    runner.load(arch, weights, lambda phase, done, total: None)
    console.print(f"{model} on {device.numeric_path}: loaded in {time.perf_counter() - begin:.1f} s")
    room = runner.allocate(arch, int(config.kv_memory_gb * 1e9), min(arch.context, prompt + tokens), max(batches))
    table = Table("answers at a time", "prefill tokens/s", "decode ms/step", "decode tokens/s")
    _time(runner, room.blocks, config.step_tokens, arch.vocab_size, 1, 16, 8)
    for batch in batches:
        prefill, step = _time(runner, room.blocks, config.step_tokens, arch.vocab_size, batch, prompt, tokens)
        table.add_row(str(batch), f"{batch * prompt / prefill:,.0f}", f"{step * 1e3:.2f}", f"{batch / step:,.0f}")
    console.print(table)
    runner.close()


def _time(
    runner: Runner, blocks: int, step_tokens: int, vocab: int, batch: int, prompt: int, tokens: int
) -> tuple[float, float]:
    """Seconds of the whole prefill, and of the median decode step."""
    scheduler = Scheduler(Blocks(blocks), step_tokens, batch)
    random = np.random.default_rng(batch)
    for request in range(batch):
        ids = random.integers(0, vocab, prompt).tolist()
        scheduler.submit(Submit(request, ids, Sampling(seed=request, temperature=0.0), tokens, [], "bench"))
    prefill, steps = 0.0, []
    while not scheduler.idle:
        begin = time.perf_counter()
        plan = scheduler.schedule()
        scheduler.advance(plan, runner.run(plan))
        seconds = time.perf_counter() - begin
        if any(piece.count > 1 for piece in plan.pieces):
            prefill += seconds
        else:
            steps.append(seconds)
    return prefill, statistics.median(steps)
