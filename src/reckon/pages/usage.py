"""The Usage tab: what the key that is signed in used of one model, over time, as charts and as the table they are drawn from.

All numbers are the ledger's. Knows no SQL; sends who is not signed in to the sign-in page.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reckon.catalog.card import Card
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger
from reckon.ledger.prices import dollars
from reckon.ledger.usage import Slot, Totals, UsageRow, over_time, recent, totals
from reckon.pages.charts import Chart, chart
from reckon.pages.frames import Frame, frame
from reckon.pages.rendering import HEADERS, page
from reckon.pages.shown import Shown, Tab, address, shown, tabs

ROWS = 20


@dataclass(frozen=True, slots=True)
class Span:
    """How far back, in slots of ``step`` seconds, and how a slot's time is written."""

    name: str
    step: int
    slots: int
    written: str


SPANS = {
    "hour": Span("Last hour", 60, 60, "%H:%M"),
    "day": Span("Last 24 hours", 3600, 24, "%H:%M"),
    "month": Span("Last 30 days", 86400, 30, "%b %d"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A slot, or their sum, in words. ``speed`` is completion tokens per second of the requests' own time."""

    label: str
    requests: str
    prompt: str
    completion: str
    cost: str
    speed: str
    first: str


@dataclass(frozen=True, slots=True)
class Newest:
    """A line of the newest requests."""

    when: str
    id: str
    outcome: str
    prompt: str
    completion: str
    cost: str
    speed: str
    first: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    spans: tuple[Tab, ...]
    charts: tuple[Chart, ...]
    rows: tuple[Row, ...]
    all_time: Row
    newest: tuple[Newest, ...]


class Usage:
    def __init__(self, pool: Pool, ledger: Ledger) -> None:
        self._pool = pool
        self._ledger = ledger

    async def show(self, request: Request, account: Account, card: Card) -> Response:
        here = address(card.id, "/usage")
        if not account.id:
            return RedirectResponse(f"/signin?next={here}", 303, HEADERS)
        chosen = request.query_params.get("range", "day")
        span = SPANS.get(chosen, SPANS["day"])
        first = (int(time.time()) // span.step - span.slots + 1) * span.step

        def read(db: Connection) -> tuple[list[Slot], Totals, list[UsageRow]]:
            slots = over_time(db, key_id=account.key_id, model=card.id, since=first, step=span.step)
            sums = totals(db, key_id=account.key_id, model=card.id)
            return slots, sums, recent(db, key_id=account.key_id, model=card.id, limit=ROWS)

        slots, sums, newest = await self._ledger.run(read, reads_only=True)
        shape = UsagePage(
            frame=frame(account, here),
            model=shown(card, self._pool.health().get(card.id)),
            tabs=tabs(card.id, "/usage"),
            spans=tuple(Tab(one.name, f"{here}?range={key}", one is span) for key, one in SPANS.items()),
            charts=charts(filled(slots, span, first), span),
            rows=tuple(row(slot, written(slot.start, span)) for slot in reversed(slots)),
            all_time=row(Slot(0, sums, 0, None), "Since this key exists"),
            newest=tuple(line(one) for one in newest),
        )
        return page(request, "usage.html", shape)


def filled(slots: list[Slot], span: Span, first: int) -> list[Slot]:
    """Every slot of the span, those in which nothing happened too."""
    by_start = {slot.start: slot for slot in slots}
    starts = range(first, first + span.slots * span.step, span.step)
    return [by_start.get(start, Slot(start, Totals(), 0, None)) for start in starts]


def charts(slots: list[Slot], span: Span) -> tuple[Chart, ...]:
    labels = [written(slot.start, span) for slot in slots]
    requests = [slot.totals.requests for slot in slots]
    tokens = [slot.totals.prompt_tokens + slot.totals.completion_tokens for slot in slots]
    costs = [slot.totals.cost_nano for slot in slots]
    speeds = [speed(slot.totals.completion_tokens, slot.seconds) or 0.0 for slot in slots]
    overall = speed(sum(slot.totals.completion_tokens for slot in slots), sum(slot.seconds for slot in slots))
    return (
        chart("Requests", f"{sum(requests):,}", requests, labels, count, whole=True),
        chart("Tokens", f"{sum(tokens):,}", tokens, labels, count, whole=True),
        chart("Cost", dollars(sum(costs)), costs, labels, lambda nano: dollars(round(nano))),
        chart("Tokens per second", rate(overall), speeds, labels, lambda value: f"{value:,.3g}"),
    )


def row(slot: Slot, label: str) -> Row:
    sums = slot.totals
    return Row(
        label=label,
        requests=count(sums.requests),
        prompt=count(sums.prompt_tokens),
        completion=count(sums.completion_tokens),
        cost=dollars(sums.cost_nano),
        speed=rate(speed(sums.completion_tokens, slot.seconds)),
        first=milliseconds(slot.first_token_ms),
    )


def line(one: UsageRow) -> Newest:
    when = datetime.fromtimestamp(one.created, UTC).strftime("%b %d %H:%M:%S")
    return Newest(
        when=when,
        id=one.request,
        outcome=one.outcome,
        prompt=count(one.prompt_tokens),
        completion=count(one.completion_tokens),
        cost=dollars(one.cost_nano),
        speed=rate(speed(one.completion_tokens, (one.total_ms or 0) / 1000)),
        first=milliseconds(one.first_token_ms),
    )


def written(start: int, span: Span) -> str:
    return datetime.fromtimestamp(start, UTC).strftime(span.written)


def speed(completion_tokens: int, seconds: float) -> float | None:
    return completion_tokens / seconds if seconds > 0 else None


def rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def count(value: float) -> str:
    return f"{round(value):,}"


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"
