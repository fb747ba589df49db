"""Whoever hands out many messages lets others have their turn in between."""

import asyncio

import pytest

from reckon.engines.answer import SLICE, Turns


@pytest.mark.parametrize(("ended", "weight"), [(False, 1), (True, SLICE)])
async def test_others_have_their_turn(ended: bool, weight: int) -> None:
    rounds = 0

    async def other() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    task, turns = asyncio.create_task(other()), Turns()
    for _ in range(10 * SLICE):
        await turns.gave(ended=ended)
    task.cancel()
    assert rounds == 10 * weight
