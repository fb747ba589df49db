"""Watches a server from inside, for ``reckon bench api``: how long its event loop was blocked, when its engines were asked.

``Probe.entry`` is a route that tells it and begins anew; only the server that the bench starts has it.
"""

import asyncio
import gc
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from reckon.api.answers import http
from reckon.api.app import Entry
from reckon.bench.mock import MockEngine
from reckon.ledger.accounts import Account

PATH = "/bench"
WATCH = "watch"
MEMORY = Path("/proc/self/statm")


class Took(msgspec.Struct, frozen=True):
    """Seconds that the engine took over a request: to its first token, and in all."""

    first: float
    whole: float


class Seen(msgspec.Struct, frozen=True):
    """``blocked``: the longest round of the event loop since the last look, in seconds, 0 if rounds were not to be watched;
    ``collected``: the longest of Python's garbage collections, which is a part of one. ``clocks`` are by seed.

    ``user_seconds`` and ``system_seconds`` of processor (all threads) and ``tokens`` (by the engines) count since the start.
    """

    blocked: float
    collected: float
    clocks: dict[int, Took]
    user_seconds: float
    system_seconds: float
    tokens: int
    memory_mb: float

    @property
    def cpu_seconds(self) -> float:
        return self.user_seconds + self.system_seconds


class Probe:
    def __init__(self, engines: Sequence[MockEngine]) -> None:
        self._engines = engines
        self._blocked = self._collected = self._begun = 0.0
        self._wanted = asyncio.Event()
        gc.callbacks.append(self._collecting)

    @property
    def entry(self) -> Entry:
        return Entry("GET", PATH, "admin", self.show)

    async def watch(self) -> None:
        """For ever: time the loop's rounds while that is wanted, and keep it from sleeping meanwhile.

        A timer that is late says less: a process that does nothing but sleep for a millisecond at a time is woken up to 20 ms
        late on a virtual machine whose host has given its processor away.
        """
        while True:
            await self._wanted.wait()
            last = time.monotonic()
            while self._wanted.is_set():
                await asyncio.sleep(0)
                now = time.monotonic()
                self._blocked = max(self._blocked, now - last)
                last = now

    async def show(self, request: Request, account: Account) -> ASGIApp:
        """What was seen since the last look. From now on rounds are watched, which takes a whole core, if the query says so."""
        if request.query_params.get(WATCH):
            self._wanted.set()
        else:
            self._wanted.clear()
        blocked, collected = self._blocked, self._collected
        self._blocked = self._collected = 0.0
        clocks: dict[int, Took] = {}
        for engine in self._engines:
            for seed, clock in engine.clocks.items():
                clocks[seed] = Took(clock.first - clock.asked, clock.ended - clock.asked)
            engine.clocks.clear()
        tokens = sum(engine.given for engine in self._engines)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return http.encoded(Seen(blocked, collected, clocks, used.ru_utime, used.ru_stime, tokens, _memory_mb()))

    def _collecting(self, phase: str, about: dict[str, int]) -> None:
        """Python calls it before and after each collection."""
        if phase == "start":
            self._begun = time.monotonic()
        else:
            self._collected = max(self._collected, time.monotonic() - self._begun)


def _memory_mb() -> float:
    """What this process has now; where that cannot be read, the most it ever had."""
    try:
        return int(MEMORY.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
