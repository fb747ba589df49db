"""Which part of a prompt may steer the model: only what the template itself wrote. Knows text and markers, no ids, no jinja.

``template`` protects what the client sent before it renders and splits the result; ``tokenizer`` turns the pieces into ids.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from reckon.errors import InvalidRequest

NONCHARACTERS = (*map(chr, range(0xFDD0, 0xFDF0)), *(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)))
"""The code points that Unicode will never assign; a mark is one that the request does not contain."""

COMPARED = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
"""Words of JSON Schema that templates compare with; whole strings of these are no danger and stay as they are."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Text that is encoded as text, whatever it spells."""

    text: str


@dataclass(frozen=True, slots=True)
class Control:
    """One added token, written by the template."""

    text: str


Piece: TypeAlias = Plain | Control


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt after the template, before the tokenizer."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The whole prompt as one string, for people and tests. It no longer tells control from text."""
        return "".join(piece.text for piece in self.pieces)


def choose_mark(request: str) -> str:
    """A noncharacter that ``request``, everything the client sent in one string, does not contain."""
    for mark in NONCHARACTERS:
        if mark not in request:
            return mark
    raise InvalidRequest("The messages contain every noncharacter of Unicode; at least one must be left out.", param="messages")


class Markers:
    """The texts of a checkpoint's added tokens: finds them, and breaks them with a mark where the client wrote them.

    A marker of one character cannot be broken and counts as text.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = sorted({text for text in texts if len(text) > 1}, key=len, reverse=True)
        any_of = "|".join(map(re.escape, self._texts)) or r"(?!)"
        self._found = re.compile(any_of)
        self._begins = re.compile(f"(?=(?:{any_of}))(.)", re.DOTALL)
        self._heads = tuple({text[:cut] for text in self._texts for cut in range(1, len(text))})
        self._tails = tuple({text[cut:] for text in self._texts for cut in range(1, len(text))})
        self._longest = max(map(len, self._texts), default=0)

    def protect(self, value: object, mark: str) -> object:
        """A copy of JSON-like ``value`` in which no string, nor a string and the template's text beside it, spells a marker."""
        if isinstance(value, str):
            return self._protect(value, mark)
        if isinstance(value, dict):
            return {self.protect(key, mark): self.protect(item, mark) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.protect(item, mark) for item in value]
        return value

    def _protect(self, text: str, mark: str) -> str:
        """Break every marker after its first character, and fence off edges that the template could complete to a marker.

        The fences stand inside the surrounding whitespace: templates trim.
        """
        if self._found.search(text):
            text = self._begins.sub(rf"\1{mark}", text)
        core = text.strip()
        if not core or core in COMPARED:
            return text
        inside = len(core) < self._longest and any(core in marker for marker in self._texts)
        left = mark if inside or core.startswith(self._tails) else ""
        right = mark if core.endswith(self._heads) else ""
        if not left and not right:
            return text
        start = text.index(core)
        return f"{text[:start]}{left}{core}{right}{text[start + len(core) :]}"

    def split(self, text: str, mark: str) -> Rendered:
        """Cut a rendered prompt at its markers and take the marks out. Longest marker first, as `tokenizers` does."""
        pieces: list[Piece] = []
        end = 0
        for found in self._found.finditer(text):
            _append_plain(pieces, text[end : found.start()].replace(mark, ""))
            pieces.append(Control(found[0]))
            end = found.end()
        _append_plain(pieces, text[end:].replace(mark, ""))
        return Rendered(tuple(pieces))


def _append_plain(pieces: list[Piece], text: str) -> None:
    if text:
        pieces.append(Plain(text))
