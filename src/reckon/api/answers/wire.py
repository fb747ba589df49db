"""The client's end of an answer: noticing that it left, and a stream of frames that is kept alive. Knows no chat, no engine.

``answering.py`` answers through it.
"""

import asyncio
import contextlib
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from types import TracebackType
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

PART = 1 << 16
"""Bytes of waiting frames that are sent in one go."""


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
        self._sending: asyncio.Task[None] | None = None
        """There is one once a frame had to wait; until it is done, others wait behind it."""
        self._waiting = bytearray()

    async def __aenter__(self) -> "EventStream":
        self._timer = self._loop.call_later(self._quiet, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        del self._timer  # it knows this object: together they would be garbage that only a collection finds
        try:
            if error is None and not self._ended:
                await self.end(b"")
        finally:
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.gather(self._sending, return_exceptions=True)
                self._sending = None

    def write(self, frame: bytes) -> None:
        """Send it: at once if the connection takes it, without a task that would have to be woken; else when it does.

        ``send`` is begun in whatever task this is called from, and may be ended in another. Raises ClientDisconnect when
        nobody reads any more, which a frame before this one may have found out.
        """
        self._last = self._loop.time()
        if self._sending is not None:
            if not self._sending.done():
                self._waiting += frame
                return
            self._sending.result()
            self._sending = None
        delivery = self._deliver(frame)
        try:
            waited = delivery.send(None)
        except StopIteration:
            return
        self._sending = asyncio.ensure_future(self._deliver_waiting(resumed(delivery, waited)))

    async def end(self, frame: bytes) -> None:
        """Send it when all before it is sent; the response ends with it."""
        self._ended = True
        if self._sending is not None:
            await self._sending
        await self._deliver(frame, last=True)

    def _look(self) -> None:
        """A comment whenever nothing was written for a while: proxies close silent connections, and clients skip comments."""
        quiet = self._loop.time() - self._last
        if quiet < self._quiet:
            self._timer = self._loop.call_later(self._quiet - quiet, self._look)
            return
        self._timer = self._loop.call_later(self._quiet, self._look)
        if not self._ended and (self._sending is None or self._sending.done()):
            # A client that has left is noticed by the answer's own next frame, or by whoever listens for the departure.
            with contextlib.suppress(ClientDisconnect):
                self.write(self._comment)

    async def _deliver_waiting(self, before: Awaitable[None]) -> None:
        """Part by part: each has to be taken in the time that a client has (``patience.py``), and a slow one is no dead one."""
        await before
        while self._waiting:
            part = bytes(self._waiting[:PART])
            del self._waiting[:PART]
            await self._deliver(part)

    async def _deliver(self, frame: bytes, *, last: bool = False) -> None:
        try:
            if not self.started:
                self.started = True
                raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers.items()]
                await self._send({"type": "http.response.start", "status": 200, "headers": raw})
            await self._send({"type": "http.response.body", "body": frame, "more_body": not last})
        except OSError as error:
            raise ClientDisconnect from error


@types.coroutine
def resumed(work: Coroutine[Any, Any, None], waited: Any) -> Generator[Any, Any, None]:
    """What is left of a coroutine that was begun by hand and waits for ``waited``."""
    try:
        while True:
            try:
                sent = yield waited
            except BaseException as error:
                waited = work.throw(error)
            else:
                waited = work.send(sent)
    except StopIteration:
        return


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
