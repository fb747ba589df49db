"""A server of a few lines that says the bytes it is told to, one script per connection and request."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


@dataclass
class Wire:
    """``requests`` are what came, in order; ``connections`` how many there were. After a script's None it hangs up."""

    url: httpx.URL
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def wire(*scripts: Sequence[bytes | None]) -> AsyncIterator[Wire]:
    left = list(scripts)
    handlers = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        found.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                found.requests.append(head + await reader.readexactly(length))
                for piece in left.pop(0):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found = Wire(httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        yield found
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
