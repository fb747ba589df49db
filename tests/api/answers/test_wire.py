import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from reckon.api.answers.wire import PART, Attended, EventStream


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
        out.write(b"data: 1\n\n")
    start, *_, last = line.messages
    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert (b"x-reckon-seed", b"7") in start["headers"]
    assert line.body == b"data: 1\n\n" and last["more_body"] is False


async def test_the_last_frame_ends_the_response_and_no_comment_follows() -> None:
    line = Line()
    async with stream(line, quiet=0.02) as out:
        out.write(b"1")
        await out.end(b"2")
        await asyncio.sleep(0.05)
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
        out.write(b"x")
    assert [message["type"] for message in line.messages].count("http.response.start") == 1
    assert line.messages[0]["status"] == 200 and line.body.startswith(b": alive\n\n")


async def test_a_quiet_stream_is_kept_alive_and_a_busy_one_is_not() -> None:
    line = Line()
    async with stream(line, quiet=0.05) as out:
        for _ in range(10):
            out.write(b"x")
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
            out.write(b"x")
    assert all(message.get("more_body", True) for message in line.messages)


async def test_the_comment_may_be_the_first_to_find_the_connection_broken() -> None:
    line = Line()
    with pytest.raises(ClientDisconnect):
        async with stream(line, quiet=0.01) as out:
            line.broken = True
            await asyncio.sleep(0.03)
            out.write(b"x")


class Narrow(Line):
    """Takes a message whenever it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = asyncio.Semaphore(0)

    async def send(self, message: Any) -> None:
        await self.takes.acquire()
        await super().send(message)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_has_to_wait_goes_in_its_order_and_together() -> None:
    line = Narrow()
    async with stream(line) as out:
        for number in range(5):
            out.write(b"%d" % number)
        line.takes.release()
        await settle()
        out.write(b"5")
        assert line.messages == [line.messages[0]] and line.messages[0]["type"] == "http.response.start"
        for _ in range(2):
            line.takes.release()
            await settle()
        assert [message["body"] for message in line.messages[1:]] == [b"0", b"12345"]
        line.takes.release()
        out.write(b"6")
        line.takes.release()
        await out.end(b"7")
    assert [message["body"] for message in line.messages[1:]] == [b"0", b"12345", b"6", b"7"]


async def test_a_client_that_takes_what_it_is_given_needs_no_task() -> None:
    line, before = Line(), asyncio.all_tasks()
    async with stream(line) as out:
        out.write(b"1")
        assert line.body == b"1", "it is there at once"
        assert asyncio.all_tasks() == before


async def test_a_slow_client_is_given_parts_and_never_all_that_waits() -> None:
    """Each has to be taken within a client's time."""
    line = Narrow()
    async with stream(line) as out:
        frames = [b"%07d" % number * 1000 for number in range(50)]
        for frame in frames:
            out.write(frame)
        line.takes.release()
        for _ in range(20):
            line.takes.release()
        await out.end(b"")
    sizes = [len(message["body"]) for message in line.messages[1:]]
    assert line.body == b"".join(frames)
    assert max(sizes) == PART and len(sizes) == 8


@pytest.mark.parametrize("then", ["write", "end"])
async def test_a_connection_that_breaks_behind_our_back_is_a_departure(then: str) -> None:
    line = Narrow()
    with pytest.raises(ClientDisconnect):
        async with stream(line) as out:
            out.write(b"1")
            line.send = Line.send.__get__(line)  # type: ignore[method-assign]
            line.broken = True
            line.takes.release()
            await settle()
            out.write(b"2") if then == "write" else await out.end(b"2")
    assert line.body == b""


async def test_cancelled_while_frames_wait_it_leaves_no_task() -> None:
    line, before = Narrow(), asyncio.all_tasks()

    async def work() -> None:
        async with stream(line) as out:
            out.write(b"1")
            await out.end(b"2")

    task = asyncio.ensure_future(work())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


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
        await out.end(b"data: 1\n\n")
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
