"""The worker's life: load, say Ready, then take messages, schedule, run, send, until the API process is gone.

Knows the link, the scheduler and the runner. One rule is kept here: every Submit is answered by exactly one Done or Failed,
whatever a step throws.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from reckon.devices.batch import BLOCK_SIZE
from reckon.devices.select import select
from reckon.errors import SetupError
from reckon.link import (
    Abort,
    Broken,
    Failed,
    FromWorker,
    Launch,
    LinkClosed,
    Loading,
    Ready,
    Stepped,
    Submit,
    ToWorker,
    WorkerEnd,
)
from reckon.models.arch import read_arch, read_generation
from reckon.models.identity import model_digest
from reckon.models.weights import Weights
from reckon.worker.blocks import Blocks
from reckon.worker.fingerprint import fingerprint
from reckon.worker.grammar import Grammars
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Plan, Scheduler

log = logging.getLogger(__name__)

COMPILE_SECONDS = 0.05
COMPILE_SHARE = 0.2
"""Grammars are compiled between steps, for so long at a time (and what the last one takes more), and for at most this share
of the time while answers are computed: a crowd of slow ones costs the others a fifth of their speed and not their answers."""


def serve(launch: Launch, link: WorkerEnd) -> int:
    """Run until the link closes. Returns the exit code: 0, or 1 when the worker could not start."""
    try:
        runner, ready, scheduler = start(launch, link)
        with contextlib.closing(runner):
            link.send([ready])
            Loop(link, scheduler, runner, launch.self_check).run()
    except SetupError as error:
        with contextlib.suppress(LinkClosed):
            link.send([Broken(error.message)])
        return 1
    except LinkClosed:
        log.info("the API process is gone; ending")
    return 0


def start(launch: Launch, link: WorkerEnd) -> tuple[Runner, Ready, Scheduler]:
    """Load the model and make the KV cache, reporting progress. Raises SetupError."""
    seconds: dict[str, float] = {}
    reported = time.monotonic()

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal reported
        now = time.monotonic()
        seconds[phase] = seconds.get(phase, 0.0) + now - reported
        reported = now
        link.send([Loading(phase, done, total)])

    progress("device", 0, 1)
    device = select(launch.device, launch.threads, launch.weights, Path(launch.cache), launch.kv_bytes)
    progress("device", 1, 1)
    directory = Path(launch.model)
    arch, weights = read_arch(directory), Weights.open(directory)
    runner = Runner(device)
    runner.load(arch, weights, progress)
    room = runner.allocate(arch, launch.kv_bytes, launch.context, launch.max_sequences)
    progress("digest", 0, 1)
    name = fingerprint(device, model_digest(directory, weights))
    progress("digest", 1, 1)
    weights.close()
    stop_tokens = list(read_generation(directory).eos_token_ids)
    progress("grammars", 0, 1)
    grammars = Grammars(directory, stop_tokens, arch.vocab_size)
    grammars.load()
    progress("grammars", 1, 1)
    phases = {phase: round(taken, 3) for phase, taken in seconds.items()}
    ready = Ready(
        device.numeric_path, name, room.context, stop_tokens, room.blocks * BLOCK_SIZE, room.bytes, phases,
        arch.vocab_size, device.repeatable,
    )  # fmt: skip
    scheduler = Scheduler(Blocks(room.blocks), launch.step_tokens, launch.max_sequences, grammars.matcher, drafts=launch.drafts)
    return runner, ready, scheduler


class Loop:
    """Steps while there is work, sleeps on the link while there is none."""

    def __init__(
        self,
        link: WorkerEnd,
        scheduler: Scheduler,
        runner: Runner,
        self_check: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._scheduler = scheduler
        self._runner = runner
        self._self_check = self_check
        self._steps = 0
        self._clock = clock
        self._compile_again = 0.0

    def run(self) -> None:
        """Raises LinkClosed when the API process is gone."""
        while True:
            idle = self._scheduler.idle
            if idle and self._self_check:
                self._scheduler.check()
            out = self._take(self._link.receive(None if idle else 0))
            out += self._compile()
            works = self._scheduler.steps
            if works:
                out += self._step()
            if works or out or self._scheduler.uncompiled:
                # Also after a step that gave no token: a long prompt's chunks are progress, and the API judges by the pulse.
                self._link.send([*out, self._pulse()])

    def _take(self, messages: list[ToWorker]) -> list[FromWorker]:
        out: list[FromWorker] = []
        for message in messages:
            if isinstance(message, Submit):
                out += self._scheduler.submit(message)
            elif isinstance(message, Abort):
                out += self._scheduler.abort(message)
        return out

    def _compile(self) -> list[FromWorker]:
        """Some of the grammars that wait for it, as many as the others' answers bear."""
        out: list[FromWorker] = []
        began = now = self._clock()
        if self._scheduler.steps and began < self._compile_again:
            return out
        while self._scheduler.uncompiled and now - began < COMPILE_SECONDS:
            out += self._scheduler.compile()
            now = self._clock()
        self._compile_again = began + (now - began) / COMPILE_SHARE
        return out

    def _step(self) -> list[FromWorker]:
        began = self._clock()
        plan = self._scheduler.schedule()
        self._steps += 1
        try:
            picks = self._runner.run(plan)
        except Exception:
            log.exception("step %d failed; its %d sequences run one by one", self._steps, len(plan.pieces))
            return self._one_by_one(plan)
        out = self._scheduler.advance(plan, picks)
        self._scheduler.cost.observe(plan.rows, self._clock() - began)
        return out

    def _one_by_one(self, plan: Plan) -> list[FromWorker]:
        """Find out whose fault it was. Rows are independent, so the innocent get the tokens they would have got."""
        out: list[FromWorker] = []
        for piece in plan.pieces:
            # Nobody can say whether the failed step got as far as clearing the new blocks.
            single = Plan([piece], [block for block in plan.new_blocks if block in piece.sequence.table])
            try:
                picks = self._runner.run(single)
            except Exception:
                log.exception("request %d failed alone", piece.sequence.request)
                self._scheduler.fail(piece.sequence)
                out.append(Failed(piece.sequence.request, "the engine could not compute this request"))
            else:
                out += self._scheduler.advance(single, picks)
        return out

    def _pulse(self) -> Stepped:
        scheduler = self._scheduler
        return Stepped(self._steps, scheduler.running, scheduler.waiting, scheduler.blocks.used, scheduler.counters)
