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


async def test_one_in_a_round_and_in_their_order() -> None:
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


async def test_who_leaves_while_waiting_holds_up_nobody() -> None:
    turnstile = Turnstile()
    first, second, third = (asyncio.ensure_future(turnstile.pass_through()) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await third
    with pytest.raises(asyncio.CancelledError):
        await second
