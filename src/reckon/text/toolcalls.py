"""The Hermes format of tool calls, which Qwen2.5 uses: its markers, and a reader for one call that comes in pieces of text.

    <tool_call>
    {"name": "f", "arguments": {...}}
    </tool_call>

``splitter`` finds the opening marker and owns the readers. They know nothing of stop strings and channels.
"""

import json
import re
from enum import Enum, auto

from reckon.text.pieces import CallArguments, CallStart

OPEN = "<tool_call>"
CLOSE = "</tool_call>"

# White space and name are bounded, so that a match on each push costs the same however much is held.
_W = r"\s{0,64}"
_HEAD = re.compile(rf'{_W}\{{{_W}"name"{_W}:{_W}"([^"\\\x00-\x1f]{{1,256}})"{_W},{_W}"arguments"{_W}:{_W}(?=\{{)')
_HOPEFUL = re.compile(rf'{_W}(\{{{_W}("|\Z)|\Z)')
_SPACE = re.compile(r"\s*")
_AFTER = re.compile(r"[\s}]*")
_IN_STRING = re.compile(r'["\\]')
_OUTSIDE = re.compile(r'["{}<]')
_JSON = json.JSONDecoder()


class ObjectScanner:
    """Finds where a JSON object ends in text that comes in pieces. Knows strings and braces; the rest may be wrong.

    ``closed``: the first brace was closed. ``broken``: a "<" stands outside strings, which is a marker and no JSON.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.closed = False
        self.broken = False

    def scan(self, text: str, at: int = 0) -> int:
        """Read on in ``text`` from ``at``; the index where the object ended, or the end of the text while it goes on."""
        while at < len(text) and not (self.closed or self.broken):
            at = self._string(text, at) if self._in_string else self._structure(text, at)
        return at

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _IN_STRING.search(text, at)
        if found is None:
            return len(text)
        if found[0] == "\\":
            self._escaped = True
        else:
            self._in_string = False
        return found.end()

    def _structure(self, text: str, at: int) -> int:
        found = _OUTSIDE.search(text, at)
        if found is None:
            return len(text)
        match found[0]:
            case "<":
                self.broken = True
                return found.start()
            case '"':
                self._in_string = True
            case "{":
                self._depth += 1
            case _:
                self._depth -= 1
                self.closed = self._depth == 0
        return found.end()


class State(Enum):
    HEAD = auto()  # all is held: the name and the beginning of the arguments are not both known
    ARGUMENTS = auto()  # the call has begun; fragments go out as they come
    TAIL = auto()  # the arguments are over; braces, white space and the closing marker are dropped
    OVER = auto()  # ``rest`` is what follows the call
    MALFORMED = auto()  # no call; ``rest`` is all of the text


class CallReader:
    """Reads one call, from behind its opening marker.

    Name first and then arguments, the order of the format, is passed on while it comes. Members in another order are held
    until the object is whole. Once the arguments have begun there is no way back: they end with their closing brace, or,
    unclosed, at a "<" outside strings (the closing marker); the second is not ``completed``, and a client sees the JSON the
    model failed at. A string that is never closed takes the rest of the answer: a marker inside a string is only text. A
    missing closing marker or a superfluous brace does no harm.
    """

    def __init__(self, index: int) -> None:
        self.state = State.HEAD
        self.rest = ""
        self.completed = False
        self._index = index
        self._scanner = ObjectScanner()
        self._scanned = 0

    def push(self, text: str) -> list[CallStart | CallArguments]:
        """What of the call is new and certain. ``state`` tells whether it goes on."""
        self.rest += text
        pieces: list[CallStart | CallArguments] = []
        if self.state is State.HEAD:
            pieces += self._head()
        if self.state is State.ARGUMENTS:
            pieces += self._arguments()
        if self.state is State.TAIL:
            self._tail()
        return pieces

    def _head(self) -> list[CallStart | CallArguments]:
        head = _HEAD.match(self.rest)
        if head is not None and head[1].isprintable():
            self.state, self._scanner = State.ARGUMENTS, ObjectScanner()
            self.rest = self.rest[head.end() :]
            return [CallStart(self._index, head[1])]
        self._scanned = self._scanner.scan(self.rest, self._scanned)
        if self._scanner.broken or not _HOPEFUL.match(self.rest):
            self.state = State.MALFORMED
            return []
        return self._whole() if self._scanner.closed else []

    def _whole(self) -> list[CallStart | CallArguments]:
        """A call whose members come in another order."""
        members = _members(self.rest[: self._scanned])
        name, arguments = (members.get(key, (None, ""))[0] for key in ("name", "arguments"))
        if not isinstance(name, str) or not name or not name.isprintable() or not isinstance(arguments, dict):
            self.state = State.MALFORMED
            return []
        self.state = State.TAIL
        self.rest = self.rest[self._scanned :]
        self.completed = True
        return [CallStart(self._index, name), CallArguments(self._index, members["arguments"][1])]

    def _arguments(self) -> list[CallStart | CallArguments]:
        end = self._scanner.scan(self.rest)
        fragment = self.rest[:end]
        self.rest = self.rest[end:]
        if self._scanner.closed or self._scanner.broken:
            self.state = State.TAIL
            self.completed = self._scanner.closed
        return [CallArguments(self._index, fragment)] if fragment else []

    def _tail(self) -> None:
        after = _AFTER.match(self.rest)
        self.rest = self.rest[after.end() :] if after else self.rest
        if self.rest.startswith(CLOSE):
            self.rest = self.rest[len(CLOSE) :]
            self.state = State.OVER
        elif not CLOSE.startswith(self.rest):
            self.state = State.OVER


def _members(text: str) -> dict[str, tuple[object, str]]:
    """The members of a JSON object, each with its value and the value's own text; empty when the JSON is not valid."""
    members: dict[str, tuple[object, str]] = {}
    try:
        json.loads(text)
        at = text.index("{") + 1
        while True:
            key, at = _JSON.raw_decode(text, _skip(text, at))
            start = _skip(text, _skip(text, at) + 1)
            value, at = _JSON.raw_decode(text, start)
            members[key] = (value, text[start:at])
            at = _skip(text, at) + 1
            if text[at - 1] == "}":
                return members
    except (ValueError, RecursionError):
        return {}


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
