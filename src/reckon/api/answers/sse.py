"""Events to answers: ``stream`` frames them as server-sent events, ``fold`` makes the single answer. Knows no engine, no HTTP.

Both take the same events, so both always say the same. How a body looks is in ``forms.py``; ``answering.py`` calls them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from reckon.api.answers import shapes
from reckon.api.answers.forms import Form
from reckon.errors import ApiError
from reckon.job import Event, Finish, Usage

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

UsagePlace: TypeAlias = Literal["finish", "apart", "none"]
"""Where a stream carries its usage: in the last finish chunk, in a chunk of its own after it, nowhere."""


class Settled(msgspec.Struct, frozen=True):
    """The bill. Comes once, immediately before the last Finish."""

    usage: Usage
    cost_nano: int


AnswerEvents: TypeAlias = AsyncIterator[Event | Settled]
SoFar: TypeAlias = Callable[[], Settled]
"""What a run has used until now, and what that costs."""


class OpenAI:
    """What answering.py speaks: OpenAI's frames and bodies. ``include_usage`` and ``continuous`` are the stream's options."""

    end = DONE

    def __init__(self, form: Form, include_usage: bool | None, continuous: bool) -> None:
        self._form = form
        self._place: UsagePlace = "finish" if include_usage is None else "apart" if include_usage else "none"
        self._continuous = continuous

    def stream(self, events: AnswerEvents, so_far: SoFar) -> AsyncGenerator[bytes, None]:
        return stream(events, self._form, self._place, so_far if self._continuous else None)

    async def whole(self, events: AnswerEvents) -> shapes.Whole:
        return await fold(events, self._form)

    def failure(self, error: ApiError) -> bytes:
        return failure(error)


async def stream(
    events: AnswerEvents, form: Form, place: UsagePlace = "finish", so_far: SoFar | None = None
) -> AsyncGenerator[bytes, None]:
    """Frames, without the closing DONE; what is there at the same time comes together. The first comes with the first event.

    ``so_far`` gives the usage that every chunk carries when that was asked for.
    """
    bill: shapes.UsageBody | None = None
    opened, begin = False, _beginning(form.empty())
    async for event in events:
        if isinstance(event, Settled):
            bill = settled_body(event)
            continue
        opening = b""
        if not opened:
            opened = True
            opening = b"".join(_framed(begin, [piece], _usage(place, None, so_far)) for piece in form.opening())
        last = isinstance(event, Finish) and bill is not None
        yield opening + _framed(begin, [form.piece(event)], _usage(place, bill if last else None, so_far))
    if place == "apart":
        yield _framed(begin, [], bill)


async def fold(events: AnswerEvents, form: Form) -> shapes.Whole:
    """The whole answer, which is the sum of the stream's."""
    bill = Settled(Usage(), 0)
    kept: list[Event] = []
    async for event in events:
        if isinstance(event, Settled):
            bill = event
        else:
            kept.append(event)
    return form.whole(kept, settled_body(bill))


def settled_body(bill: Settled) -> shapes.UsageBody:
    return shapes.usage_body(bill.usage, bill.cost_nano)


def failure(error: ApiError) -> bytes:
    """The frame that ends a stream which cannot go on; clients raise what is in it."""
    return _frame(error.envelope())


def _usage(place: UsagePlace, bill: shapes.UsageBody | None, so_far: SoFar | None) -> shapes.UsageBody | UnsetType | None:
    """What a chunk with choices says of usage. OpenAI's clients expect null where it comes in a chunk of its own."""
    if place == "finish" and bill is not None:
        return bill
    if so_far is not None:
        return bill or settled_body(so_far())
    return None if place == "apart" else UNSET


def _beginning(chunk: shapes.AnyChunk) -> bytes:
    """What every frame of an answer begins with, up to the choices: it is encoded once, not for every token."""
    return b"data: " + msgspec.json.encode(chunk).removesuffix(b'"choices":[]}')


def _framed(begin: bytes, pieces: Sequence[shapes.AnyPiece], usage: shapes.UsageBody | UnsetType | None) -> bytes:
    return begin + msgspec.json.encode(shapes.ChunkEnd(pieces, usage))[1:] + b"\n\n"


def _frame(content: object) -> bytes:
    # JSON escapes line breaks, so one line of data is always the whole of it.
    return b"data: " + msgspec.json.encode(content) + b"\n\n"
