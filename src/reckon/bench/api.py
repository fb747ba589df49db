"""What ``reckon bench api`` does: the real API over an engine that computes nothing, in a process of its own, under a crowd.

Whatever a request takes beyond the engine's own time is the API's: keys, ledger, parsing, templates, text, frames, sockets.
"""

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import msgspec

from reckon.bench.answers import read
from reckon.bench.asking import Connection, Reply
from reckon.bench.percentiles import Spread
from reckon.bench.probe import PATH as PROBE
from reckon.bench.probe import WATCH, Seen
from reckon.errors import BadSetting

CHAT = "/v1/openai/chat/completions"
INSTANT, STEPPED, SLOW = "instant", "20ms", "200ms"
PACES = {INSTANT: 0.0, STEPPED: 0.02, SLOW: 0.2}
"""The models that the server has, by the seconds between two tokens of an answer."""
QUESTION = "Hello! What is 12 times 12?"
TOKENS = 20
END_SECONDS = 60.0
FRAME_BYTES = 260
"""Of a frame with a token, as it travels."""


class Served(msgspec.Struct, frozen=True):
    """What the server says when it listens: its port, and an administrator's key."""

    port: int
    key: str


class Added(msgspec.Struct, frozen=True):
    """Seconds added to the engine's own, up to the first token and over the whole request, and processor time of a request.

    ``blocked`` is the longest round of the event loop, over a quarter as many more requests: to time rounds takes a core.
    """

    what: str
    first: Spread
    whole: Spread
    requests_per_second: float
    cpu_per_request: float
    blocked: float


class Streams(msgspec.Struct, frozen=True):
    """Streams at the same time. Seconds of processor per token while all run, in our code and in the system's, without what the
    server takes when it is idle; and ``busy``, the share of a core, with it.

    ``blocked`` is the longest round of the event loop, while they begin, while all run, until all ended;
    ``collected`` the longest of Python's garbage collections in the same phases, which is a part of it.
    """

    streams: int
    complete: int
    tokens_per_second: float
    user_per_token: float
    system_per_token: float
    busy: float
    blocked: tuple[float, float, float]
    collected: tuple[float, float, float]
    memory_mb: float


