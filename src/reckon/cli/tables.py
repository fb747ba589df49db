"""How rows are shown to a person in a terminal. Programs take ``--json``."""

import time
from collections.abc import Iterable, Sequence

from rich.table import Column, Table

from reckon.catalog.card import Card
from reckon.ledger.accounts import KeyRow
from reckon.ledger.usage import KeyUsage
from reckon.screen import screen

PIPED_WIDTH = 400
"""Columns for what is no terminal: nothing is cut for grep."""


def keys(rows: Sequence[KeyRow]) -> None:
    """By name, which is what ``revoke`` takes; the ids are in the JSON."""
    _show(("name", "key", "rights", "models", "limit", "made", "state"), map(_key, rows))


def models(cards: Sequence[Card]) -> None:
    _show(("model", "context", "dtype", "$/Mtoken in/out", "in the package"), map(_model, cards))


def usage(rows: Sequence[KeyUsage]) -> None:
    _show(("key", "model", "requests", "prompt", "cached", "completion", "cost"), map(_usage, rows))


def _key(row: KeyRow) -> tuple[str, ...]:
    limit = "-" if row.limit_nano is None else f"${row.limit_nano / 1e9:g}"
    state = "live" if row.revoked is None else f"revoked {_day(row.revoked)}"
    rights = "admin" if row.admin else "user"
    return row.name, row.hint, rights, ", ".join(row.models) or "all", limit, _day(row.created), state


def _model(card: Card) -> tuple[str, ...]:
    price = f"{card.price.input / 1000:g}/{card.price.output / 1000:g}"
    return card.id, f"{card.context:,}", card.dtype, price, "yes" if card.checkpoint else "no"


def _usage(row: KeyUsage) -> tuple[str, ...]:
    total = row.totals
    numbers = (total.requests, total.prompt_tokens, total.cached_tokens, total.completion_tokens)
    return row.name, row.model, *(f"{number:,}" for number in numbers), f"${total.cost_nano / 1e9:.9f}"


def _show(headers: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*(Column(header, overflow="fold") for header in headers))
    for row in rows:
        table.add_row(*row)
    screen(PIPED_WIDTH).print(table)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
