"""How rows are shown to a person in a terminal."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from reckon.catalog.card import Card
from reckon.ledger.accounts import KeyRow
from reckon.ledger.usage import KeyUsage


def keys(rows: Sequence[KeyRow]) -> None:
    table = Table("name", "id", "key", "rights", "models", "limit", "made", "state")
    for row in rows:
        limit = "-" if row.limit_nano is None else f"${row.limit_nano / 1e9:.2f}"
        state = "live" if row.revoked is None else f"revoked {_day(row.revoked)}"
        rights = "admin" if row.admin else "user"
        table.add_row(row.name, row.key_id, row.hint, rights, ", ".join(row.models) or "all", limit, _day(row.created), state)
    Console().print(table)


def models(cards: Sequence[Card]) -> None:
    table = Table("model", "context", "dtype", "$/Mtoken in/out", "in the package")
    for card in cards:
        price = f"{card.price.input / 1000:g}/{card.price.output / 1000:g}"
        table.add_row(card.id, f"{card.context:,}", card.dtype, price, "yes" if card.checkpoint else "no")
    Console().print(table)


def usage(rows: Sequence[KeyUsage]) -> None:
    table = Table("key", "model", "requests", "prompt", "cached", "completion", "cost")
    for row in rows:
        total = row.totals
        numbers = (total.requests, total.prompt_tokens, total.cached_tokens, total.completion_tokens)
        table.add_row(row.name, row.model, *(f"{number:,}" for number in numbers), f"${total.cost_nano / 1e9:.9f}")
    Console().print(table)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
