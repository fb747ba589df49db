"""An open-loop load: requests leave when their time has come, however late the server is with those before. Knows no tables.

``serve.py`` makes the plan and judges what comes back.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from reckon.bench.answers import Answer, read
from reckon.bench.asking import Connection

PATH = "/v1/chat/completions"

WORDS = """
    time year people way day man thing woman life child world school state family student group country problem hand part
    place case week company system program question work number night point home water room mother area money story fact
    month lot right study book eye job word business issue side kind head house service friend father power hour game line
""".split()  # noqa: SIM905
"""Short and common: any tokenizer has most of them as one token."""


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask. ``url`` is the base; ``key`` may be empty."""

    url: httpx.URL
    key: str
    path: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: ``due`` and ``left`` are seconds from the beginning, when it should have left and when it did."""

    due: float
    left: float
    answer: Answer


def arrivals(rate: float, seed: int, *, seconds: float | None = None, requests: int | None = None) -> list[float]:
    """When requests arrive, in seconds from the beginning: a Poisson process of ``rate`` per second.

    Until ``seconds`` are over or there are ``requests``, whichever comes first; one of them must be given. A function of its
    arguments alone.
    """
    if seconds is None and requests is None:
        raise ValueError("arrivals need an end: seconds or requests")
    gaps, at, found = random.Random(seed), 0.0, list[float]()
    while requests is None or len(found) < requests:
        at += gaps.expovariate(rate)
        if seconds is not None and at >= seconds:
            break
        found.append(at)
    return found


def prompt(words: int, seed: int) -> str:
    """So many words, which no other seed has in this order: nothing of it is in a prefix cache."""
    # A text as the seed: of numbers, some that are far apart begin the same sequence.
    return " ".join(random.Random(f"prompt {seed}").choices(WORDS, k=words))


class Load:
    """Sends bodies at their times. Connections are used again when their answer is over, and opened when none is free."""

    def __init__(self, server: Server, timeout: float) -> None:
        self._server = server
        self._timeout = timeout
        self._free: list[Connection] = []

    async def run(self, times: Sequence[float], bodies: Sequence[bytes], done: Callable[[Sent], None]) -> list[Sent]:
        """All of them; ``done`` is called when an answer is over, whatever came of it."""
        begin = time.monotonic()

        async def one(due: float, body: bytes) -> Sent:
            answer = await self.ask(body)
            sent = Sent(due, answer.sent - begin, answer)
            done(sent)
            return sent

        tasks = []
        for due, body in zip(times, bodies, strict=True):
            if (wait := due - (time.monotonic() - begin)) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(due, body)))
        return list(await asyncio.gather(*tasks))

    async def ask(self, body: bytes) -> Answer:
        """One request, now. What goes wrong is the answer's error."""
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connection()
                reply = await connection.post(self._server.path, body, self._server.key)
        except TimeoutError:
            return Answer(begin, time.monotonic(), error=f"no end within {self._timeout:g} s")
        except OSError as error:
            return Answer(begin, time.monotonic(), error=f"no connection: {error.strerror or error}")
        if connection.usable:
            self._free.append(connection)
        reply.sent = begin  # what a new connection takes, the caller has waited for
        return read(reply)

    def close(self) -> None:
        while self._free:
            self._free.pop().close()

    async def _connection(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
        return await Connection.open(self._server.url)
