"""The two forms of an answer: chat and plain text, each as chunks and as a whole. Turns events into ``shapes.py``'s bodies.

Knows no stream and no engine. ``sse.py`` calls a Form for each event; an object is for one answer, of which it keeps count.
"""

import codecs
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from reckon.api.answers import shapes
from reckon.job import CallDelta, Delta, Event, Finish, Scored

LEAST = -9999.0
"""OpenAI's log probability of what is all but impossible: JSON has no minus infinity."""


class Head(msgspec.Struct, frozen=True):
    """What all bodies of an answer have in common, and how many ``choices`` it has."""

    id: str
    created: int
    model: str
    fingerprint: str
    choices: int

    def keys(self) -> dict[str, Any]:
        return {"id": self.id, "created": self.created, "model": self.model, "system_fingerprint": self.fingerprint}


class Form(Protocol):
    def opening(self) -> Iterable[shapes.AnyPiece]:
        """What a stream begins with, when its first event is there."""

    def piece(self, event: Event) -> shapes.AnyPiece: ...

    def empty(self) -> shapes.AnyChunk:
        """A chunk without choices: what all chunks of the answer have in common."""

    def whole(self, events: Sequence[Event], usage: shapes.UsageBody) -> shapes.Whole: ...


class ChatForm:
    """OpenAI's chat completion."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def opening(self) -> Iterator[shapes.ChunkChoice]:
        for index in range(self._head.choices):
            yield shapes.ChunkChoice(index, shapes.DeltaBody(role="assistant", content=""))

    def piece(self, event: Event) -> shapes.ChunkChoice:
        return _chat_piece(event)

    def empty(self) -> shapes.Chunk:
        return shapes.Chunk(**self._head.keys(), choices=[])

    def whole(self, events: Sequence[Event], usage: shapes.UsageBody) -> shapes.Completion:
        choices = [_Message() for _ in range(self._head.choices)]
        for event in events:
            choices[event.choice].add(event)
        bodies = [choice.body(index) for index, choice in enumerate(choices)]
        return shapes.Completion(**self._head.keys(), choices=bodies, usage=usage)


class TextForm:
    """OpenAI's older completion. ``echo`` is the text that stands before each answer."""

    def __init__(self, head: Head, echo: str = "") -> None:
        self._head = head
        self._echo = echo
        self._scores = [_TextScores(len(echo)) for _ in range(head.choices)]

    def opening(self) -> Iterator[shapes.TextChunkChoice]:
        for index in range(self._head.choices if self._echo else 0):
            yield shapes.TextChunkChoice(index, self._echo)

    def piece(self, event: Event) -> shapes.TextChunkChoice:
        if isinstance(event, Finish):
            return shapes.TextChunkChoice(event.choice, "", event.reason)
        scores = self._scores[event.choice].body(_scores(event))
        return shapes.TextChunkChoice(event.choice, _text(event), None, scores)

    def empty(self) -> shapes.TextChunk:
        return shapes.TextChunk(**self._head.keys(), choices=[])

    def whole(self, events: Sequence[Event], usage: shapes.UsageBody) -> shapes.TextCompletion:
        choices = []
        for index, scores in enumerate(self._scores):
            mine = [event for event in events if event.choice == index]
            text = self._echo + "".join(_text(event) for event in mine)
            reason = "".join(event.reason for event in mine if isinstance(event, Finish))
            scored = scores.body([score for event in mine for score in _scores(event)])
            choices.append(shapes.TextChoice(index, text, reason, scored))
        return shapes.TextCompletion(**self._head.keys(), choices=choices, usage=usage)


class _Message:
    """One choice of a chat, growing."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, shapes.ToolCall] = {}
        self._scores: list[Scored] = []
        self._reason = ""

    def add(self, event: Event) -> None:
        self._scores += _scores(event)
        if isinstance(event, Finish):
            self._reason = event.reason
        elif isinstance(event, Delta):
            (self._reasoning if event.channel == "reasoning" else self._content).append(event.text)
        else:
            call = self._calls.setdefault(event.index, shapes.ToolCall(id="", function=shapes.FunctionCall("", "")))
            call.id = call.id if event.id is None else event.id
            call.function.name = call.function.name if event.name is None else event.name
            call.function.arguments += event.arguments

    def body(self, index: int) -> shapes.Choice:
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        calls = [self._calls[number] for number in sorted(self._calls)]
        message = shapes.AnswerMessage(content=None if calls and not content else content)
        if reasoning:
            message.reasoning_content = reasoning
        if calls:
            message.tool_calls = calls
        return shapes.Choice(index, message, self._reason, _logprobs(self._scores))


class _TextScores:
    """The scores of one choice of a completion; ``offset`` is where its next token begins, in characters."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def body(self, scores: Sequence[Scored]) -> shapes.TextLogprobs | None:
        if not scores:
            return None
        body = shapes.TextLogprobs([], [], [], [])
        for score in scores:
            token = _legacy(score.bytes)
            body.tokens.append(token)
            body.token_logprobs.append(_finite(score.logprob))
            top = {_legacy(other.bytes): _finite(other.logprob) for other in score.top}
            body.top_logprobs.append({**top, token: _finite(score.logprob)})
            body.text_offset.append(self._offset)
            self._offset += len(self._decoder.decode(score.bytes))
        return body


def _chat_piece(event: Event) -> shapes.ChunkChoice:
    if isinstance(event, Finish):
        return shapes.ChunkChoice(event.choice, shapes.DeltaBody(), event.reason)
    if isinstance(event, CallDelta):
        return shapes.ChunkChoice(event.choice, shapes.DeltaBody(tool_calls=[_call(event)]))
    reasoning = event.channel == "reasoning"
    delta = shapes.DeltaBody(reasoning_content=event.text) if reasoning else shapes.DeltaBody(content=event.text)
    return shapes.ChunkChoice(event.choice, delta, None, _logprobs(event.scores))


def _call(event: CallDelta) -> shapes.ToolCallDelta:
    name = UNSET if event.name is None else event.name
    function = shapes.FunctionDelta(event.arguments, name)
    if event.id is None:
        return shapes.ToolCallDelta(index=event.index, function=function)
    return shapes.ToolCallDelta(index=event.index, id=event.id, type="function", function=function)


def _text(event: Event) -> str:
    return event.text if isinstance(event, Delta) else ""


def _scores(event: Event) -> Sequence[Scored]:
    return event.scores if isinstance(event, Delta) else ()


def _logprobs(scores: Sequence[Scored]) -> shapes.Logprobs | None:
    """None where there are no scores: they were not asked for, or this piece is of no token of its own."""
    if not scores:
        return None
    content = []
    for score in scores:
        top = [shapes.TopLogprob(_readable(other.bytes), _finite(other.logprob), list(other.bytes)) for other in score.top]
        content.append(shapes.TokenLogprob(_readable(score.bytes), _finite(score.logprob), list(score.bytes), top))
    return shapes.Logprobs(content)


def _finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else LEAST


def _readable(token: bytes) -> str:
    return token.decode(errors="replace")


def _legacy(token: bytes) -> str:
    r"""A part of a character as OpenAI's completions write it, ``bytes:\xf0\x9f``, so that no two tokens look the same."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
