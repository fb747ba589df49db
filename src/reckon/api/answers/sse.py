"""OpenAI's answers of events: ``frames`` makes server-sent events, ``whole`` the single answer. Knows no engine, no HTTP.

Both take the same events, so both always say the same. How a body looks is in ``forms.py``; ``answering.py`` calls them.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from reckon.api.answers import shapes
from reckon.api.answers.forms import Form
from reckon.errors import ApiError
from reckon.job import Event, Usage

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

UsagePlace: TypeAlias = Literal["finish", "apart", "none"]
"""Where a stream carries its usage: in the last finish chunk, in a chunk of its own after it, nowhere."""


class Settled(msgspec.Struct, frozen=True):
    """The bill. Comes once, immediately before the last Finish."""

    usage: Usage
    cost_nano: int


AnswerEvent: TypeAlias = Event | Settled
AnyUsage: TypeAlias = shapes.UsageBody | UnsetType | None
SoFar: TypeAlias = Callable[[], Settled]
"""What a run has used until now, and what that costs."""


class OpenAI:
    """What answering.py speaks, for one answer. ``include_usage`` and ``continuous`` are the stream's options."""

    end = DONE

    def __init__(self, form: Form, include_usage: bool | None = None, continuous: bool = False) -> None:
        self._form = form
        self._place: UsagePlace = "finish" if include_usage is None else "apart" if include_usage else "none"
        self._continuous = continuous
        self._beginning = b""
        """What every frame begins with, up to the choices: it is encoded once, not for every token."""
        self._bill: shapes.UsageBody | None = None
        self._kept: list[Event] = []

    def frames(self, event: AnswerEvent, so_far: SoFar) -> bytes:
        """The first event brings the opening with it; the last comes after the bill, and brings that."""
        if isinstance(event, Settled):
            self._bill = settled_body(event)
            return b""
        opening = b"" if self._beginning else self._open(self._usage(None, so_far))
        closing = self._frame([], self._bill) if self._bill is not None and self._place == "apart" else b""
        return opening + self._frame([self._form.piece(event)], self._usage(self._bill, so_far)) + closing

    def keep(self, event: AnswerEvent) -> None:
        if isinstance(event, Settled):
            self._bill = settled_body(event)
        else:
            self._kept.append(event)

    def whole(self) -> shapes.Whole:
        """The sum of the stream's frames."""
        return self._form.whole(self._kept, self._bill or settled_body(Settled(Usage(), 0)))

    def failure(self, error: ApiError) -> bytes:
        """The frame that ends a stream which cannot go on; clients raise what is in it."""
        # JSON escapes line breaks, so one line of data is always the whole of it.
        return b"data: " + msgspec.json.encode(error.envelope()) + b"\n\n"

    def _open(self, usage: AnyUsage) -> bytes:
        self._beginning = b"data: " + msgspec.json.encode(self._form.empty()).removesuffix(b'"choices":[]}')
        return b"".join(self._frame([piece], usage) for piece in self._form.opening())

    def _frame(self, pieces: Sequence[shapes.AnyPiece], usage: AnyUsage) -> bytes:
        return self._beginning + msgspec.json.encode(shapes.ChunkEnd(pieces, usage))[1:] + b"\n\n"

    def _usage(self, bill: shapes.UsageBody | None, so_far: SoFar) -> AnyUsage:
        """What a chunk with choices says of usage. OpenAI's clients expect null where it comes in a chunk of its own."""
        if bill is not None and self._place == "finish":
            return bill
        if self._continuous:
            return bill or settled_body(so_far())
        return None if self._place == "apart" else UNSET


def settled_body(bill: Settled) -> shapes.UsageBody:
    return shapes.usage_body(bill.usage, bill.cost_nano)
