"""What scripted engines are told to play for the clients, and engines that refuse before they answer."""

import json
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeEngine
from reckon.engines.base import Prepared
from reckon.errors import ApiError
from reckon.job import CallDelta, Event, Finish, Usage

MODEL = "fake/model"
HELLO: Any = [{"role": "user", "content": "Hello!"}]

PLANES = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0x41, 0x1F600 & 0xFFFF, 0xFFFD))
AWKWARD = '\x00\x1f\x7f\x85\u2028\u2029\ufeff\r\n\t"\\/\u202e e\u0301 👩🏽‍🚀 data: [DONE]\n\ndata: {}\n\n'
"""Characters at which careless readers of JSON and of server-sent events break lines, and text that looks like frames."""


@dataclass
class Reluctant(FakeEngine):
    """Raises each of ``refusals`` once, then takes requests."""

    refusals: list[ApiError] = field(default_factory=list)
    refused: int = 0

    def admit(self, prepared: Prepared) -> None:
        if self.refusals:
            self.refused += 1
            raise self.refusals.pop(0)


def call(name: str, arguments: dict[str, Any], *, size: int = 3) -> list[Event]:
    """One choice that calls a function, the arguments in fragments of ``size`` characters."""
    text = json.dumps(arguments)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    first = CallDelta(0, 0, pieces[0], "call_1", name)
    return [first, *(CallDelta(0, 0, piece) for piece in pieces[1:]), Finish(0, "tool_calls", Usage())]
