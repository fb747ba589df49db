"""Events to answers: ``stream`` frames them as server-sent events, ``fold`` makes the single answer. Knows no engine, no HTTP.

Both take the same events, so both always say the same. ``chat.py`` calls them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from reckon.api import shapes
from reckon.errors import ApiError
from reckon.job import CallDelta, Delta, Event, Finish, Usage

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

UsagePlace: TypeAlias = Literal["finish", "apart", "none"]
"""Where a stream carries its usage: in the last finish chunk, in a chunk of its own after it, nowhere."""


class Head(msgspec.Struct, frozen=True):
    """What all chunks of an answer have in common."""

    id: str
    created: int
    model: str
    fingerprint: str
    choices: int


class Settled(msgspec.Struct, frozen=True):
    """The bill. Comes once, immediately before the last Finish."""

    usage: Usage
    cost_nano: int


AnswerEvents: TypeAlias = AsyncIterator[Event | Settled]


async def stream(
    events: AnswerEvents, head: Head, place: UsagePlace = "finish", so_far: Callable[[], shapes.UsageBody] | None = None
) -> AsyncGenerator[bytes, None]:
    """Frames, without the closing DONE. The first comes when the first event has: until then a failure can be a status.

    ``so_far`` gives the usage that every chunk carries when that was asked for.
    """
    bill: shapes.UsageBody | None = None
    opened = False
    async for event in events:
        if isinstance(event, Settled):
            bill = shapes.usage_body(event.usage, event.cost_nano)
            continue
        if not opened:
            opened = True
            for choice in range(head.choices):
                first = shapes.ChunkChoice(choice, shapes.DeltaBody(role="assistant", content=""))
                yield _frame(head, [first], _usage(place, None, so_far))
        last = isinstance(event, Finish) and bill is not None
        yield _frame(head, [_chunk_choice(event)], _usage(place, bill if last else None, so_far))
    if place == "apart":
        yield _frame(head, [], bill)


async def fold(events: AnswerEvents, head: Head) -> shapes.Completion:
    """The whole answer, which is the sum of the stream's."""
    choices = [_Folded() for _ in range(head.choices)]
    bill = Settled(Usage(), 0)
    async for event in events:
        if isinstance(event, Settled):
            bill = event
        else:
            choices[event.choice].add(event)
    return shapes.Completion(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.fingerprint,
        choices=[choice.body(index) for index, choice in enumerate(choices)],
        usage=shapes.usage_body(bill.usage, bill.cost_nano),
    )


def failure(error: ApiError) -> bytes:
    """The frame that ends a stream which cannot go on; clients raise what is in it."""
    return _framed(error.envelope())


def _usage(
    place: UsagePlace, bill: shapes.UsageBody | None, so_far: Callable[[], shapes.UsageBody] | None
) -> shapes.UsageBody | UnsetType | None:
    """What a chunk with choices says of usage. OpenAI's clients expect null where it comes in a chunk of its own."""
    if place == "finish" and bill is not None:
        return bill
    if so_far is not None:
        return bill or so_far()
    return None if place == "apart" else UNSET


def _chunk_choice(event: Event) -> shapes.ChunkChoice:
    if isinstance(event, Finish):
        return shapes.ChunkChoice(event.choice, shapes.DeltaBody(), event.reason)
    if isinstance(event, CallDelta):
        return shapes.ChunkChoice(event.choice, shapes.DeltaBody(tool_calls=[_call(event)]))
    if event.channel == "reasoning":
        return shapes.ChunkChoice(event.choice, shapes.DeltaBody(reasoning_content=event.text))
    return shapes.ChunkChoice(event.choice, shapes.DeltaBody(content=event.text))


def _call(event: CallDelta) -> shapes.ToolCallDelta:
    name = UNSET if event.name is None else event.name
    function = shapes.FunctionDelta(event.arguments, name)
    if event.id is None:
        return shapes.ToolCallDelta(index=event.index, function=function)
    return shapes.ToolCallDelta(index=event.index, id=event.id, type="function", function=function)


def _frame(head: Head, choices: list[shapes.ChunkChoice], usage: shapes.UsageBody | UnsetType | None) -> bytes:
    chunk = shapes.Chunk(
        id=head.id,
        created=head.created,
        model=head.model,
        system_fingerprint=head.fingerprint,
        choices=choices,
        usage=usage,
    )
    return _framed(chunk)


def _framed(content: object) -> bytes:
    # JSON escapes line breaks, so one line of data is always the whole of it.
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


class _Folded:
    """One choice, growing."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, shapes.ToolCall] = {}
        self._reason = ""

    def add(self, event: Event) -> None:
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
        return shapes.Choice(index, message, self._reason)
