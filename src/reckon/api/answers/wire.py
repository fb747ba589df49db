"""The client's end of an answer: noticing that it left, and a stream of frames that is kept alive. Knows no chat, no engine.

``answering.py`` answers through it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send


class Attended:
    """A response that is made while its client waits: ``work`` is cancelled, and waited for, when the client leaves."""

    def __init__(self, work: Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]) -> None:
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.ensure_future(self._work(scope, receive, send))
        left = asyncio.ensure_future(_departure(receive))
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if work.cancelled():
            raise ClientDisconnect
        work.result()


class EventStream:
    """A response of server-sent events. Its status, 200, goes out with the first frame, or with the first comment.

    Until then it is not ``started``, and an error can still have a status of its own.
    """

    def __init__(self, send: Send, headers: Mapping[str, str], *, comment: bytes, quiet_seconds: float) -> None:
        self.started = False
        self._ended = False
        self._send = send
        self._writing = asyncio.Lock()
        self._headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            **headers,
        }
        self._comment = comment
        self._quiet = quiet_seconds
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._beat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "EventStream":
        self._timer = self._loop.call_later(self._quiet, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        del self._timer  # it knows this object: together they would be garbage that only a collection finds
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.wait({self._beat})
            self._beat = None
        if error is None and not self._ended:
            await self.write(b"", last=True)

    async def write(self, frame: bytes, *, last: bool = False) -> None:
        """``last`` ends the response with it; leaving the block does otherwise. Nothing can follow.

        Raises ClientDisconnect when nobody reads any more.
        """
        self._last = self._loop.time()
        async with self._writing:
            if self._ended:
                return  # a comment that had to wait for the last frame
            self._ended = last
            if not self.started:
                self.started = True
                raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers.items()]
                await self._deliver({"type": "http.response.start", "status": 200, "headers": raw})
            await self._deliver({"type": "http.response.body", "body": frame, "more_body": not last})

    def _look(self) -> None:
        """A comment whenever nothing was written for a while: proxies close silent connections, and clients skip comments."""
        quiet = self._loop.time() - self._last
        if quiet >= self._quiet:
            quiet = 0.0
            if self._beat is None or self._beat.done():
                self._beat = asyncio.ensure_future(self._keep_alive())
        self._timer = self._loop.call_later(self._quiet - quiet, self._look)

    async def _keep_alive(self) -> None:
        # A client that has left is noticed by the answer's own next write, or by whoever listens for the departure.
        with contextlib.suppress(ClientDisconnect):
            await self.write(self._comment)

    async def _deliver(self, message: dict[str, object]) -> None:
        try:
            await self._send(message)
        except OSError as error:
            raise ClientDisconnect from error


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
