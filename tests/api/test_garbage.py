"""An answer that is over leaves nothing that only a garbage collection finds: in a server of many streams those take long."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from api.answers.test_wire import Line
from api.desk import Call, Desk, chat_body
from reckon.api.answers.wire import EventStream


@pytest.fixture
def kept() -> Iterator[list[object]]:
    """What collections find is kept for the test to see."""
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()


def ours(kept: list[object]) -> list[object]:
    gc.collect()
    return [one for one in kept if type(one).__module__.startswith("reckon.")]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(desk: Desk, kept: list[object], stream: bool) -> None:
    await Call(desk, chat_body(stream=stream)).run()
    assert desk.rows()[0].outcome == "stop"
    assert ours(kept) == []


async def test_a_stream_with_a_comment(kept: list[object]) -> None:
    line = Line()
    async with EventStream(line.send, {}, comment=b": alive\n\n", quiet_seconds=0.01) as out:
        await asyncio.sleep(0.05)
        await out.write(b"data: 1\n\n", last=True)
    del out
    assert b": alive" in line.body
    assert ours(kept) == []


def test_a_knot_would_be_found(kept: list[object]) -> None:
    class Knot:
        __module__ = "reckon.knot"

        def __init__(self) -> None:
            self.me = self

    Knot()
    assert [type(one) for one in ours(kept)] == [Knot]
