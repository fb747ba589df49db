"""The measuring client against a socket: what it sends, and every way in which an answer can end."""

import asyncio

import pytest

from bench.wire import END, HEAD, chunk, wire
from reckon.bench.asking import Connection, Reply


async def test_a_request_and_its_events() -> None:
    async with wire([HEAD, chunk(b'data: {"a": 1}\n\nda'), chunk(b"ta: [DONE]\n\n"), END]) as server:
        connection = await Connection.open(server.url)
        reply = await connection.post("/v1/x?y", b'{"b": 2}', "a-key")
        connection.close()
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x?y HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer a-key" in head
    assert f"\r\nhost: 127.0.0.1:{server.url.port}\r\n".encode() in head
    assert body == b'{"b": 2}'
    assert (reply.status, reply.broken) == (200, "")
    assert [data for _, data in reply.events()] == [b'{"a": 1}', b"[DONE]"]
    times = [reply.sent, *(at for at, _ in reply.events()), reply.ended]
    assert times == sorted(times)


async def test_a_connection_is_used_again() -> None:
    async with wire([HEAD, chunk(b"one"), END], [HEAD, chunk(b"two"), END]) as server:
        connection = await Connection.open(server.url)
        assert [(await connection.post("/", b"", "")).body for _ in range(2)] == [b"one", b"two"]
        assert connection.usable
        connection.close()
    assert server.connections == 1


async def test_a_server_that_closes() -> None:
    async with wire([b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi", None]) as server:
        connection = await Connection.open(server.url)
        reply = await connection.post("/", b"", "")
        assert (reply.body, reply.broken, connection.usable) == (b"hi", "", False)


@pytest.mark.parametrize(
    ("script", "broken"),
    [
        ([HEAD, chunk(b"data: 1\n\n"), None], "the connection was lost: closed by the server"),
        ([None], "the connection was lost: closed by the server"),
        ([b"SSH-2.0-OpenSSH\r\n"], "not HTTP: "),
    ],
)
async def test_what_breaks(script: list[bytes | None], broken: str) -> None:
    async with wire(script) as server:
        connection = await Connection.open(server.url)
        reply = await connection.post("/", b"", "")
    assert reply.broken.startswith(broken)
    assert not connection.usable


async def test_whoever_stops_waiting_hangs_up() -> None:
    async with wire([HEAD, chunk(b"data: 1\n\n")]) as server:
        connection = await Connection.open(server.url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.post("/", b"", "")
        assert not connection.usable


def test_comments_and_other_fields_are_no_events() -> None:
    reply = Reply(0.0, pieces=[(1.0, b": keep-alive\n\nevent: x\r\ndata:1\r\n\r"), (2.0, b"\ndata: 2\n\nid: 3\n")])
    assert reply.events() == [(1.0, b"1"), (2.0, b"2")]
