"""``python -m tests.fuzz --requests 20000 --seed 1``: a campaign against a server of its own, a progress line, a report."""

import asyncio
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from tests.fuzz.campaign import PARALLEL, Campaign, Report
from tests.fuzz.described import describe
from tests.fuzz.oracle import Memory, Oracle
from tests.journeys.server import serve

console = Console(highlight=False, markup=False)


@click.command()
@click.option("--requests", default=20_000, show_default=True, help="How many of our own making are sent.")
@click.option("--described", default=0, show_default=True, help="How many schemathesis makes for each operation.")
@click.option("--seed", default=1, show_default=True, help="What they are made of.")
@click.option("--first", default=0, show_default=True, help="Number of the first of ours: repeats a part of a campaign.")
@click.option("--parallel", default=PARALLEL, show_default=True, help="How many of ours are sent at the same time.")
def main(requests: int, described: int, seed: int, first: int, parallel: int) -> None:
    with tempfile.TemporaryDirectory() as home, serve(Path(home) / "home", "--kv-memory-gb", "0.25") as served:
        campaign = Campaign(served, seed, first=first, parallel=parallel)
        with console.status("starting") as line:
            reports = [asyncio.run(campaign.run(requests, lambda report: line.update(_progress(report, requests))))]
            if described and not reports[0].faults:
                line.update("schemathesis")
                reports.append(describe(served, seed, described))
        for report in reports:
            _print(report)
        _print_oracle(campaign.oracle)
    raise SystemExit(1 if any(report.faults for report in reports) else 0)


def _progress(report: Report, requests: int) -> str:
    rate = report.requests / max(report.seconds, 0.001)
    return f"{report.requests} of {requests} requests, {rate:.0f} per second, {len(report.faults)} faults"


def _print(report: Report) -> None:
    table = Table("kind", "answers")
    for kind, counts in sorted(report.kinds.items()):
        table.add_row(kind, _counts(counts))
    table.add_section()
    table.add_row("all", _counts(report.statuses))
    console.print(table)
    console.print(f"{report.requests} requests with seed {report.seed} in {report.seconds:.0f} s")
    for name, memory in (("at the start", report.before), ("after the warm-up", report.warm), ("at the end", report.after)):
        console.print(f"resident {name}: {_memory(memory)}")
    for fault in report.faults:
        console.print(f"FAULT {fault}")
    console.print("no faults" if not report.faults else f"{len(report.faults)} faults")


def _print_oracle(oracle: Oracle) -> None:
    console.print(f"resident at most, after a batch: {_memory(oracle.peak)}; slowest canary {oracle.slowest:.1f} s")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word}: {count}" for word, count in sorted(counts.items()))


def _memory(memory: Memory | None) -> str:
    return "not measured" if memory is None else f"API {memory.api:.0f} MB, worker {memory.worker:.0f} MB"


if __name__ == "__main__":
    main()
