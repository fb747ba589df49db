"""What a long queue costs the scheduler: schedule() and advance() alone, without a model, for ``reckon bench api``."""

import time
from collections.abc import Callable, Iterator

import msgspec

from reckon.bench.percentiles import Spread
from reckon.devices.batch import BLOCK_SIZE
from reckon.job import Sampling
from reckon.link import Submit
from reckon.worker.blocks import Blocks
from reckon.worker.scheduler import Scheduler
from reckon.worker.sequence import Pick

BLOCKS = 1024
PLACES = 64
STEPS = 300
WARM_UP = 20
PROMPT = 100
LONG = 60_000
"""Tokens of a prompt that finds half of itself in the prefix cache and has no room for the rest."""
KNOWN = 512 * BLOCK_SIZE
STEP_TOKENS = 4096


class Row(msgspec.Struct, frozen=True):
    """Seconds of a step's scheduling, with ``waiting`` answers in the queue."""

    queue: str
    waiting: int
    step: Spread


def measure(queued: int) -> list[Row]:
    """The first row is of an empty queue; PLACES answers, or one less, are being generated in all of them."""
    kinds: dict[str, Callable[[int], Iterator[Submit]]] = {
        "empty": lambda count: iter(()),
        "places are taken": _alone,
        "choices of four wait for their leaders": _groups,
        "a long prompt waits for blocks": _behind_a_long_one,
    }
    return [_measure(name, make(queued), PLACES - (make is _behind_a_long_one)) for name, make in kinds.items()]


def _measure(name: str, submits: Iterator[Submit], running: int) -> Row:
    scheduler = Scheduler(Blocks(BLOCKS), STEP_TOKENS, PLACES, drafts=False)
    _keep_a_prefix(scheduler)
    for request in range(running):
        scheduler.submit(_ask(10**6 + request, most=10**6))
    while scheduler.waiting:
        _step(scheduler)
    for submit in submits:
        scheduler.submit(submit)
    seconds = [_step(scheduler) for _ in range(WARM_UP + STEPS)][WARM_UP:]
    return Row(name, scheduler.waiting, Spread.of(seconds))


def _keep_a_prefix(scheduler: Scheduler) -> None:
    """Compute a prompt and let it go: its blocks stay in the prefix cache."""
    scheduler.submit(Submit(10**7, [7] * KNOWN, Sampling(seed=0), 1, [], "bench"))
    while not scheduler.idle:
        _step(scheduler)


def _step(scheduler: Scheduler) -> float:
    begin = time.perf_counter()
    plan = scheduler.schedule()
    planned = time.perf_counter()
    picks = [[Pick(5)] * (1 + len(piece.drafts)) for piece in plan.pieces if piece.samples]
    picked = time.perf_counter()
    scheduler.advance(plan, picks)
    return time.perf_counter() - picked + planned - begin


def _ask(request: int, most: int = 16, leader: int | None = None) -> Submit:
    prompt = [request % 1000, *range(1, PROMPT)]
    return Submit(request, prompt, Sampling(seed=request), most, [], "bench", 0 if leader is None else 1, leader)


def _alone(count: int) -> Iterator[Submit]:
    return (_ask(request) for request in range(count))


def _groups(count: int) -> Iterator[Submit]:
    return (_ask(request, leader=request - request % 4 if request % 4 else None) for request in range(count))


def _behind_a_long_one(count: int) -> Iterator[Submit]:
    yield Submit(10**8, [7] * LONG, Sampling(seed=0), 16, [], "bench")
    yield from _alone(count - 1)
