"""What ``reckon bench engine`` does: prefill and decode of a device through the real scheduler and sampler.

Runs the worker's rooms in this process. Decoding at a long context does not wait for its prompts: their blocks are handed to
the prefix cache as if they had been computed, zeroed, so that they are memory like any other. Timings are medians over steps.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from reckon.bench import record
from reckon.bench.document import where
from reckon.bench.memory import read_rate
from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.devices.batch import BLOCK_SIZE
from reckon.devices.select import select
from reckon.errors import BadSetting
from reckon.job import Sampling
from reckon.link import Submit
from reckon.models.arch import Arch, read_arch, read_generation
from reckon.models.weights import Weights
from reckon.screen import screen
from reckon.worker.blocks import Blocks, Chain
from reckon.worker.drafts import MOST
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Plan, Scheduler

SALT = "bench"
WARM_UP = 3
"""Steps of each size before any is timed."""


@dataclass(frozen=True, slots=True)
class Decode:
    """Steps of ``batch`` answers that each stand at ``context``; ``phases`` is where a step's time goes, by share."""

    context: int
    batch: int
    step_ms: float
    tokens_per_second: float
    tokens_per_step: float
    read_gb_per_second: float
    phases: dict[str, float]


@dataclass(frozen=True, slots=True)
class Prefill:
    """One prompt of ``context`` tokens."""

    context: int
    tokens_per_second: float


