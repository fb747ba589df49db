"""What ``reckon bench api`` does around the measuring: starts it, prints tables, writes the record."""

import sys
from pathlib import Path

import httpx
import msgspec
from rich.table import Table

from reckon.bench import queueing, record
from reckon.bench.api import Added, Bench, Effort, Streams, hold_up_seconds, send_seconds, server
from reckon.bench.percentiles import Spread
from reckon.cli.serve import more_files, run
from reckon.errors import BadSetting
from reckon.screen import screen

HOLD_UPS = 5
"""Times the seconds with all streams: for so long the machine alone is watched, about as long as the loop is."""
FEWER = 8
"""A crowd is also tried at this fraction, where it is not the number of streams that makes the time."""


def overhead(streams: int, queued: int, requests: int, seconds: float, path: Path | None) -> None:
    """Raises BadSetting when the server does not start or ends, or there may be fewer open files than streams."""
    try:
        _overhead(streams, queued, requests, seconds, path)
    except (httpx.NetworkError, httpx.RemoteProtocolError, ConnectionError) as error:
        raise BadSetting(f"the server that is measured is gone: {error}") from error


def _overhead(streams: int, queued: int, requests: int, seconds: float, path: Path | None) -> None:
    more_files(streams + 64)
    console = screen(160)
    with console.status("the scheduler"):
        rows = queueing.measure(queued)
    console.print(_queues(rows))
    with console.status("the machine"):
        held_up = hold_up_seconds(HOLD_UPS * seconds)
    with server([sys.executable, "-m", "reckon.cli.mocked"]) as served:
        bench, crowded = Bench(served, Effort.of(requests, seconds)), []
        with console.status("requests"):
            added = run(bench.requests())
        console.print(_added(added))
        for crowd in sorted({max(1, streams // FEWER), streams}):
            with console.status(f"{crowd:,} streams"):
                crowded.append(run(bench.streams(crowd)))
        sending = send_seconds()
        console.print(_streams(crowded))
        console.print(f"To send one frame takes the system {sending * 1e6:.1f} us here.")
        console.print(f"A process that only looks at the clock was kept waiting for up to {held_up * 1e3:.1f} ms here.")
    if path:
        numbers = {
            "scheduler": rows,
            "requests": added,
            "streams": crowded,
            "send_seconds": sending,
            "hold_up_seconds": held_up,
        }
        record.write(path, record.record("api", msgspec.to_builtins(numbers)))


def _added(rows: list[Added]) -> Table:
    table = Table(
        "requests", "added to first token, ms p50/p99", "added in all, ms p50/p99", "requests/s", "processor ms/request",
        "loop blocked, ms",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.what, _ms(row.first), _ms(row.whole), f"{row.requests_per_second:,.0f}", f"{row.cpu_per_request * 1e3:.2f}",
            f"{row.blocked * 1e3:.1f}",
        )  # fmt: skip
    return table


def _streams(rows: list[Streams]) -> Table:
    table = Table(
        "streams at a time", "complete and right", "tokens/s", "processor us/token: ours + system", "of a core",
        "loop blocked, ms (by collections): beginning / running / ending", "memory MB",
    )  # fmt: skip
    for row in rows:
        blocked = " / ".join(
            f"{longest * 1e3:.1f} ({of_it * 1e3:.1f})" for longest, of_it in zip(row.blocked, row.collected, strict=True)
        )
        processor = f"{row.user_per_token * 1e6:.1f} + {row.system_per_token * 1e6:.1f}"
        complete, rate = f"{row.complete:,}", f"{row.tokens_per_second:,.0f}"
        table.add_row(f"{row.streams:,}", complete, rate, processor, f"{row.busy:.0%}", blocked, f"{row.memory_mb:.0f}")
    return table


def _queues(rows: list[queueing.Row]) -> Table:
    table = Table("the scheduler's queue", "waiting", "us/step p50/p99", "over none, us")
    for row in rows:
        over = (row.step.p50 - rows[0].step.p50) * 1e6
        cells = f"{row.step.p50 * 1e6:,.0f} / {row.step.p99 * 1e6:,.0f}"
        table.add_row(row.queue, f"{row.waiting:,}", cells, f"{over:,.0f}")
    return table


def _ms(spread: Spread) -> str:
    return f"{spread.p50 * 1e3:.2f} / {spread.p99 * 1e3:.2f}"
