"""Stop strings in text that comes in pieces: finds the first, holds back what could become one. Knows no tokens, no calls.

``splitter`` owns one per choice. Time is linear in the text for any stop strings (Knuth, Morris and Pratt 1977).
"""

from collections.abc import Sequence


class _Needle:
    """One stop string and how much of its beginning the text seen so far ends with."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._fallback: list[int] | None = None
        self.matched = 0

    def find(self, chunk: str) -> int | None:
        """Where in ``chunk`` the string begins first (negative: in earlier text), or None. Not to be called after a find."""
        matched = self.matched
        at = 0
        while at < len(chunk):
            if not matched:
                at = chunk.find(self.text[0], at)
                if at < 0:
                    break
            while matched and chunk[at] != self.text[matched]:
                matched = self._shorter()[matched - 1]
            if chunk[at] == self.text[matched]:
                matched += 1
            at += 1
            if matched == len(self.text):
                self.matched = 0
                return at - matched
        self.matched = matched
        return None

    def _shorter(self) -> list[int]:
        """For each prefix of the string, how long its longest proper prefix is that is also its suffix."""
        if self._fallback is None:
            self._fallback = [0]
            for letter in self.text[1:]:
                length = self._fallback[-1]
                while length and letter != self.text[length]:
                    length = self._fallback[length - 1]
                self._fallback.append(length + (letter == self.text[length]))
        return self._fallback


class StopFinder:
    """Cuts text at the stop string that begins first; the cut does not depend on how the text was divided.

    ``stopped`` turns True at the cut. It comes when the stop is whole and no stop that began before it can still follow.
    ``matched`` is then the stop string that was found: of several that begin there, the shortest.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """``stop`` has no empty strings."""
        self._needles = [_Needle(text) for text in stop]
        self._held = ""
        self._cut: int | None = None  # where the first whole stop string begins, counted from the start of _held
        self.stopped = False
        self.matched: str | None = None

    @property
    def held(self) -> int:
        """Characters that were pushed and not given back; once ``stopped``, those from the stop string on."""
        return len(self._held)

    def push(self, text: str) -> str:
        """The text that is certain to stand before any stop string; nothing once ``stopped``."""
        if self.stopped:
            return ""
        if not self._needles and self._cut is None:
            return text
        before = len(self._held)
        self._held += text
        for needle in tuple(self._needles):
            found = needle.find(text)
            if found is not None:
                self._needles.remove(needle)
                self._mark(before + found, needle.text)
        begun = len(self._held) - max((needle.matched for needle in self._needles), default=0)
        if self._cut is not None and self._cut <= begun:
            self.stopped = True
            return self._release(self._cut)
        return self._release(begun)

    def flush(self) -> str:
        """The held text when nothing follows it: up to a whole stop string, else all. What comes later starts anew."""
        if self._cut is not None:
            self.stopped = True
        for needle in self._needles:
            needle.matched = 0
        return self._release(len(self._held) if self._cut is None else self._cut)

    def _mark(self, at: int, stop: str) -> None:
        if self._cut is None or self.matched is None or (at, len(stop)) < (self._cut, len(self.matched)):
            self._cut, self.matched = at, stop

    def _release(self, end: int) -> str:
        text = self._held[:end]
        self._held = self._held[end:]
        if self._cut is not None:
            self._cut -= end
        return text
