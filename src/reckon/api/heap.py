"""Gives the memory of large requests back to the system. Knows the C library, no requests.

By itself glibc keeps what was freed between things that live on: after a few large bodies at a time that was 150 MB for good.
``app.py`` says when a large request is over.
"""

import asyncio
import ctypes
from collections.abc import Callable

LARGE_BODY = 1 << 18
"""Bytes of a body from which on its memory is worth giving back."""
PAUSE_SECONDS = 2.0
"""It takes some milliseconds, so it is done once for all large requests of such a time."""


def trim() -> None:
    """Where the C library is glibc; others give back by themselves, or never."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


class Heap:
    def __init__(self, work: Callable[[], None] = trim, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._work = work
        self._pause = pause_seconds
        self._planned = False

    def trim_soon(self) -> None:
        """In a thread, after a pause; any number of calls until then are one."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(self._pause, self._trim)

    def _trim(self) -> None:
        self._planned = False
        asyncio.get_running_loop().run_in_executor(None, self._work)