@dataclass(frozen=True, slots=True)
class _Used:
    """Of the server, over ``seconds``: processor time in our code and in the system's, tokens given; and the look behind."""

    seconds: float
    user: float
    system: float
    tokens: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: requests of one client, of each of a crowd, of each when the API is full.

    ``arrivals`` is how many streams begin in a second: fewer than the API can take, so that it is not full while they do. All
    run for twice ``steady`` seconds, ``spare`` seconds after the last has begun and that long before the first ends.
    """

    alone: int = 1000
    crowd: int = 64
    each: int = 10
    full: int = 15
    steady: float = 2.0
    spare: float = 1.5
    arrivals: int = 150

    @classmethod
    def of(cls, requests: int, seconds: float) -> "Effort":
        """For so many requests of one client, and fewer of each of many; and streams for so many seconds."""
        return cls(alone=requests, each=-(-requests // 100), full=-(-requests // 60), steady=seconds, spare=0.75 * seconds)


@contextlib.contextmanager
def server(command: Sequence[str]) -> Iterator[Served]:
    """Start it, given a home and the models' paces, and end it. Raises BadSetting when it does not start.

    It has all cores but one, which this process keeps for itself: else the system puts the client where it has just been woken
    from, and each token waits until the client has read it.
    """
    with tempfile.TemporaryDirectory() as home:
        words = [*command, home, *(f"{model}={pace}" for model, pace in PACES.items())]
        cores = os.sched_getaffinity(0)
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            try:
                _part(process.pid, cores)
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    raise BadSetting(f"the server to be measured does not start: it ended with {process.wait(END_SECONDS)}")
                yield msgspec.json.decode(line, type=Served)
            finally:
                os.sched_setaffinity(0, cores)
                process.terminate()
                process.wait(END_SECONDS)


def _part(server_pid: int, cores: set[int]) -> None:
    if len(cores) > 1:
        os.sched_setaffinity(server_pid, cores - {max(cores)})
        os.sched_setaffinity(0, {max(cores)})


class Bench:
    """Raises BadSetting when an answer is not what it must be."""

    def __init__(self, served: Served, effort: Effort = Effort()) -> None:
        self._served = served
        self._effort = effort
        self._url = httpx.URL(f"http://127.0.0.1:{served.port}")
        self._seeds = iter(range(1 << 31))

    async def requests(self) -> list[Added]:
        """What the API adds: alone, beside others, and when there is more to do than it can."""
        effort = self._effort
        await self._clients(INSTANT, 1, max(1, effort.alone // 4), 4)
        together = f"{effort.crowd} clients, {TOKENS} tokens, one in 20 ms"
        return [
            await self._added("one client, 1 token, at once", INSTANT, 1, effort.alone, 1),
            await self._added(together, STEPPED, effort.crowd, effort.each, TOKENS),
            await self._added(f"{effort.crowd} clients, 1 token, at once: full", INSTANT, effort.crowd, effort.full, 1),
        ]

    async def _added(self, what: str, model: str, clients: int, each: int, tokens: int) -> Added:
        before, begin = await self._look(), time.monotonic()
        replies = await self._clients(model, clients, each, tokens)
        seconds, seen = time.monotonic() - begin, await self._look(watch=True)
        await self._clients(model, clients, -(-each // 4), tokens)
        blocked = (await self._look()).blocked
        first, whole = [], []
        for seed, reply in replies.items():
            answer, clock = read(reply), seen.clocks[seed]
            if answer.error or answer.completion_tokens != tokens:
                raise BadSetting(f"an answer of {answer.completion_tokens} tokens instead of {tokens}: {answer.error}")
            first.append(answer.first - clock.first)
            whole.append(answer.total - clock.whole)
        cpu = (seen.cpu_seconds - before.cpu_seconds) / len(replies)
        return Added(what, Spread.of(first), Spread.of(whole), len(replies) / seconds, cpu, blocked)

    async def _clients(self, model: str, clients: int, each: int, tokens: int) -> dict[int, Reply]:
        """By seed. Each client asks again when it has its answer, after a pause of at most the engine's time for one.

        Without the pause all would come at the same step of the engine, for ever, and wait for each other.
        """
        replies: dict[int, Reply] = {}
        pauses = random.Random(0)

        async def client() -> None:
            connection = await Connection.open(self._url)
            for _ in range(each):
                seed = next(self._seeds)
                await asyncio.sleep(pauses.uniform(0, PACES[model] * tokens))
                replies[seed] = await connection.post(CHAT, _body(model, seed, tokens), self._served.key)
            connection.close()

        await asyncio.gather(*(client() for _ in range(clients)))
        return replies

    async def streams(self, crowd: int) -> Streams:
        """They begin one after the other, all run for a while, and end in the order in which they began."""
        arrivals, steady, spare = self._effort.arrivals, self._effort.steady, self._effort.spare
        tokens = round((crowd / arrivals + 2 * steady + 2 * spare) / PACES[SLOW])
        (expected,) = {read(reply).text for reply in (await self._clients(INSTANT, 1, 1, tokens)).values()}
        idle = await self._used(steady)
        await self._look(watch=True)
        tasks = []
        for _ in range(crowd):
            tasks.append(asyncio.create_task(self._stream(tokens)))
            await asyncio.sleep(1 / arrivals)
        await asyncio.sleep(spare)
        arriving = await self._look(watch=True)
        await asyncio.sleep(steady)
        running = await self._look()
        used = await self._used(steady)
        await self._look(watch=True)
        answers = [read(reply) for reply in await asyncio.gather(*tasks)]
        ending = await self._look()
        complete = sum(not answer.error and answer.text == expected for answer in answers)
        given, seconds = max(used.tokens, 1), used.seconds
        user, system = used.user - idle.user / idle.seconds * seconds, used.system - idle.system / idle.seconds * seconds
        blocked = (arriving.blocked, running.blocked, ending.blocked)
        collected = (arriving.collected, running.collected, ending.collected)
        rates = (given / seconds, user / given, system / given, (used.user + used.system) / seconds)
        return Streams(crowd, complete, *rates, blocked, collected, used.seen.memory_mb)

    async def _used(self, seconds: float) -> _Used:
        """What the server takes in so many seconds from now."""
        before, begin = await self._look(), time.monotonic()
        await asyncio.sleep(seconds)
        after = await self._look()
        user, system = after.user_seconds - before.user_seconds, after.system_seconds - before.system_seconds
        return _Used(time.monotonic() - begin, user, system, after.tokens - before.tokens, after)

    async def _stream(self, tokens: int) -> Reply:
        connection = await Connection.open(self._url)
        reply = await connection.post(CHAT, _body(SLOW, next(self._seeds), tokens), self._served.key)
        connection.close()
        return reply

    async def _look(self, *, watch: bool = False) -> Seen:
        """What was seen since the last look; from now on the loop's rounds are timed or not."""
        params = {WATCH: "1"} if watch else None
        async with httpx.AsyncClient(base_url=self._url, verify=False, timeout=END_SECONDS) as client:
            answer = await client.get(PROBE, params=params, headers={"authorization": f"Bearer {self._served.key}"})
            return msgspec.json.decode(answer.content, type=Seen)


def hold_up_seconds(seconds: float) -> float:
    """The longest that this machine keeps a process waiting which looks at the clock and does nothing else.

    No loop's longest round can be expected to be shorter.
    """
    longest, last = 0.0, time.monotonic()
    end = last + seconds
    while last < end:
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def send_seconds(sends: int = 20_000, sockets: int = 64) -> float:
    """What the system takes to send a frame on a connection of this machine: no server can stream a token for less."""
    frame, taken = b"x" * FRAME_BYTES, 0.0
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        pairs = []
        for _ in range(sockets):
            ours = stack.enter_context(socket.create_connection(listener.getsockname()))
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pairs.append((ours, stack.enter_context(listener.accept()[0])))
        for _ in range(sends // sockets):
            begin = time.perf_counter()
            for ours, _ in pairs:
                ours.send(frame)
            taken += time.perf_counter() - begin
            for _, theirs in pairs:
                theirs.recv(1 << 16)
    return taken / (sends // sockets * sockets)


def _body(model: str, seed: int, tokens: int) -> bytes:
    """The seed is the request's name: by it the engine's clock of the request is found."""
    messages = [{"role": "user", "content": QUESTION}]
    return msgspec.json.encode(
        {"model": f"mock/{model}", "messages": messages, "max_tokens": tokens, "seed": seed, "stream": True}
    )
