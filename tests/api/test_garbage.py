"""An answer that is over leaves nothing that only a garbage collection finds: in a server of many streams those take long."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from api.answers.test_wire import Line
from api.desk import Call, Desk, chat_body
from reckon.api.answers.wire import EventStream
from reckon.api.garbage import Garbage


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
        await out.end(b"data: 1\n\n")
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


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The generations that were collected, as Python tells of them; afterwards everything is as it was."""
    told: list[int] = []

    def tell(phase: str, about: dict[str, int]) -> None:
        if phase == "stop":
            told.append(about["generation"])

    monkeypatch.setattr("reckon.api.garbage.LITTLE", 1000)
    monkeypatch.setattr("reckon.api.garbage.MUCH", 50_000)
    gc.callbacks.append(tell)
    yield told
    gc.callbacks.remove(tell)
    gc.unfreeze()
    gc.enable()


def knots(count: int) -> None:
    """Garbage that only a collection finds."""
    for _ in range(count):
        knot: list[object] = []
        knot.append(knot)


def test_collections_wait_until_nobody_is_answered(collections: list[int]) -> None:
    busy = True
    garbage = Garbage(lambda: busy)
    garbage.begin()
    collections.clear()
    knots(20_000)
    garbage.look()
    assert collections == [], "somebody waits"
    busy = False
    garbage.look()
    assert collections == [2]
    garbage.look()
    assert collections == [2], "nothing has gathered since"


def test_very_much_is_collected_even_while_streams_run(collections: list[int]) -> None:
    garbage = Garbage(lambda: True)
    garbage.begin()
    collections.clear()
    knots(60_000)
    garbage.look()
    assert collections == [2]


async def test_garbage_is_looked_after_again_and_again(collections: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reckon.api.garbage.LOOK_SECONDS", 0.001)
    garbage = Garbage(lambda: False)
    garbage.begin()
    collections.clear()
    watching = asyncio.create_task(garbage.watch())
    for count in (1, 2):
        knots(2000)
        async with asyncio.timeout(30):
            while len(collections) < count:
                await asyncio.sleep(0.001)
    watching.cancel()
