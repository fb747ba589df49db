"""Lets requests in one after the other, so that a crowd that comes at once holds up nobody's stream. Knows no requests.

A request begins in one go: who is it, what is asked, template, tokens, reservation. That takes a millisecond or two, for which
the event loop does nothing else. ``app.py`` sends all through one of these.
"""

import asyncio


class Turnstile:
    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def pass_through(self) -> None:
        """Come when it is one's turn: one in a round of the event loop at most, in the order in which they came."""
        async with self._turn:
            await asyncio.sleep(0)
