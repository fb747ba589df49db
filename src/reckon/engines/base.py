"""The seam between the API and whatever answers: a prepared job in, a stream of events out. Knows no HTTP and no tensors.

``native`` (our own worker) and ``upstream`` (any OpenAI-compatible server) stand behind it, and a FakeEngine in tests.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import msgspec

from reckon.catalog.card import Card
from reckon.job import UNREPEATABLE, Event, Job, Usage


class Prepared(msgspec.Struct, frozen=True):
    """A job whose prompt is known in tokens: what admission, reservation and the run need.

    ``max_tokens`` is the most one choice can generate: the caller's wish, cut to what the context leaves.
    """

    job: Job
    prompt: list[int]
    max_tokens: int


class Health(msgspec.Struct, frozen=True):
    """``ready`` takes requests now; ``progressing`` is False when work exists and nothing moved for too long.

    ``held_blocks`` counts the KV blocks of running answers: 0 when there are none.
    """

    ready: bool
    progressing: bool
    state: str
    running: int
    waiting: int
    restarts: int = 0
    held_blocks: int = 0


Take: TypeAlias = Callable[[Event], None]
"""Whoever is given the events, one after the other, as soon as they are there; may raise. It must not take long: it is called
by whoever reads the engine's tokens, for a task that had to be woken for each would cost more than the token does."""


class Run(Protocol):
    """One job being answered."""

    async def play(self, take: Take) -> None:
        """Give the events to ``take``: for each choice any number of Delta and CallDelta, then one Finish. Called once.

        Ends with the last of them, or with whatever ``take`` raises, which ends this run and no other. Raises EngineFailed
        or EngineUnavailable when the answer cannot be completed.
        """

    async def cancel(self) -> Usage:
        """Stop what is still running and return what the job used in all, by the engine's own counts.

        Also after the last event and after an error, any number of times.
        """


class Engine(Protocol):
    """Order of calls: start once; prepare, admit, run per job; close once.

    ``defaults`` are the sampling values of requests that do not say theirs, where they are not the page's. ``repeatable``
    promises that requests with equal seeds have equal answers for as long as the ``fingerprint`` is the same.
    """

    card: Card
    fingerprint: str
    repeatable: bool
    defaults: Mapping[str, float]

    async def start(self) -> None:
        """Return when requests can be served. Raises SetupError when they never will be."""

    async def prepare(self, job: Job) -> Prepared:
        """Render, tokenise, and prove that a grammar compiles. Raises ContextLengthExceeded, InvalidRequest, InvalidField."""

    def admit(self, prepared: Prepared) -> None:
        """Raise QueueFull or EngineUnavailable when this job could not be taken now."""

    def run(self, prepared: Prepared) -> Run: ...

    def health(self) -> Health: ...

    async def close(self) -> None:
        """Stop at once. Whoever wants to drain waits for the runs first."""


def system_fingerprint(engine: Engine) -> str:
    """What answers show: the engine's fingerprint, and whether nothing is promised by it."""
    return engine.fingerprint if engine.repeatable else engine.fingerprint + UNREPEATABLE
