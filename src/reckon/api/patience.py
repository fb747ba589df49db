"""Gives up on a client that takes nothing of its answer for too long. Knows no HTTP; ``app.py`` has one for each request.

One timer for an answer, not one for each frame: starting and stopping a timer was a good part of what a token costs.
"""

import asyncio
from types import TracebackType


class Patience:
    """``async with`` it around an answer, ``begin`` and ``end`` around each write; a write that takes ``seconds`` ends it all.

    The block is cancelled then, and what comes after it goes on: nobody is there to be told.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._since: float | None = None

    def begin(self) -> None:
        self._since = self._loop.time()

    def end(self) -> None:
        self._since = None

    async def __aenter__(self) -> "Patience":
        await self._limit.__aenter__()
        self._timer = self._loop.call_later(self._seconds, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._timer.cancel()
        del self._timer  # it knows this object: together they would be garbage that only a collection finds
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:  # ours: one of the block's own would not be raised here
            return True
        return False

    def _look(self) -> None:
        """Comes round once in ``seconds`` while all goes well, and again when the write of this moment has had its time."""
        now = self._loop.time()
        if self._since is not None and now - self._since >= self._seconds:
            self._limit.reschedule(now)
        else:
            self._timer = self._loop.call_at((now if self._since is None else self._since) + self._seconds, self._look)
