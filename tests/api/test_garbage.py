"""An answer that is over leaves nothing that only a garbage collection finds: in a server of many streams those take long."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from api.desk import Call, Desk, chat_body
from fakes import say
from reckon.errors import EngineFailed


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


async def test_a_failure_in_the_middle(desk: Desk, kept: list[object]) -> None:
    desk.engine.enqueue(*say("a")[:-1], EngineFailed("lost"))
    await Call(desk, chat_body(stream=True)).run()
    assert desk.rows()[0].outcome == "engine_failed"
    desk.engine.runs.clear()
    assert ours(kept) == []


async def test_a_task_that_waits_for_itself_would_be_found(kept: list[object]) -> None:
    class Knot:
        __module__ = "reckon.knot"

        def __init__(self) -> None:
            self.me = self

    Knot()
    await asyncio.sleep(0)
    assert len(ours(kept)) == 1
