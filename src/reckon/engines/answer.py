"""One job on its way back: token ids of each choice become text, calls and endings. Also the job's journal.

Knows text and the link's messages; which worker they come from and whether it is still the first one, native.py knows.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable

import msgspec

from reckon.engines.base import Prepared, Take
from reckon.engines.grammars import refusal
from reckon.engines.scores import Scores
from reckon.errors import ApiError, EngineFailed, EngineUnavailable
from reckon.job import CallDelta, Delta, Event, Finish, FinishReason, Scored, Usage
from reckon.link import Abort, Done, Failed, Score, Submit, Tokens
from reckon.text.pieces import CallArguments, CallStart, Piece, Text
from reckon.text.splitter import Splitter
from reckon.text.tokenizer import Tokenizer


class Gone(msgspec.Struct, frozen=True):
    """What stands for a Done when there will be no engine any more."""

    request: int
    message: str


Message = Tokens | Done | Failed | Gone

NO_SCORES: Iterable[None] = itertools.repeat(None)

SLICE = 8
"""Tokens that are handed to runs before others get their turn. Each is read, framed and written on the way: a step of
thousands of answers in one go would hold up everything else for all of them. An answer's end, which has to be paid, is a slice
of its own."""


class Turns:
    """Who hands out messages says so here, and waits while others have their turn."""

    def __init__(self) -> None:
        self._left = SLICE

    async def gave(self, *, ended: bool) -> None:
        """A message was handed out, an answer's end or not."""
        self._left -= 1
        if ended or self._left <= 0:
            self._left = SLICE
            await asyncio.sleep(0)


class Choice:
    """One of a job's answers. ``tokens`` is its journal: all that any worker has given for it, read or not yet read."""

    def __init__(self, submit: Submit, prepared: Prepared, tokenizer: Tokenizer) -> None:
        job = prepared.job
        self.submit = submit
        self.index = submit.choice
        self.tokens: list[int] = []
        self.ended: Done | Failed | Gone | None = None
        self.restarts = 0
        self.kept = 0
        """Tokens read; when a stop string was found, up to the one that completed it."""
        self._decoder = tokenizer.decoder()
        self._splitter = Splitter(job.stop, bool(job.tools))
        self._scores = Scores(tokenizer) if submit.logprobs >= 0 else None
        self._length = 0  # characters decoded

    @property
    def usage(self) -> Usage:
        """What the engine charged."""
        return self.ended.usage if isinstance(self.ended, Done | Failed) else Usage()

    def error(self, failed: Failed) -> ApiError:
        """What the client is told, by whose fault it was."""
        if failed.fault == "grammar" and self.submit.grammar is not None:
            return refusal(self.submit.grammar, failed.message)
        return EngineFailed(failed.message)

    def again(self) -> Submit:
        """The same request with what is already known of its answer: another worker goes on after the last token."""
        return msgspec.structs.replace(self.submit, generated=self.tokens)

    def end_by_journal(self, keep: int | None = None) -> Done:
        """The Done of a worker that cannot give it any more."""
        completion = len(self.tokens) if keep is None else min(keep, len(self.tokens))
        prompt = len(self.submit.prompt) if self.submit.leader is None and completion else 0
        return Done(self.submit.request, "abort", Usage(prompt, 0, completion))

    @property
    def stopping(self) -> bool:
        """Whether a stop string was found: the rest is not wanted."""
        return self._splitter.stopped

    def read(self, token: int, score: Score | None = None) -> list[Event]:
        """The events of one more token."""
        self.kept += 1
        start, text = self._length, self._decoder.push(token)
        self._length += len(text)
        pieces = self._splitter.push(text)
        if self._scores is None:
            return [self._event(piece) for piece in pieces]
        if score is not None:
            self._scores.add(token, score, start, self._length + self._decoder.holding)
        decided = self._splitter.decided
        return self._scored(pieces, self._scores.cut(decided) if self.stopping else self._scores.due(decided))

    def finish(self, done: Done) -> list[Event]:
        """What was held back, and the ending."""
        events: list[Event] = []
        if not self.stopping:
            pieces = self._splitter.push(self._decoder.flush()) + self._splitter.finish()
            scores: tuple[Scored, ...] = ()
            if self._scores is not None:
                scores = self._scores.cut(self._splitter.decided) if self.stopping else self._scores.rest()
            events = self._scored(pieces, scores)
        reason: FinishReason = "stop" if self.stopping else done.reason
        if reason == "stop" and self._splitter.called:
            reason = "tool_calls"
        return [*events, Finish(self.index, reason, done.usage, self._splitter.stop)]

    def _scored(self, pieces: list[Piece], scores: tuple[Scored, ...]) -> list[Event]:
        """``scores`` go with the first text; where there is none (the tokens became a call, say), with an empty one."""
        events = [self._event(piece) for piece in pieces]
        if scores:
            first = next((place for place, event in enumerate(events) if isinstance(event, Delta)), None)
            if first is None:
                return [Delta(self.index, "content", "", scores), *events]
            events[first] = msgspec.structs.replace(events[first], scores=scores)
        return events

    def _event(self, piece: Piece) -> Event:
        match piece:
            case Text(channel, text):
                return Delta(self.index, channel, text)
            case CallStart(index, name):
                return CallDelta(self.index, index, "", id=self._call_id(index), name=name)
            case CallArguments(index, fragment):
                return CallDelta(self.index, index, fragment)

    def _call_id(self, index: int) -> str:
        """The same whenever the same is asked; another one for another turn of a conversation, whose prompt is longer."""
        asked = self.submit.prompt, self.submit.sampling.seed, self.index, index
        return "call_" + hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:24]