@dataclass(slots=True)
class Measured:
    model: str
    path: str
    threads: int
    load_seconds: float
    memory_gb_per_second: float
    weights: str
    prefill: list[Prefill] = field(default_factory=list)
    decode: list[Decode] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """A loaded device and what came with its model; loading took ``load_seconds``."""

    runner: Runner
    device: Any
    arch: Arch
    blocks: int
    config: Config
    load_seconds: float
    stop_tokens: list[int]

    @property
    def on_cpu(self) -> bool:
        # By its name: whoever imports its module before ``select`` runs what was compiled from other sources.
        return bool(self.device.name == "cpu")

    @property
    def threads(self) -> int:
        return self.device.threads if self.on_cpu else 1

    def scheduler(self, batch: int) -> Scheduler:
        return Scheduler(Blocks(self.blocks), self.config.step_tokens, batch, drafts=self.config.drafts)

    def step(self, scheduler: Scheduler, also_new: list[int] | None = None) -> tuple[Plan, float]:
        """The step's plan and seconds, scheduling and sampling included; ``also_new`` are blocks to be cleared."""
        begin = time.perf_counter()
        plan = scheduler.schedule()
        plan.new_blocks += also_new or []
        scheduler.advance(plan, self.runner.run(plan))
        seconds = time.perf_counter() - begin
        scheduler.cost.observe(plan.rows, seconds)
        return plan, seconds

    def prompt(self, request: int, length: int) -> list[int]:
        tokens: list[int] = np.random.default_rng(request).integers(0, self.arch.vocab_size, length).tolist()
        return tokens

    def prefill(self, context: int) -> Prefill:
        scheduler, seconds = self.scheduler(1), 0.0
        scheduler.submit(_ask(0, self.prompt(0, context), 1))
        while not scheduler.idle:
            seconds += self.step(scheduler)[1]
        return Prefill(context, context / seconds)

    def decode(self, context: int, batch: int, steps: int) -> Decode:
        scheduler, tokens = self.scheduler(batch), most_tokens(steps, batch, self.config)
        new = [block for request in range(batch) for block in self._submit_known(scheduler, request, context, tokens)]
        while not _decodes(self.step(scheduler, new)[0]) or scheduler.waiting:
            new = []
        for _ in range(WARM_UP):
            self.step(scheduler)
        seconds, read = list[float](), list[int]()
        before = scheduler.counters.accepted
        while len(seconds) < steps and scheduler.running == batch:
            plan, took = self.step(scheduler)
            seconds.append(took)
            read.append(self.device.step_bytes(plan.rows))
        phases = self.device.phase_shares() if self.on_cpu else {}
        each = batch + (scheduler.counters.accepted - before) / len(seconds)
        step = statistics.median(seconds)
        bytes_read = statistics.mean(read) + batch * context * self.device.block_bytes() / BLOCK_SIZE
        return Decode(context, batch, step * 1e3, each * len(seconds) / sum(seconds), each, bytes_read / step / 1e9, phases)

    def _submit_known(self, scheduler: Scheduler, request: int, context: int, tokens: int) -> list[int]:
        """Ask for an answer whose prompt the cache knows, up to the last block. Returns the blocks that hold it."""
        prompt, blocks = self.prompt(request, context), scheduler.blocks
        table = blocks.take((context - 1) // BLOCK_SIZE)
        blocks.remember(prompt, len(table) * BLOCK_SIZE, table, Chain(SALT))
        blocks.release(table)
        scheduler.submit(_ask(request, prompt, tokens))
        return table


def measure(
    config: Config,
    model: str,
    batches: list[int],
    contexts: list[int],
    steps: int,
    prefill: bool = True,
    json_file: Path | None = None,
) -> Measured:
    """Print a table of prefill, and one of decode by context and batch; what has no room is left out and named.

    Raises SetupError when the model cannot be loaded, or a context is longer than its own.
    """
    console = screen(160)
    longest = max(contexts) + most_tokens(steps, max(batches), config)
    with loaded(config, model, longest, max(batches)) as bench:
        threads, path, weights = bench.threads, bench.device.numeric_path, bench.device.weights
        measured = Measured(model, path, threads, bench.load_seconds, read_rate(threads) / 1e9, weights)
        console.print(f"{model} on {path}, {threads} threads, weights {weights}: loaded in {bench.load_seconds:.1f} s")
        _prefills(bench, measured, contexts if prefill else [], console)
        _decodings(bench, measured, batches, contexts, steps, console)
    if json_file:
        record.write(json_file, record.record("engine", msgspec.to_builtins(measured)))
    return measured


@contextmanager
def loaded(config: Config, model: str, longest: int, batch: int) -> Iterator[Bench]:
    """A device with a model, and room for ``batch`` answers of ``longest`` tokens if the memory for KV has it.

    Raises SetupError when the model cannot be loaded, BadSetting when ``longest`` is more than its context.
    """
    directory = resolve(model).directory
    arch, weights = read_arch(directory), Weights.open(directory)
    stop_tokens = list(read_generation(directory).eos_token_ids)
    if longest > arch.context:
        raise BadSetting(f"a prompt and what is said after it must be at most {arch.context} tokens here, not {longest}")
    device = select(config.device, config.threads, config.weights, config.home / "compiled", config.kv_bytes)
    with closing(Runner(device)) as runner:
        begin = time.perf_counter()
        runner.load(arch, weights, lambda phase, done, total: None)
        seconds = time.perf_counter() - begin
        room = runner.allocate(arch, config.kv_bytes, longest, batch)
        yield Bench(runner, device, arch, room.blocks, config, seconds, stop_tokens)


def _prefills(bench: Bench, measured: Measured, contexts: list[int], console: Console) -> None:
    if contexts:
        bench.prefill(min(contexts))  # touches memory for the first time
    for context in contexts:
        measured.prefill.append(bench.prefill(context))
        console.print(f"prefill of {context:,}: {measured.prefill[-1].tokens_per_second:,.0f} tokens/s")


def _decodings(bench: Bench, measured: Measured, batches: list[int], contexts: list[int], steps: int, console: Console) -> None:
    table = Table("context", "answers", "ms/step", "tokens/s", "tokens/step", "GB/s read", "where the time goes")
    for context in contexts:
        for batch in batches:
            if batch * -(-(context + most_tokens(steps, batch, bench.config)) // BLOCK_SIZE) > bench.blocks:
                table.add_row(f"{context:,}", str(batch), "no room for its KV blocks")
                continue
            row = bench.decode(context, batch, steps)
            measured.decode.append(row)
            table.add_row(f"{context:,}", str(batch), *_cells(row))
    console.print(table)
    console.print(f"Memory can be read at {measured.memory_gb_per_second:.1f} GB/s here by {measured.threads} threads.")


def _cells(row: Decode) -> tuple[str, ...]:
    rate, each, read = f"{row.tokens_per_second:,.0f}", f"{row.tokens_per_step:.2f}", f"{row.read_gb_per_second:.1f}"
    return f"{row.step_ms:.2f}", rate, each, read, where(row.phases)


def most_tokens(steps: int, batch: int, config: Config) -> int:
    """What an answer may say in so many steps, and in those before: the ends of all prompts are computed first."""
    before = WARM_UP + 2 + batch * BLOCK_SIZE // config.step_tokens
    return (steps + before) * (1 + MOST * config.drafts)


def _ask(request: int, prompt: list[int], tokens: int) -> Submit:
    return Submit(request, prompt, Sampling(seed=request, temperature=0.0), tokens, [], SALT)


def _decodes(plan: Plan) -> bool:
    """Whether no piece computes any of a prompt."""
    return all(piece.start >= piece.sequence.prompt_length for piece in plan.pieces)
