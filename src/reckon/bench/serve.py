"""What ``reckon bench serve`` does: an open-loop load on a running OpenAI-compatible server, and what its users would feel.

Knows the HTTP API and nothing behind it, so any such server can be measured the same way.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from reckon.bench.answers import Answer
from reckon.bench.load import Load, Sent, Server, arrivals, prompt
from reckon.bench.percentiles import Spread
from reckon.errors import BadSetting
from reckon.screen import screen

BEHIND_SECONDS = 0.01
"""A request that left later than this after its time was held up by the client, which should then not be believed."""
FEW_WORDS, MANY_WORDS = 8, 72
"""Words of the two prompts from which the tokens of a word are found."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to send. ``prompt`` and ``tokens`` are tokens of each; bounds are seconds, None bounds nothing.

    ``seconds`` and ``requests`` are the end of each rate, whichever comes first.
    """

    model: str
    rates: Sequence[float]
    prompt: int
    tokens: int
    seed: int
    seconds: float | None
    requests: int | None
    ttft_bound: float | None
    itl_bound: float | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Shape:
    """How this server's prompts come about: ``base`` tokens and ``per_word`` for each word. ``forced``: it takes ignore_eos."""

    base: float
    per_word: float
    forced: bool

    def words(self, tokens: int) -> int:
        return max(1, round((tokens - self.base) / self.per_word))


class Measured(msgspec.Struct, frozen=True):
    """One rate. Times are seconds; tokens and rates of complete answers; ``seconds`` is from the first arrival to the last end.

    ``good`` is complete requests per second within the bounds. ``late`` is how much later than due requests left, ``behind``
    how many by more than BEHIND_SECONDS.
    """

    rate: float
    requests: int
    complete: int
    errors: dict[str, int]
    seconds: float
    prompt_tokens: float
    completion_tokens: float
    first: Spread
    gap: Spread
    total: Spread
    requests_per_second: float
    tokens_per_second: float
    good: float
    late: Spread
    behind: int
    firsts: list[float]
    gaps: list[float]


def measure(server: Server, wish: Wish) -> list[Measured]:
    """Offer each rate, one after the other, and print a row for each.

    Raises BadSetting when the server cannot be asked at all.
    """
    console = screen(160)
    measured = asyncio.run(_measure(server, wish))
    console.print(table(wish, measured))
    for row in measured:
        for complaint in complaints(row):
            console.print(complaint)
    return measured


async def _measure(server: Server, wish: Wish) -> list[Measured]:
    load = Load(server, wish.timeout)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        shape = await find_shape(load, wish)
        measured = []
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            for place, rate in enumerate(wish.rates):
                times = arrivals(rate, wish.seed + place, seconds=wish.seconds, requests=wish.requests)
                bar = progress.add_task(f"{rate:g} requests/s", total=len(times))
                words, first = shape.words(wish.prompt), wish.seed + (place << 32)
                bodies = [_body(wish, shape, words, first + number) for number in range(len(times))]
                sent = await load.run(times, bodies, lambda _, bar=bar: progress.advance(bar))  # type: ignore[misc]
                measured.append(judge(rate, sent, wish))
        return measured
    finally:
        load.close()


async def find_shape(load: Load, wish: Wish) -> Shape:
    """Two small requests: whether the server takes ignore_eos, and how many tokens a word comes to.

    Raises BadSetting with the server's own words when it refuses.
    """
    forced = Shape(0, 1, True)
    few = await load.ask(_body(wish, forced, FEW_WORDS, wish.seed, tokens=1))
    if few.error.startswith(("400", "422")):
        forced = Shape(0, 1, False)
        few = await load.ask(_body(wish, forced, FEW_WORDS, wish.seed, tokens=1))
    many = await load.ask(_body(wish, forced, MANY_WORDS, wish.seed, tokens=1))
    for answer in (few, many):
        if answer.error:
            raise BadSetting(f"the server does not answer: {answer.error}")
    per_word = (many.prompt_tokens - few.prompt_tokens) / (MANY_WORDS - FEW_WORDS)
    return Shape(few.prompt_tokens - FEW_WORDS * per_word, per_word, forced.forced) if per_word > 0 else forced


