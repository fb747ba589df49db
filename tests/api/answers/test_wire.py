import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from reckon.api.answers.wire import Attended, EventStream


class Line:
    """A connection that records, and breaks when told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.broken = False
        self.left = asyncio.Event()

    async def send(self, message: Any) -> None:
        if self.broken:
            raise OSError("broken pipe")
        self.messages.append(message)

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


def stream(line: Line, quiet: float = 60.0) -> EventStream:
    return EventStream(line.send, {"x-reckon-seed": "7"}, comment=b": alive\n\n", quiet_seconds=quiet)


async def test_a_stream() -> None:
    line = Line()
    async with stream(line) as out:
        await out.write(b"data: 1\n\n")
    start, *_, last = line.messages
    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert (b"x-reckon-seed", b"7") in start["headers"]
    assert line.body == b"data: 1\n\n" and last["more_body"] is False


async def test_the_last_frame_ends_the_response_and_nothing_follows() -> None:
    line = Line()
    async with stream(line) as out:
        await out.write(b"1")
        await out.write(b"2", last=True)
        await out.write(b": a comment that had to wait")
    assert [(message["body"], message["more_body"]) for message in line.messages[1:]] == [(b"1", True), (b"2", False)]


async def test_an_error_before_anything_was_written_leaves_the_status_open() -> None:
    line = Line()
    with pytest.raises(ValueError):
        async with stream(line) as out:
            assert not out.started
            raise ValueError
    assert line.messages == []


async def test_the_first_comment_starts_a_silent_stream() -> None:
    line = Line()
    async with stream(line, quiet=0.02) as out:
        await asyncio.sleep(0.05)
        assert out.started
        await out.write(b"x")
    assert [message["type"] for message in line.messages].count("http.response.start") == 1
    assert line.messages[0]["status"] == 200 and line.body.startswith(b": alive\n\n")


async def test_a_quiet_stream_is_kept_alive_and_a_busy_one_is_not() -> None:
    line = Line()
    async with stream(line, quiet=0.05) as out:
        for _ in range(10):
            await out.write(b"x")
            await asyncio.sleep(0.01)
        assert b"alive" not in line.body
        await asyncio.sleep(0.13)
    assert line.body.count(b": alive\n\n") == 2
    await asyncio.sleep(0.06)
    assert line.messages[-1]["more_body"] is False


async def test_a_broken_connection_is_a_departure() -> None:
    line = Line()
    with pytest.raises(ClientDisconnect):
        async with stream(line) as out:
            line.broken = True
            await out.write(b"x")
    assert all(message.get("more_body", True) for message in line.messages)


async def test_the_comment_may_be_the_first_to_find_the_connection_broken() -> None:
    line = Line()
    with pytest.raises(ClientDisconnect):
        async with stream(line, quiet=0.01) as out:
            line.broken = True
            await asyncio.sleep(0.03)
            await out.write(b"x")


async def attend(line: Line, work: Any) -> None:
    await Attended(work)({}, line.receive, line.send)


async def test_attended_work_is_done_and_its_errors_pass() -> None:
    line = Line()

    async def work(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "answer"})
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await attend(line, work)
    assert line.messages == [{"type": "answer"}]


@pytest.mark.parametrize("leave", [True, False])
async def test_work_is_cancelled_and_waited_for_when_the_client_leaves_or_the_server_stops(leave: bool) -> None:
    line, steps = Line(), []

    async def work(scope: Any, receive: Any, send: Any) -> None:
        try:
            steps.append("working")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            steps.append("cleaned")

    task = asyncio.ensure_future(attend(line, work))
    await asyncio.sleep(0.01)
    if leave:
        line.left.set()
    else:
        task.cancel()
    with pytest.raises(ClientDisconnect if leave else asyncio.CancelledError):
        await task
    assert steps == ["working", "cleaned"]


class Stuck(Line):
    """Takes the first message and then nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def send(self, message: Any) -> None:
        await super().send(message)
        await self.go.wait()


async def test_a_client_that_takes_nothing_is_not_buried_in_comments() -> None:
    line = Stuck()
    async with stream(line, quiet=0.01) as out:
        await asyncio.sleep(0.1)
        assert len(line.messages) == 1, "the status, which a comment wanted to open"
        line.go.set()
        await out.write(b"data: 1\n\n", last=True)
    await asyncio.sleep(0.05)
    assert line.body.count(b": alive") == 1
    assert line.messages[-1] == {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": False}


async def test_a_stream_that_is_left_while_a_comment_is_stuck_leaves_no_task() -> None:
    line = Stuck()
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        async with stream(line, quiet=0.01):
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    assert asyncio.all_tasks() == before
