"""An answer's text to pieces: content, tool calls, and the end at a stop string. A pure state machine; knows no tokens.

The engines own one per choice. How the text is divided into pushes never changes the joined result.
"""

from collections.abc import Sequence

from reckon.text.pieces import CallStart, Piece, Text
from reckon.text.stops import StopFinder
from reckon.text.toolcalls import OPEN, CallReader, State


class Splitter:
    """Three stages, each holding back only what is not certain: the marker of a call, stop strings, white space before calls.

    Stop strings are searched in the text outside calls, as the model wrote it. A call parts that text: no stop string reaches
    across it. White space directly before a call and after one is dropped. Text between markers that is no call is content.
    """

    def __init__(self, stop: Sequence[str], tools: bool) -> None:
        self.stopped = False
        self.called = 0
        self._tools = tools
        self._stops = StopFinder(stop)
        self._all_content = not tools and not stop
        self._marker = ""  # text that may be the beginning of OPEN
        self._call: CallReader | None = None
        self._begun = 0
        self._space = ""  # white space that is dropped if a call follows
        self._behind_call = False  # nothing but white space since the last call
        self._passed = 0  # characters that went into the search for stop strings or are in calls that are over
        self._calling = 0  # characters of the call being read, its marker included

    @property
    def stop(self) -> str | None:
        """The stop string that ended the text, if one did."""
        return self._stops.matched if self.stopped else None

    @property
    def decided(self) -> int:
        """How many of the characters pushed have met their fate: given, dropped, or in a call that has begun.

        Once ``stopped`` it is where the stop string begins, and does not move any more.
        """
        if self._call is not None and self._call.state is not State.HEAD and not self.stopped:
            return self._passed + self._calling
        return self._passed - self._stops.held - len(self._space)

    def push(self, text: str) -> list[Piece]:
        """What is new and certain after ``text``. Nothing once ``stopped``: the stop string and all behind it are cut."""
        if self._all_content:
            self._passed += len(text)
            return [Text("content", text)] if text else []
        pieces: list[Piece] = []
        rest: str | None = text
        while rest is not None and not self.stopped:
            rest = self._outside(rest, pieces) if self._call is None else self._inside(self._call, rest, pieces)
        return pieces

    def finish(self) -> list[Piece]:
        """What was held when the answer is over.

        A stop string or marker that did not become whole is text, and so is a call whose arguments have not begun. Of a call
        whose arguments have begun and not ended all was given already; it is not counted in ``called``.
        """
        pieces: list[Piece] = []
        if self._call is not None and self._call.state is State.HEAD:
            self._marker = OPEN + self._call.rest
        self._call = None
        self._say(self._marker, pieces)
        self._marker = ""
        if not self.stopped:
            self._flush_stops(pieces)
            self._flush_space(pieces)
        return pieces

    def _outside(self, text: str, pieces: list[Piece]) -> str | None:
        """Content up to the next call. Returns the text behind the marker, or None when there is none."""
        if not self._tools:
            self._say(text, pieces)
            return None
        text = self._marker + text
        at = text.find(OPEN)
        if at >= 0:
            self._marker = ""
            self._say(text[:at], pieces)
            self._call = CallReader(self._begun)
            self._calling = len(OPEN)
            return text[at + len(OPEN) :]
        at = text.rfind(OPEN[0])
        if at < 0 or not OPEN.startswith(text[at:]):
            at = len(text)
        self._marker = text[at:]
        self._say(text[:at], pieces)
        return None

    def _inside(self, call: CallReader, text: str, pieces: list[Piece]) -> str | None:
        """More of a call. Returns the text behind it, or None while it goes on."""
        was_completed = call.completed
        self._calling += len(text)
        found = call.push(text)
        if found and isinstance(found[0], CallStart):
            self._begin(pieces)
        if self.stopped:
            return None
        pieces += found
        self.called += call.completed and not was_completed
        match call.state:
            case State.MALFORMED:
                self._call = None
                self._say(OPEN, pieces)
                return call.rest
            case State.OVER:
                self._call = None
                self._passed += self._calling - len(call.rest)
                return call.rest
            case _:
                return None

    def _begin(self, pieces: list[Piece]) -> None:
        """A call is certain: what was held before it is text, but for white space."""
        self._flush_stops(pieces)
        self._begun += 1
        self._space = ""
        self._behind_call = True

    def _say(self, text: str, pieces: list[Piece]) -> None:
        """Content, through the search for stop strings."""
        if text and not self.stopped:
            self._passed += len(text)
            self._show(self._stops.push(text), pieces)
            self._mind_stop(pieces)

    def _flush_stops(self, pieces: list[Piece]) -> None:
        self._show(self._stops.flush(), pieces)
        self._mind_stop(pieces)

    def _mind_stop(self, pieces: list[Piece]) -> None:
        if self._stops.stopped:
            self.stopped = True
            self._flush_space(pieces)

    def _show(self, text: str, pieces: list[Piece]) -> None:
        """Content that no stop string can take back. With tools, white space waits for what follows it."""
        if self._tools:
            if self._behind_call:
                text = text.lstrip()
            if not text:
                return
            self._behind_call = False
            visible = text.rstrip()
            if not visible:
                self._space += text
                return
            self._space, text = text[len(visible) :], self._space + visible
        if text:
            pieces.append(Text("content", text))

    def _flush_space(self, pieces: list[Piece]) -> None:
        if self._space:
            pieces.append(Text("content", self._space))
            self._space = ""
