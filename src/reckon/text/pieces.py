"""What an answer's text is split into. Pure values; they know neither tokens nor the choice they belong to."""

from typing import TypeAlias

import msgspec

from reckon.job import Channel


class Text(msgspec.Struct, frozen=True):
    """More text of a channel; never empty."""

    channel: Channel
    text: str


class CallStart(msgspec.Struct, frozen=True):
    """Tool call number ``index`` of the answer begins."""

    index: int
    name: str


class CallArguments(msgspec.Struct, frozen=True):
    """More of a call's arguments, as JSON text the way the model wrote it; never empty."""

    index: int
    fragment: str


Piece: TypeAlias = Text | CallStart | CallArguments
