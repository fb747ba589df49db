import asyncio
from typing import Any

from api.desk import CHAT, chat_body
from reckon.api.heap import LARGE_BODY, Heap, trim


async def test_many_large_requests_are_followed_by_one_trim() -> None:
    trims: list[int] = []
    heap = Heap(lambda: trims.append(1), pause_seconds=0.02)
    for _ in range(10):
        heap.trim_soon()
    assert trims == []
    await asyncio.sleep(0.05)
    assert trims == [1]
    heap.trim_soon()
    await asyncio.sleep(0.05)
    assert trims == [1, 1]


class Counting(Heap):
    asked = 0

    def trim_soon(self) -> None:
        self.asked += 1


async def test_only_a_large_body_asks_for_it_refused_or_not(make_desk: Any) -> None:
    heap = Counting()
    desk = make_desk(more={"heap": heap})
    await desk.chat()
    assert heap.asked == 0
    response = await desk.client().post(CHAT, json=chat_body(user="a" * LARGE_BODY))
    assert (response.status_code, heap.asked) == (422, 1)
    response = await desk.client().post(CHAT, json=chat_body(messages=[{"role": "user", "content": "a" * LARGE_BODY}]))
    assert (response.status_code, heap.asked) == (200, 2)


def test_the_c_library_can_be_asked() -> None:
    trim()
