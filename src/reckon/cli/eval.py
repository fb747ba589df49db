"""What ``reckon eval`` does: puts a suite of problems to a server and prints how many of each kind were right.

An ordinary client: it knows the HTTP API and nothing behind it.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from reckon.cli.client import address, key_to
from reckon.config import Config
from reckon.evals.playing import Outcome, Player
from reckon.evals.suite import Suite, read
from reckon.screen import screen

SAMPLED_TEMPERATURE = 0.7
VOTES = 4
KEPT = 0.8
"""Of the greedy share, what sampling must keep."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one kind. Shares are of right answers; the sampled ones are None where nothing was sampled."""

    kind: str
    problems: int
    greedy: float
    bar: float | None
    sampled: float | None
    majority: float | None

    @property
    def passed(self) -> bool:
        """Whether the greedy share reaches the bar."""
        return self.bar is None or self.greedy >= self.bar


@dataclass(frozen=True, slots=True)
class Doubts:
    """How often a greedy answer said that its first try was wrong, and how often such an answer was right in the end."""

    answers: int
    mended: int


def evaluate(
    config: Config,
    suite_name: str,
    *,
    model: str | None,
    url: str | None,
    key: str | None,
    limit: int,
    concurrency: int,
    sampled: bool,
    wrong: int,
    as_json: bool,
) -> bool:
    """Ask, judge, print. Returns whether every bar was reached. Raises BadSetting for whatever prevents asking."""
    suite = read(suite_name)
    suite = suite.limited(limit) if limit else suite
    server = address(config, url)
    asked = model or suite.header.model
    with key_to(config, server, key, "eval") as secret:
        runs = asyncio.run(_play(suite, server, secret, asked, concurrency, sampled))
    greedy = runs[0]
    rows = rows_of(suite, greedy, runs[1] if sampled else None)
    doubts = doubts_of(greedy, suite.header.doubt)
    failures = failures_of(rows)
    if as_json:
        click.echo(json.dumps(report(asked, rows, doubts, failures), indent=2))
    else:
        show(asked, rows, doubts, failures)
        show_wrong(greedy, wrong)
    return not failures


async def _play(
    suite: Suite, server: httpx.URL, secret: str, model: str, concurrency: int, sampled: bool
) -> list[list[Outcome]]:
    ways = [(0.0, 1)] + [(SAMPLED_TEMPERATURE, VOTES)] * sampled
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    headers = {"Authorization": f"Bearer {secret}"}
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        async with httpx.AsyncClient(base_url=server, headers=headers, timeout=None) as client:
            runs = []
            for temperature, n in ways:
                task = progress.add_task(f"temperature {temperature:g}, n {n}", total=len(suite.problems))
                player = Player(client, model, temperature, n, concurrency)
                try:
                    runs.append(await player.play(suite, lambda task=task: progress.advance(task)))  # type: ignore[misc]
                except ExceptionGroup as group:
                    raise group.exceptions[0] from None
            return runs


def rows_of(suite: Suite, greedy: Sequence[Outcome], sampled: Sequence[Outcome] | None) -> list[Row]:
    """A row per kind, in the order of the suite."""
    rows = []
    for kind in dict.fromkeys(problem.kind for problem in suite.problems):
        places = [place for place, outcome in enumerate(greedy) if outcome.problem.kind == kind]
        share = _share(greedy[place].first_right for place in places)
        one = many = None
        if sampled is not None:
            one = _share(sampled[place].first_right for place in places)
            many = _share(sampled[place].majority_right for place in places)
        rows.append(Row(kind, len(places), share, suite.header.bars.get(kind), one, many))
    return rows


def _share(right: Iterable[bool]) -> float:
    values = list(right)
    return sum(values) / len(values)


def doubts_of(greedy: Sequence[Outcome], words: str) -> Doubts:
    """Of the answers that begin with nothing given, those that found a mistake of their own."""
    doubting = [
        outcome
        for outcome in greedy
        if words and not outcome.problem.continue_final_message and words in (outcome.messages[0].get("content") or "")
    ]
    return Doubts(len(doubting), sum(outcome.first_right for outcome in doubting))


def failures_of(rows: Sequence[Row]) -> list[str]:
    """What falls short, a sentence each."""
    failures = [f"{row.kind}: {row.greedy:.1%} right, the bar is {row.bar:.0%}" for row in rows if not row.passed]
    total = sum(row.problems for row in rows)
    if rows and rows[0].sampled is not None:
        greedy, sampled, majority = (
            sum((getattr(row, name) or 0.0) * row.problems for row in rows) / total
            for name in ("greedy", "sampled", "majority")
        )
        if sampled < KEPT * greedy:
            failures.append(f"sampled at {SAMPLED_TEMPERATURE:g}: {sampled:.1%} right, less than {KEPT:.0%} of {greedy:.1%}")
        if majority < sampled:
            failures.append(f"majority of {VOTES}: {majority:.1%} right, less than the {sampled:.1%} of one")
    return failures


def report(model: str, rows: Sequence[Row], doubts: Doubts, failures: Sequence[str]) -> dict[str, Any]:
    """For programs."""
    kinds = {
        row.kind: {
            "problems": row.problems, "right": row.greedy, "bar": row.bar, "sampled": row.sampled, "majority": row.majority
        }
        for row in rows
    }  # fmt: skip
    return {
        "model": model,
        "kinds": kinds,
        "doubts": {"answers": doubts.answers, "mended": doubts.mended},
        "failures": failures,
    }


def show(model: str, rows: Sequence[Row], doubts: Doubts, failures: Sequence[str]) -> None:
    """For people."""
    sampled = bool(rows) and rows[0].sampled is not None
    table = Table("kind", "problems", "right", "bar", title=f"{model}, greedy" if not sampled else model)
    for header in (f"at {SAMPLED_TEMPERATURE:g}", f"majority of {VOTES}") * sampled:
        table.add_column(header)
    for row in rows:
        bar = "" if row.bar is None else f"{row.bar:.0%}{'' if row.passed else '  missed'}"
        more = (f"{row.sampled or 0.0:.1%}", f"{row.majority or 0.0:.1%}") * sampled
        table.add_row(row.kind, str(row.problems), f"{row.greedy:.1%}", bar, *more)
    console = screen(120)
    console.print(table)
    if doubts.answers:
        console.print(f"{doubts.answers} answers found a mistake of their own; {doubts.mended} of these were right in the end.")
    for failure in failures:
        console.print(f"Below the bar: {failure}")


def show_wrong(greedy: Sequence[Outcome], most: int) -> None:
    """The first wrong answers of each kind."""
    shown: dict[str, int] = {}
    for outcome in greedy:
        problem = outcome.problem
        if outcome.first_right or shown.get(problem.kind, 0) >= most:
            continue
        shown[problem.kind] = shown.get(problem.kind, 0) + 1
        asked = problem.then[-1] if problem.then else problem.messages[-1].get("content")
        click.echo(f"\n{problem.kind}: {asked!r}\n  wanted {problem.expect}\n  got {outcome.messages[0]}")