class NativeRun:
    """engines/base.py's Run over a worker. ``abort`` sends an Abort to whichever worker there is, ``discard`` is told how many
    tokens the worker charged after a stop string."""

    def __init__(self, choices: list[Choice], abort: Callable[[Abort], None], discard: Callable[[int], None]) -> None:
        self._choices = {choice.submit.request: choice for choice in choices}
        self._abort, self._discard = abort, discard
        self._early: list[Message] = []  # came before anybody listened
        self._take: Take | None = None
        self._unfinished = len(choices)
        self._over = asyncio.Event()
        """Nothing is read any more: all was, or something failed, or whoever listened is gone."""
        self._failure: Exception | None = None
        self._all_ended = asyncio.Event()

    def deliver(self, choice: Choice, message: Message) -> None:
        """Called by the reader of the link, in order. The journal is written here, before anyone has read the token.

        Raises nothing: the reader has others to serve.
        """
        if choice.ended is not None:
            return
        if isinstance(message, Tokens):
            choice.tokens += message.ids
        else:
            choice.ended = message
            if all(other.ended is not None for other in self._choices.values()):
                self._all_ended.set()
        if self._take is not None:
            self._read(message, self._take)
        elif not self._over.is_set():
            self._early.append(message)

    async def play(self, take: Take) -> None:
        try:
            for message in self._early:  # grows while it is read, when that leads to an end
                self._read(message, take)
            self._take = take
            await self._over.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            # Who listens knows this run, and so does a failure's traceback: together they would be garbage that only a
            # collection finds.
            self._take = self._failure = None
            self._over.set()
            self._early.clear()

    def _read(self, message: Message, take: Take) -> None:
        """Give its events to whoever listens, until that is over."""
        if self._over.is_set():
            return
        try:
            if isinstance(message, Tokens):
                self._read_tokens(self._choices[message.request], message, take)
            else:
                self._read_end(self._choices[message.request], message, take)
        except Exception as error:  # of this answer, whatever it is
            self._failure = error
            self._over.set()
        if not self._unfinished:
            self._over.set()

    def _read_tokens(self, choice: Choice, tokens: Tokens, take: Take) -> None:
        if choice.stopping:
            return
        for token, score in zip(tokens.ids, tokens.scores or NO_SCORES, strict=False):
            for event in choice.read(token, score):
                take(event)
            if choice.stopping:
                self._abort(Abort(choice.submit.request, choice.kept))
                return

    def _read_end(self, choice: Choice, end: Done | Failed | Gone, take: Take) -> None:
        if isinstance(end, Failed):
            raise choice.error(end)
        if isinstance(end, Gone):
            raise EngineUnavailable(end.message)
        self._unfinished -= 1
        past = end.usage.completion_tokens - choice.kept
        if choice.stopping and past > 0:  # the worker was done before it heard of the stop string
            self._discard(past)
            usage = msgspec.structs.replace(end.usage, completion_tokens=choice.kept)
            end = choice.ended = msgspec.structs.replace(end, usage=usage)
        for event in choice.finish(end):
            take(event)

    def used(self) -> Usage:
        """What was read so far; what of the prompt was cached is known at the end only."""
        prompts = sum(len(choice.submit.prompt) for choice in self._choices.values() if choice.submit.leader is None)
        return Usage(prompts, 0, sum(choice.kept for choice in self._choices.values()))

    async def cancel(self) -> Usage:
        """Stop what still runs and return what all choices used."""
        for choice in self._choices.values():
            if choice.ended is None:
                self._abort(Abort(choice.submit.request, choice.kept if choice.stopping else None))
        await self._all_ended.wait()
        return sum((choice.usage for choice in self._choices.values()), Usage())
