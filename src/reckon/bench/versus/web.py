"""What ``reckon bench versus --http`` plays: whole servers in turns, each asked by the same closed loop of clients.

The clients take a part of the machine, the same for everybody. A round is disturbed when others than the server and the
clients took more than 5 % of the cores (``tally.Burst``).
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from reckon.bench.document import served
from reckon.bench.peers.orders import busy_seconds
from reckon.bench.versus.clients import Streamed, Wanted, crowd
from reckon.bench.versus.conductor import Notice, Patience
from reckon.bench.versus.resident import Lost
from reckon.bench.versus.servers import Server
from reckon.bench.versus.tally import Burst

WARM_UP = Wanted(clients=1, times=1, prompt=8, tokens=8)
WARM_UP_SEED = 1 << 20


@dataclass(frozen=True, slots=True)
class Turn:
    """What one server did in one round; ``burst`` has the books of the CPU and no samples."""

    answers: list[Streamed]
    burst: Burst

    @property
    def rate(self) -> float:
        """Tokens a second, from the first request to the last answer."""
        return sum(answer.tokens for answer in self.answers) / self.burst.seconds


@dataclass(slots=True)
class WebRecord:
    """Turns by the number of clients and the server's name; sentences for those that are out."""

    turns: dict[int, dict[str, list[Turn]]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


class WebConductor:
    def __init__(self, sizes: Sequence[Wanted], rounds: int, words: list[str], patience: Patience, notice: Notice) -> None:
        self._sizes = sizes
        self._rounds = rounds
        self._words = words
        self._patience = patience
        self._notice = notice
        self.record = WebRecord()

    def play(self, servers: Sequence[Server]) -> WebRecord:
        with ExitStack() as stack:
            for server in servers:
                self._notice(f"starting {server.name}")
                stack.callback(server.end)
                self._try(self._start, server)
            for wanted in self._sizes:
                turns = self.record.turns.setdefault(wanted.clients, {})
                for number in range(self._rounds):
                    self._notice(f"{wanted.clients} clients: round {number + 1} of {self._rounds}")
                    left = [server for server in servers if server.name not in self.record.lost]
                    start = number % len(left) if left else 0
                    for server in left[start:] + left[:start]:
                        self._try(self._take_turn, server, wanted, number, turns)
        return self.record

    def _start(self, server: Server) -> None:
        server.start(self._patience.load)
        self._turn(server, WARM_UP, WARM_UP_SEED)

    def _take_turn(self, server: Server, wanted: Wanted, number: int, turns: dict[str, list[Turn]]) -> None:
        turns.setdefault(server.name, []).append(self._turn(server, wanted, number))

    def _turn(self, server: Server, wanted: Wanted, seed: int) -> Turn:
        with server.resident.awake():
            begin, busy, used = time.perf_counter(), busy_seconds(), server.cpu_seconds() + time.process_time()
            asking = crowd(server.url, server.headers, server.model, wanted, self._words, seed)
            answers = asyncio.run(_within(self._patience.order, asking))
            seconds = time.perf_counter() - begin
            used, busy = server.cpu_seconds() + time.process_time() - used, busy_seconds() - busy
        return Turn(answers, Burst([], seconds, used, busy))

    def _try(self, work: Callable[..., None], server: Server, *arguments: Any) -> None:
        """Who is lost in his work is out."""
        try:
            work(server, *arguments)
        except Lost as lost:
            self._notice(f"{server.name} is out: {lost}")
            self.record.lost[server.name] = str(lost)
            server.end()


async def _within(seconds: float, asking: Awaitable[list[Streamed]]) -> list[Streamed]:
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError:
        raise Lost(f"its answers took more than {seconds:g} s") from None


def show(console: Console, record: WebRecord, names: Sequence[str], cores: int) -> None:
    """A row for each number of clients and each server; the first one is ours."""
    table = Table("clients", "server", "tokens/s", "ours is ×", "first text, ms", "good rounds")
    for clients, found in as_json(record, names, cores)["clients"].items():
        for name in names:
            one = served(found.get(name, []), found.get(names[0], []))
            if one.rate is None or one.first is None:
                table.add_row(clients, name, record.lost.get(name, "disturbed"), "", "", one.good)
                continue
            ratio = "" if name == names[0] else _ratio(one.ratios)
            table.add_row(clients, name, f"{one.rate:,.1f}", ratio, f"{one.first * 1e3:,.0f}", one.good)
        table.add_section()
    console.print(table)


def _ratio(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else ""


def as_json(record: WebRecord, names: Sequence[str], cores: int) -> dict[str, Any]:
    """Every turn, with what it was worth."""
    return {
        "lost": {name: record.lost.get(name) for name in names},
        "clients": {
            str(clients): {
                name: [
                    {
                        "tokens_per_second": turn.rate, "first_seconds": [answer.first for answer in turn.answers],
                        "answer_seconds": [answer.seconds for answer in turn.answers], "seconds": turn.burst.seconds,
                        "disturbed": turn.burst.disturbed(cores),
                    }
                    for turn in by_name
                ]
                for name, by_name in turns.items()
            }
            for clients, turns in record.turns.items()
        },
    }  # fmt: skip
