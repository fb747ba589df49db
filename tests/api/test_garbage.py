"""An answer that is over leaves nothing that only a garbage collection finds: in a server of many streams those take long."""

import gc
from collections.abc import Iterator

import pytest

from api.desk import Call, Desk, chat_body


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


def test_a_knot_would_be_found(kept: list[object]) -> None:
    class Knot:
        __module__ = "reckon.knot"

        def __init__(self) -> None:
            self.me = self

    Knot()
    assert [type(one) for one in ours(kept)] == [Knot]
