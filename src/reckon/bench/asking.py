"""A client that costs next to nothing: posts JSON over a connection, keeps what comes back with the time of its arrival.

Knows HTTP/1.1 and server-sent events. It times what the server does, so it must not take the time itself: reading is left
until the answer is over. Times are of the monotonic clock, in seconds, which all processes of a machine share.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from typing import cast

import httptools
import httpx


@dataclass(slots=True)
class Reply:
    """An answer as it came: ``pieces`` are parts of the body with their times; ``broken`` says why there is no end."""

    sent: float
    status: int = 0
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    ended: float = 0.0
    broken: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    def events(self) -> list[tuple[float, bytes]]:
        """The data of each server-sent event, with the time at which its line was whole. Comments are skipped."""
        found, rest = [], b""
        for at, piece in self.pieces:
            *lines, rest = (rest + piece).split(b"\n")
            found += [(at, line[5:].strip()) for line in lines if line.startswith(b"data:")]
        return found


class Connection(asyncio.Protocol):
    """One request at a time. ``usable`` until the server closes it or an answer broke."""

    def __init__(self, host: str) -> None:
        self.usable = False
        self._host = host
        self._parser = httptools.HttpResponseParser(self)
        self._reply = Reply(0.0)
        self._over: asyncio.Future[None] | None = None
        self._now = 0.0

    @classmethod
    async def open(cls, url: httpx.URL) -> "Connection":
        """Raises OSError when nobody answers there."""
        loop = asyncio.get_running_loop()
        secure = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port or (443 if secure else 80)
        _, connection = await loop.create_connection(lambda: cls(url.netloc.decode("ascii")), url.host, port, ssl=secure)
        return connection

    async def post(self, path: str, body: bytes, key: str) -> Reply:
        """The whole answer, broken or not. Cancelling closes the connection."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._over = asyncio.get_running_loop().create_future()
        self._reply = Reply(time.monotonic())
        self._transport.write(head.encode("ascii") + body)
        try:
            await self._over
        except asyncio.CancelledError:
            self.close()
            raise
        return self._reply

    def close(self) -> None:
        self.usable = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"not HTTP: {error}")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._now, self.usable = time.monotonic(), False
        self._end(f"the connection was lost: {error or 'closed by the server'}")

    def on_headers_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._reply.pieces.append((self._now, body))

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        self._end("")

    def _end(self, broken: str) -> None:
        if self._over is not None and not self._over.done():
            self._reply.ended, self._reply.broken = self._now, broken
            self._over.set_result(None)
