"""A write that nobody takes ends the answer; nothing else does."""

import asyncio

import pytest

from reckon.api.patience import Patience


async def test_a_write_that_is_not_taken_ends_the_block() -> None:
    async with Patience(0.02) as patience:
        patience.begin()
        await asyncio.sleep(60)
        raise AssertionError("the block goes on")


async def test_a_silence_between_writes_does_not() -> None:
    passed = 0
    async with Patience(0.01) as patience:
        for _ in range(5):
            patience.begin()
            await asyncio.sleep(0)
            patience.end()
            await asyncio.sleep(0.015)
            passed += 1
    assert passed == 5


async def test_a_write_has_all_of_its_time_however_late_it_begins() -> None:
    loop = asyncio.get_running_loop()
    async with Patience(0.05) as patience:
        await asyncio.sleep(0.03)
        begin = loop.time()
        patience.begin()
        await asyncio.sleep(60)
    assert loop.time() - begin >= 0.05


async def test_what_the_block_raises_is_passed_on() -> None:
    with pytest.raises(TimeoutError, match="the block's own"):
        async with Patience(60):
            raise TimeoutError("the block's own")


async def test_a_cancellation_from_outside_is_one() -> None:
    async def wait() -> None:
        async with Patience(60) as patience:
            patience.begin()
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
