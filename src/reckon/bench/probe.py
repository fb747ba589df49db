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
TICK_SECONDS = 0.001
MEMORY = Path("/proc/self/statm")


class Took(msgspec.Struct, frozen=True):
    """Seconds that the engine took over a request: to its first token, and in all."""

    first: float
    whole: float


class Seen(msgspec.Struct, frozen=True):
    """``blocked``: the longest that the event loop did not come round since the last look, in seconds, and ``collected``: the
    longest of Python's garbage collections, which is a part of that. ``clocks`` are by seed.

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
        gc.callbacks.append(self._collecting)

    @property
    def entry(self) -> Entry:
        return Entry("GET", PATH, "admin", self.show)

    async def watch(self) -> None:
        """For ever. A timer is late by as long as the loop did not come round: one long callback, or many in one round."""
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self._blocked = max(self._blocked, time.monotonic() - due)

    async def show(self, request: Request, account: Account) -> ASGIApp:
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
