"""Usage by slots of time: on both databases they add up to the totals, and hold one key and one model only."""

import pytest
import sqlalchemy as sa

from reckon.ledger.db import Ledger
from reckon.ledger.tables import requests
from reckon.ledger.usage import over_time, recent, totals


def fill(db: sa.Connection, key: str = "k", model: str = "m") -> None:
    """200 requests, one settled every 37.25 seconds."""
    for number in range(200):
        row = {column.name: 0 for column in requests.columns}
        row |= {"id": f"{key}-{model}-{number}", "account": "a", "key_id": key, "model": model, "stream": False}
        row |= {"outcome": "stop", "prompt_tokens": number, "completion_tokens": 2, "cost_nano": 3}
        row |= {"total_ms": 500.0, "first_token_ms": 50.0, "settled": 1_000_000_000 + number * 37.25, "created": float(number)}
        db.execute(sa.insert(requests).values(row))


def test_slots_add_up_to_the_totals(ledger: Ledger) -> None:
    ledger.run_now(fill)
    ledger.run_now(lambda db: fill(db, "other"))
    ledger.run_now(lambda db: fill(db, "k", "other"))
    slots = ledger.run_now(lambda db: over_time(db, key_id="k", model="m", since=0, step=60), reads_only=True)
    sums = ledger.run_now(lambda db: totals(db, key_id="k", model="m"))
    assert sum(slot.totals.requests for slot in slots) == sums.requests == 200
    assert sum(slot.totals.prompt_tokens for slot in slots) == sums.prompt_tokens
    assert sum(slot.totals.cost_nano for slot in slots) == sums.cost_nano == 600
    assert sum(slot.seconds for slot in slots) == pytest.approx(100)
    assert [slot.start for slot in slots] == sorted({int((1_000_000_000 + n * 37.25) // 60) * 60 for n in range(200)})
    assert {slot.first_token_ms for slot in slots} == {50.0}


def test_slots_begin_where_they_are_asked_to(ledger: Ledger) -> None:
    ledger.run_now(fill)
    late = ledger.run_now(lambda db: over_time(db, key_id="k", model="m", since=1_000_003_600, step=3600))
    assert [slot.start % 3600 for slot in late] == [0] * len(late)
    assert sum(slot.totals.requests for slot in late) == sum(n * 37.25 >= 3600 for n in range(200))
    assert ledger.run_now(lambda db: over_time(db, key_id="nobody", model="m", since=0, step=60)) == []


def test_the_newest_of_one_model(ledger: Ledger) -> None:
    ledger.run_now(fill)
    ledger.run_now(lambda db: fill(db, "k", "other"))
    rows = ledger.run_now(lambda db: recent(db, key_id="k", model="m", limit=3))
    assert [row.request for row in rows] == ["k-m-199", "k-m-198", "k-m-197"]
