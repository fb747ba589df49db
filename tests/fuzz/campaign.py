"""A campaign of our own mutators against one server: batches of attacks, and after each the oracle. Prints nothing.

Keeps what a fault takes to be repeated. ``__main__.py`` and a test run it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.fuzz.attack import Attack
from tests.fuzz.framing import attack
from tests.fuzz.oracle import Memory, Oracle, grown
from tests.fuzz.sending import Outcome, send
from tests.journeys.server import Served

BATCH = 100
PARALLEL = 16
KEPT = Path(__file__).parent.parent.parent / "build" / "fuzz"


@dataclass
class Report:
    """``kinds`` counts answers by kind of attack; ``faults`` is all that must not be."""

    seed: int
    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    before: Memory | None = None
    warm: Memory | None = None
    after: Memory | None = None
    seconds: float = 0.0

    def count(self, kind: str, statuses: list[int]) -> None:
        words = [str(status) for status in statuses] or ["no answer"]
        self.requests += 1
        self.statuses.update(words)
        self.kinds.setdefault(kind, Counter()).update(words)


class Campaign:
    def __init__(self, served: Served, seed: int, *, first: int = 0, parallel: int = PARALLEL) -> None:
        self.report = Report(seed)
        self.oracle = Oracle(served)
        self._seed = seed
        self._first = first
        self._parallel = parallel
        self._key = served.key.encode()
        url = httpx.URL(served.url)
        self._host, self._port = url.host, int(url.port or 80)

    async def run(self, requests: int, progress: Callable[[Report], object] = lambda report: None) -> Report:
        """Send that many, batch by batch; stop after the first batch that the server did not bear."""
        begin, report = time.monotonic(), self.report
        report.before = self.oracle.memory()
        numbers = range(self._first, self._first + requests)
        for start in range(0, requests, BATCH):
            sound = await self._batch(numbers[start : start + BATCH])
            report.seconds = time.monotonic() - begin
            progress(report)
            if not sound:
                return report
            if report.warm is None and start + BATCH >= requests / 5:
                report.warm = self.oracle.memory()
        busy = await asyncio.to_thread(self.oracle.busy)
        report.faults += [busy] if busy else []
        report.after = self.oracle.memory()
        report.faults += grown(report.warm or report.before, report.after)
        return report

    async def _batch(self, numbers: range) -> bool:
        """Whether the server is still as it was. Connections that are held open are so until the canary was answered."""
        release, places = asyncio.Event(), asyncio.Semaphore(self._parallel)
        made = {number: attack(self._seed, number) for number in numbers}
        tasks = {number: asyncio.create_task(self._one(number, made[number], release, places)) for number in numbers}
        await asyncio.gather(*(task for number, task in tasks.items() if not made[number].hold))
        broken = await asyncio.to_thread(self.oracle.broken)
        release.set()
        await asyncio.gather(*tasks.values())
        if broken:
            again = f"python -m tests.fuzz --seed {self._seed} --first {numbers.start} --requests {len(numbers)}"
            self.report.faults.append(f"after requests {numbers.start} to {numbers.stop - 1}: {broken}\n    again: {again}")
        return not broken

    async def _one(self, number: int, made: Attack, release: asyncio.Event, places: asyncio.Semaphore) -> None:
        try:
            if made.hold:  # takes no place: it would keep it for the whole batch
                outcome = await send(made, self._host, self._port, self._key, release)
            else:
                async with places:
                    outcome = await send(made, self._host, self._port, self._key, release)
        except OSError as error:
            outcome = Outcome([], f"no connection: {error}")
        self.report.count(made.kind, outcome.statuses)
        if outcome.fault:
            self.report.faults.append(self._kept(number, made, outcome.fault))

    def _kept(self, number: int, made: Attack, fault: str) -> str:
        """The fault with all it takes to repeat it."""
        KEPT.mkdir(parents=True, exist_ok=True)
        path = KEPT / f"{self._seed}-{number}.http"
        path.write_bytes(made.raw)
        again = f"python -m tests.fuzz --seed {self._seed} --first {number} --requests 1"
        head = f"{made.raw[:200]!r}{'…' if len(made.raw) > 200 else ''}"
        return f"request {number}, {made.kind}: {fault}\n    again: {again}\n    bytes: build/fuzz/{path.name}, {head}"
