"""An engine that computes nothing: a fixed text at a given pace, so that what is left of an answer's time is the API's.

Stands behind ``engines/base.py``. Template, tokenizer, journal, decoding and splitting are the real ones (``NativeRun``), only
the worker and the link to it are missing.
"""

import asyncio
import itertools
import time
from collections.abc import Mapping
from pathlib import Path

from reckon.catalog.card import Card
from reckon.engines.answer import Choice, NativeRun, Turns
from reckon.engines.base import Health, Prepared
from reckon.job import Job, Usage
from reckon.link import Abort, Counters, Done, EndReason, Submit, Tokens
from reckon.text.template import ChatTemplate
from reckon.text.tokenizer import Tokenizer

TEXT = " The quick brown fox jumps over the lazy dog, and 12 × 12 = 144."


class Clock:
    """When the engine was asked, gave its first token and its last, by the monotonic clock: what is not the API's time."""

    __slots__ = ("asked", "ended", "first")

    def __init__(self) -> None:
        self.asked = time.monotonic()
        self.first = self.ended = 0.0


class MockEngine:
    """A token for each answer every ``pace`` seconds; with 0, all of them as soon as it is asked."""

    fingerprint = "reckon-mock"
    repeatable = True
    defaults: Mapping[str, float] = {}

    def __init__(self, card: Card, directory: Path, pace: float) -> None:
        self.card = card
        self.clocks: dict[int, Clock] = {}
        """By the request's seed, which the bench chooses; emptied by whoever reads them."""
        self.given = 0
        """Tokens, of all answers."""
        self._pace = pace
        self._tokenizer = Tokenizer.from_directory(directory)
        self._template = ChatTemplate.from_directory(directory)
        self._text = self._tokenizer.encode_text(TEXT)
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[NativeRun, Choice]] = {}
        self._counters = Counters()
        self._steps: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._pace:
            self._steps = asyncio.create_task(self._step_for_ever())

    async def prepare(self, job: Job) -> Prepared:
        prompt = self._tokenizer.encode(self._template.render(job.messages, job.tools, job.continues))
        return Prepared(job, prompt, job.max_tokens or 1)

    def admit(self, prepared: Prepared) -> None:
        """Takes everything."""

    def run(self, prepared: Prepared) -> NativeRun:
        job = prepared.job
        submit = Submit(next(self._numbers), prepared.prompt, job.sampling, prepared.max_tokens, [], job.account)
        choice = Choice(submit, prepared, self._tokenizer)
        run = NativeRun([choice], self._abort, lambda tokens: None)
        self._open[submit.request] = (run, choice)
        self.clocks[job.sampling.seed] = Clock()
        while not self._pace and submit.request in self._open:
            self._deliver(submit.request)
        return run

    def health(self) -> Health:
        return Health(True, True, "ready", len(self._open), 0)

    def counters(self) -> Counters:
        return self._counters

    async def close(self) -> None:
        if self._steps is not None:
            self._steps.cancel()

    def _deliver(self, request: int) -> None:
        """The next token of an answer, with its end when it is the last; nothing when it has ended meanwhile."""
        if request not in self._open:
            return
        run, choice = self._open[request]
        self.given += 1
        given = len(choice.tokens)
        if not given and (clock := self.clocks.get(choice.submit.sampling.seed)):
            clock.first = time.monotonic()
        run.deliver(choice, Tokens(request, [self._text[given % len(self._text)]]))
        if given + 1 >= choice.submit.max_tokens and request in self._open:
            run.deliver(choice, self._end(request, "length", given + 1))

    def _end(self, request: int, reason: EndReason, completion: int) -> Done:
        _, choice = self._open.pop(request)
        if clock := self.clocks.get(choice.submit.sampling.seed):
            clock.ended = time.monotonic()
        self._counters.prompt += len(choice.submit.prompt)
        self._counters.completion += completion
        return Done(request, reason, Usage(len(choice.submit.prompt), 0, completion))

    def _abort(self, abort: Abort) -> None:
        if abort.request in self._open:
            run, choice = self._open[abort.request]
            run.deliver(choice, self._end(abort.request, "abort", len(choice.tokens)))

    async def _step_for_ever(self) -> None:
        """Steps begin at multiples of the pace; what a late one has missed is not made up for."""
        clock, turns = asyncio.get_running_loop().time, Turns()
        while True:
            await asyncio.sleep(self._pace - clock() % self._pace)
            for request in list(self._open):
                self._deliver(request)
                await turns.gave(ended=request not in self._open)
