"""Lets requests in one after the other, so that a crowd that comes at once holds up nobody's stream. Knows no requests.

What a request does before it waits for anybody takes a millisecond or two: whose key, what is asked, template, tokens,
reservation. The event loop does nothing else meanwhile. ``app.py`` sends those that run something through one of these.
"""

import asyncio
from collections import deque


class Turnstile:
    """One passes in two rounds of the event loop, in the order in which they came; at once if nobody just has.

    Two, since a request begins in two: the second is that of the task which answers it.
    """

    def __init__(self) -> None:
        self._open = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def pass_through(self) -> None:
        if self._open:
            self._close()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _close(self) -> None:
        self._open = False
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._next)

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited has left
                turn.set_result(None)
                self._close()
                return
        self._open = True
