"""One job on its way back: token ids of each choice become text, calls and endings. Also the job's journal.

Knows text and the link's messages; which worker they come from and whether it is still the first one, native.py knows.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator

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

SLICE = 8
"""Messages that are handed to runs before others get their turn. Each wakes a task that reads, frames and writes: a step of
thousands of answers in one go would hold up everything else for all of them."""
END = 4
"""How many others an answer's end counts for, which also has to be paid."""


class Turns:
    """Who hands out messages says so here, and waits while others have their turn."""

    def __init__(self) -> None:
        self._left = SLICE

    async def gave(self, *, ended: bool) -> None:
        """A message was handed out, an answer's end or not."""
        self._left -= END if ended else 1
        if self._left <= 0:
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
        self.stopping = False
        self.restarts = 0
        self._decoder = tokenizer.decoder()
        self._splitter = Splitter(job.stop, bool(job.tools))
        self._scores = Scores(tokenizer)
        self._read = 0
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

    def read(self, token: int, score: Score | None = None) -> Iterator[Event]:
        """The events of one more token. Sets ``stopping`` when a stop string was found: the rest is not wanted."""
        self._read += 1
        start, text = self._length, self._decoder.push(token)
        self._length += len(text)
        if score is not None:
            self._scores.add(token, score, start, self._length + self._decoder.holding)
        pieces = self._splitter.push(text)
        self.stopping = self._splitter.stopped
        decided = self._splitter.decided
        yield from self._events(pieces, self._scores.cut(decided) if self.stopping else self._scores.due(decided))

    @property
    def kept(self) -> int:
        """Tokens up to the one that completed a stop string."""
        return self._read

    def finish(self, done: Done) -> Iterator[Event]:
        """What was held back, and the ending."""
        if not self.stopping:
            pieces = self._splitter.push(self._decoder.flush()) + self._splitter.finish()
            stopped = self._splitter.stopped
            yield from self._events(pieces, self._scores.cut(self._splitter.decided) if stopped else self._scores.rest())
        reason: FinishReason = "stop" if self._splitter.stopped else done.reason
        if reason == "stop" and self._splitter.called:
            reason = "tool_calls"
        yield Finish(self.index, reason, done.usage, self._splitter.stop)

    def _events(self, pieces: list[Piece], scores: tuple[Scored, ...]) -> Iterator[Event]:
        """``scores`` go with the first text; where there is none (the tokens became a call, say), with an empty one."""
        if scores and not any(isinstance(piece, Text) for piece in pieces):
            yield Delta(self.index, "content", "", scores)
        for piece in pieces:
            match piece:
                case Text(channel, text):
                    yield Delta(self.index, channel, text, scores)
                    scores = ()
                case CallStart(index, name):
                    yield CallDelta(self.index, index, "", id=self._call_id(index), name=name)
                case CallArguments(index, fragment):
                    yield CallDelta(self.index, index, fragment)

    def _call_id(self, index: int) -> str:
        """The same whenever the same is asked; another one for another turn of a conversation, whose prompt is longer."""
        asked = self.submit.prompt, self.submit.sampling.seed, self.index, index
        return "call_" + hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:24]


class NativeRun:
    """engines/base.py's Run over a worker. ``abort`` sends an Abort to whichever worker there is."""

    def __init__(self, choices: list[Choice], abort: Callable[[Abort], None]) -> None:
        self._choices = {choice.submit.request: choice for choice in choices}
        self._abort = abort
        self._early: list[Message] = []  # came before anybody listened
        self._take: Take | None = None
        self._unfinished = len(choices)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
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
        if self._take is None:
            self._early.append(message)
        else:
            self._read(message, self._take)

    async def play(self, take: Take) -> None:
        for message in self._early:  # grows while it is read, when that leads to an end
            self._read(message, take)
        self._take = take
        await self._over

    def _read(self, message: Message, take: Take) -> None:
        """Give its events to whoever listens, until that is over."""
        if self._over.done():
            return
        try:
            for event in self._events(message):
                take(event)
        except Exception as error:  # of this answer, whatever it is
            self._over.set_exception(error)
        if not self._unfinished and not self._over.done():
            self._over.set_result(None)

    def _events(self, message: Message) -> Iterator[Event]:
        choice = self._choices[message.request]
        if isinstance(message, Failed):
            raise choice.error(message)
        if isinstance(message, Gone):
            raise EngineUnavailable(message.message)
        if isinstance(message, Done):
            self._unfinished -= 1
            yield from choice.finish(message)
            return
        scores: Iterable[Score | None] = itertools.repeat(None) if message.scores is None else message.scores
        for token, score in zip(message.ids, scores, strict=False):
            if choice.stopping:
                return
            yield from choice.read(token, score)
            if choice.stopping:
                self._abort(Abort(choice.submit.request, choice.kept))

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
