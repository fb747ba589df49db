"""Doubles that stand behind public seams. ``FakeEngine`` is an Engine that plays scripts and records what was done to it."""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from reckon.catalog.card import Card, Price
from reckon.engines.base import Health, Prepared, Take
from reckon.errors import ApiError, ContextLengthExceeded
from reckon.job import CallDelta, Delta, Event, Finish, FinishReason, Job, Usage
from reckon.link import Counters

Step: TypeAlias = Event | BaseException | float | Callable[[], object]
"""Of a script: an event to give, an exception to raise, seconds to wait, or a function to call (awaited when it is async)."""

CARD = Card(id="fake/model", description="Says what it is told to say.", context=128, price=Price(120, 180), created=1732752000)

READY = Health(ready=True, progressing=True, state="ready", running=0, waiting=0)


def say(*texts: str, choice: int = 0, reason: FinishReason = "stop") -> list[Event]:
    """One choice that says the texts; the engine fills in the usage, one token a text."""
    return [*(Delta(choice, "content", text) for text in texts), Finish(choice, reason, Usage())]


class FakeRun:
    """Plays one script. A piece of an answer counts as one token; a Finish that brings its own usage keeps it."""

    def __init__(self, prepared: Prepared, script: list[Step], counters: Counters) -> None:
        self.prepared = prepared
        self.cancels = 0
        self.given: list[Event] = []
        self.cancel_failure: Exception | None = None
        self._script = script
        self._counters = counters
        self._counted = False

    async def play(self, take: Take) -> None:
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif callable(step):
                result = step()
                if inspect.isawaitable(result):
                    await result
            else:
                take(self._give(step))
        self._count()

    async def cancel(self) -> Usage:
        self.cancels += 1
        await asyncio.sleep(0)
        if self.cancel_failure is not None:
            raise self.cancel_failure
        self._script.clear()
        self._count()
        return self._used()

    def _used(self) -> Usage:
        finished = {event.choice: event.usage for event in self.given if isinstance(event, Finish)}
        open_choices = set(range(self.prepared.job.n)) - finished.keys()
        return sum((self._usage(choice) for choice in open_choices), sum(finished.values(), Usage()))

    def _give(self, event: Event) -> Event:
        if isinstance(event, Finish) and event.usage == Usage():
            event = msgspec.structs.replace(event, usage=self._usage(event.choice))
        self.given.append(event)
        return event

    def _usage(self, choice: int) -> Usage:
        pieces = [event for event in self.given if isinstance(event, Delta | CallDelta) and event.choice == choice]
        return Usage(0 if choice else len(self.prepared.prompt), 0, len(pieces))

    def _count(self) -> None:
        if not self._counted:
            self._counted = True
            used = self._used()
            self._counters.prompt += used.prompt_tokens
            self._counters.cached += used.cached_tokens
            self._counters.completion += used.completion_tokens


class MeteredRun(FakeRun):
    """One that can also say what it used so far."""

    def used(self) -> Usage:
        return self._used()


@dataclasses.dataclass
class FakeEngine:
    """Answers " Hi!" in two tokens unless something else was enqueued. A prompt's tokens are its words.

    ``refusal`` is raised by ``admit``, ``failure`` by ``start``, ``cancel_failure`` by runs' ``cancel``; ``state`` is what
    ``health`` says, ``on_prepare`` is called with each job, and runs that are not ``metered`` cannot say what they used so far.
    """

    card: Card = CARD
    fingerprint: str = "fp_fake"
    repeatable: bool = True
    refusal: ApiError | None = None
    failure: Exception | None = None
    cancel_failure: Exception | None = None
    on_prepare: Callable[[Job], object] | None = None
    metered: bool = True
    defaults: dict[str, float] = dataclasses.field(default_factory=dict)
    state: Health = READY
    jobs: list[Job] = dataclasses.field(default_factory=list)
    runs: list[FakeRun] = dataclasses.field(default_factory=list)
    started: int = 0
    closed: int = 0
    _scripts: list[list[Step]] = dataclasses.field(default_factory=list)
    _counters: Counters = dataclasses.field(default_factory=Counters)

    def enqueue(self, *steps: Step) -> None:
        """The script of the next run that has none."""
        self._scripts.append(list(steps))

    async def start(self) -> None:
        self.started += 1
        if self.failure is not None:
            raise self.failure

    async def prepare(self, job: Job) -> Prepared:
        self.jobs.append(job)
        if self.on_prepare is not None:
            self.on_prepare(job)
        texts = [message.content or "" for message in job.messages] if job.prompt is None else [job.prompt]
        words = sum(len(text.split()) for text in texts)
        if words >= self.card.context:
            raise ContextLengthExceeded(
                f"This model's context is {self.card.context} tokens; the prompt has {words}.",
                param="messages" if job.prompt is None else "prompt",
            )
        room = self.card.context - words
        return Prepared(job, list(range(words)), room if job.max_tokens is None else min(job.max_tokens, room))

    def admit(self, prepared: Prepared) -> None:
        if self.refusal is not None:
            raise self.refusal

    def run(self, prepared: Prepared) -> FakeRun:
        script = self._scripts.pop(0) if self._scripts else _default(prepared)
        run = (MeteredRun if self.metered else FakeRun)(prepared, script, self._counters)
        run.cancel_failure = self.cancel_failure
        self.runs.append(run)
        return run

    def health(self) -> Health:
        return self.state

    def counters(self) -> Counters:
        return self._counters

    async def close(self) -> None:
        self.closed += 1


def _default(prepared: Prepared) -> list[Step]:
    texts = (" Hi", "!")[: prepared.max_tokens]
    return [
        event
        for choice in range(prepared.job.n)
        for event in say(*texts, choice=choice, reason="stop" if len(texts) == 2 else "length")
    ]
