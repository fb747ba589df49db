import asyncio

import pytest

from reckon.api.turnstile import Turnstile


class Rounds:
    """Counts how often the event loop comes round."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


async def test_never_two_in_a_round_and_in_their_order() -> None:
    turnstile, rounds = Turnstile(), Rounds()
    passed: list[tuple[int, int]] = []

    async def one(number: int) -> None:
        await turnstile.pass_through()
        passed.append((number, rounds.count))

    counting = asyncio.ensure_future(rounds.run())
    await asyncio.gather(*(one(number) for number in range(50)))
    counting.cancel()
    assert [number for number, _ in passed] == list(range(50))
    assert len({count for _, count in passed}) == 50
    assert rounds.count < 2 * 50 + 10


async def test_nobody_waits_where_nobody_was() -> None:
    turnstile = Turnstile()
    for _ in range(3):
        passing = turnstile.pass_through()
        with pytest.raises(StopIteration):
            passing.send(None)
        for _ in range(3):
            await asyncio.sleep(0)


async def test_who_leaves_while_waiting_holds_up_nobody() -> None:
    turnstile = Turnstile()
    first, second, third, last = (asyncio.ensure_future(turnstile.pass_through()) for _ in range(4))
    await asyncio.sleep(0)
    for left in (second, third):
        left.cancel()
    await asyncio.wait_for(last, 5)
    assert first.done()
    assert second.cancelled() and third.cancelled()