def judge(rate: float, sent: Sequence[Sent], wish: Wish) -> Measured:
    """The numbers of what came back."""
    complete = [one.answer for one in sent if not one.answer.error]
    begin = min((one.answer.sent for one in sent), default=0.0)
    seconds = max((one.answer.ended for one in sent), default=0.0) - begin
    gaps = [gap for answer in complete for gap in answer.gaps]
    late = [one.left - one.due for one in sent]
    good = sum(_within(answer, wish) for answer in complete)
    return Measured(
        rate=rate,
        requests=len(sent),
        complete=len(complete),
        errors=dict(Counter(one.answer.error for one in sent if one.answer.error).most_common()),
        seconds=seconds,
        prompt_tokens=_mean([answer.prompt_tokens for answer in complete]),
        completion_tokens=_mean([answer.completion_tokens for answer in complete]),
        first=Spread.of([answer.first for answer in complete]),
        gap=Spread.of(gaps),
        total=Spread.of([answer.total for answer in complete]),
        requests_per_second=len(complete) / seconds if seconds else 0.0,
        tokens_per_second=sum(answer.completion_tokens for answer in complete) / seconds if seconds else 0.0,
        good=good / seconds if seconds else 0.0,
        late=Spread.of(late),
        behind=sum(by > BEHIND_SECONDS for by in late),
        firsts=sorted(answer.first for answer in complete),
        gaps=sorted(gaps),
    )


def table(wish: Wish, measured: Sequence[Measured]) -> Table:
    rows = Table(
        "offered/s", "complete", "TTFT ms p50/p95/p99", "inter-token ms p50/p95/p99", "whole s p50/p95/p99",
        "requests/s", "tokens/s",
        title=f"{wish.model}: prompts of {wish.prompt} tokens, answers of {wish.tokens}",
    )  # fmt: skip
    bounded = wish.ttft_bound is not None or wish.itl_bound is not None
    if bounded:
        rows.add_column("good/s")
    for row in measured:
        cells = (
            f"{row.rate:g}", f"{row.complete} of {row.requests}", _cells(row.first, 1e3, 1), _cells(row.gap, 1e3, 2),
            _cells(row.total, 1, 2), f"{row.requests_per_second:.2f}", f"{row.tokens_per_second:,.0f}",
        )  # fmt: skip
        rows.add_row(*cells, *[f"{row.good:.2f}"] * bounded)
    return rows


def complaints(row: Measured) -> list[str]:
    """What the reader has to know beside the numbers of a rate, a sentence each."""
    found = [f"At {row.rate:g}/s, {count} failed: {error}" for error, count in row.errors.items()]
    if row.behind:
        found.append(
            f"At {row.rate:g}/s the client fell behind: {row.behind} of {row.requests} requests left more than "
            f"{BEHIND_SECONDS * 1e3:g} ms late, the latest by {row.late.most * 1e3:.0f} ms. The load was not what it should be."
        )
    return found


def _body(wish: Wish, shape: Shape, words: int, seed: int, tokens: int | None = None) -> bytes:
    forced = {"ignore_eos": True} if shape.forced else {}
    body: dict[str, Any] = {
        "model": wish.model,
        "messages": [{"role": "user", "content": prompt(words, seed)}],
        "max_tokens": wish.tokens if tokens is None else tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": seed % (1 << 31),
        **forced,
    }
    return msgspec.json.encode(body)


def _within(answer: Answer, wish: Wish) -> bool:
    """Both bounds: the time to the first token, and the answer's mean time per token after it."""
    return (wish.ttft_bound is None or answer.first <= wish.ttft_bound) and (
        wish.itl_bound is None or answer.gap <= wish.itl_bound
    )


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _cells(spread: Spread, unit: float, digits: int) -> str:
    return " / ".join(f"{value * unit:,.{digits}f}" for value in (spread.p50, spread.p95, spread.p99))
