"""When requests leave, and that nothing but the plan decides it."""

import asyncio
import json
import statistics

import httpx
import pytest

from bench.wire import END, HEAD, chunk, wire
from reckon.bench.load import WORDS, Load, Sent, Server, arrivals, prompt

STOPPED = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def test_arrivals_are_a_function_of_the_seed() -> None:
    times = arrivals(5.0, 3, requests=4)
    assert times == arrivals(5.0, 3, requests=4) == arrivals(5.0, 3, seconds=100)[:4]
    assert times != arrivals(5.0, 4, requests=4)
    assert times == pytest.approx([0.054352, 0.211506, 0.303898, 0.489126], abs=1e-6)


def test_they_are_a_poisson_process() -> None:
    times = arrivals(8.0, 0, seconds=1000)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert len(times) == pytest.approx(8000, rel=0.05) and times == sorted(times) and times[-1] < 1000
    assert statistics.mean(gaps) == pytest.approx(1 / 8, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(1 / 8, rel=0.05), "of an exponential the deviation is the mean"


def test_whichever_end_comes_first() -> None:
    assert len(arrivals(10.0, 1, seconds=1000, requests=7)) == 7
    assert len(arrivals(10.0, 1, seconds=2, requests=7000)) == len(arrivals(10.0, 1, seconds=2)) < 50
    with pytest.raises(ValueError, match="need an end"):
        arrivals(10.0, 1)


def test_prompts_are_words_of_their_own() -> None:
    assert prompt(20, 1) == prompt(20, 1) != prompt(20, 2)
    assert len(prompt(20, 1).split()) == 20 and set(prompt(500, 1).split()) <= set(WORDS)


def bodies(count: int) -> list[bytes]:
    return [json.dumps({"number": number}).encode() for number in range(count)]


async def test_a_late_server_does_not_delay_the_arrivals() -> None:
    """The first answer waits until the others are there: a closed loop would never send them."""
    arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        number = json.loads(await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])))[
            "number"
        ]
        order.append(number)
        if number == 2:
            arrived.set()
        if number == 0:
            await arrived.wait()
        writer.write(HEAD + chunk(STOPPED) + END)
        await writer.drain()
        writer.close()

    order: list[int] = []
    ended: list[Sent] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        load = Load(Server(httpx.URL(f"http://127.0.0.1:{port}"), "", "/"), 30)
        sent = await load.run([0.0, 0.02, 0.04], bodies(3), ended.append)
        load.close()
    assert order == [0, 1, 2]
    assert [one.due for one in sent] == [0.0, 0.02, 0.04]
    assert all(one.left >= one.due for one in sent)
    assert [one.answer.error for one in sent] == ["", "", ""]
    assert ended[-1] is sent[0], "the first has waited for the last"


async def test_connections_are_used_again_and_broken_ones_are_not() -> None:
    good = [HEAD, chunk(STOPPED), END]
    async with wire(good, good, [HEAD, None], good) as server:
        load = Load(Server(server.url, "", "/"), 30)
        errors = [(await load.ask(b"{}")).error for _ in range(4)]
        load.close()
    assert errors == ["", "", "the connection was lost: closed by the server", ""]
    assert server.connections == 2


async def test_errors_are_answers() -> None:
    async with wire([HEAD]) as server:
        load = Load(Server(server.url, "", "/"), 0.05)
        assert (await load.ask(b"{}")).error == "no end within 0.05 s"
    nobody = await load.ask(b"{}")
    assert nobody.error.startswith("no connection: ") and nobody.first >= 0
