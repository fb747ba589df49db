"""Reserve, settle, recover and the sums; that money adds up whatever the order, and that limits hold against races."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from reckon.catalog.card import Price
from reckon.errors import InsufficientFunds
from reckon.job import Usage
from reckon.ledger.accounts import create_key, revoke_key
from reckon.ledger.db import Ledger
from reckon.ledger.tables import balances
from reckon.ledger.usage import (
    KeyUsage,
    Reservation,
    Totals,
    UnknownRequest,
    UsageRow,
    by_key,
    recent,
    recover,
    reserve,
    settle,
    totals,
)

PRICE = Price(120, 180)


def reservation(request: str, key_id: str = "k", *, model: str = "o/m", price: Price = PRICE, seed: int = 7) -> Reservation:
    """Costs 100 x 120 + 50 x 180 = 21000 at worst, at the usual price."""
    return Reservation(request, f"acct-{key_id}", key_id, model, price, 100, 50, seed, True)


def finish(db: Connection, request: str, usage: Usage = Usage(100, 20, 10), outcome: str = "stop") -> int:
    return settle(db, request, usage, outcome, first_token_ms=12.5, total_ms=80.25)


def balance(db: Connection, key_id: str = "k") -> tuple[int, int]:
    row = db.execute(sa.select(balances).where(balances.c.key_id == key_id)).one()
    return row.spent_nano, row.reserved_nano


def test_a_reserved_request_is_an_open_row(ledger: Ledger) -> None:
    before = time.time()
    ledger.run_now(lambda db: reserve(db, reservation("r1")))
    (row,) = ledger.run_now(recent)
    assert before <= row.created <= time.time()
    assert row == UsageRow(
        "r1", "acct-k", "k", "o/m", PRICE, 0, 0, 0, 21_000, 0, 7, True, "open", row.created, None, None, None
    )
    assert ledger.run_now(balance) == (0, 21_000)
    assert ledger.run_now(totals) == Totals()


def test_settling_charges_what_was_used_and_releases_the_rest(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1")))
    assert ledger.run_now(lambda db: finish(db, "r1")) == 100 * 120 + 10 * 180
    (row,) = ledger.run_now(recent)
    assert (row.prompt_tokens, row.cached_tokens, row.completion_tokens) == (100, 20, 10)
    assert (row.reserved_nano, row.cost_nano, row.outcome) == (21_000, 13_800, "stop")
    assert (row.first_token_ms, row.total_ms) == (12.5, 80.25)
    assert row.settled is not None and row.settled >= row.created
    assert ledger.run_now(balance) == (13_800, 0)
    assert ledger.run_now(totals) == Totals(1, 100, 20, 10, 13_800)


def test_a_second_settle_changes_nothing(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1")))
    cost = ledger.run_now(lambda db: finish(db, "r1"))
    rows = ledger.run_now(recent)
    assert ledger.run_now(lambda db: finish(db, "r1", Usage(1, 1, 1), "engine_failed")) == cost
    assert ledger.run_now(recent) == rows
    assert ledger.run_now(balance) == (cost, 0)


def test_settling_what_was_never_reserved_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(UnknownRequest, match="r1"):
        ledger.run_now(lambda db: finish(db, "r1"))


def test_a_failure_without_a_token_costs_nothing(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1")))
    failed = ledger.run_now(lambda db: settle(db, "r1", Usage(), "engine_failed", first_token_ms=None, total_ms=3.0))
    assert failed == 0
    (row,) = ledger.run_now(recent)
    assert (row.outcome, row.cost_nano, row.first_token_ms) == ("engine_failed", 0, None)


def test_a_request_id_is_reserved_once(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1")))
    with pytest.raises(sa.exc.IntegrityError):
        ledger.run_now(lambda db: reserve(db, reservation("r1")))
    assert ledger.run_now(balance) == (0, 21_000)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_a_seed_survives(ledger: Ledger, seed: int) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1", seed=seed)))
    assert ledger.run_now(recent)[0].seed == seed


def test_the_price_of_the_time_is_what_is_charged(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1", price=Price(1, 2))))
    ledger.run_now(lambda db: reserve(db, reservation("r2", price=Price(10, 20))))
    assert ledger.run_now(lambda db: [finish(db, "r1"), finish(db, "r2")]) == [120, 1200]
    assert ledger.run_now(recent)[0].price == Price(10, 20)


# The limit ---------------------------------------------------------------------------------------------------------


def test_the_limit_counts_spent_reserved_and_the_new_request(ledger: Ledger) -> None:
    limit = 13_800 + 21_000 + 21_000
    ledger.run_now(lambda db: (reserve(db, reservation("r1"), limit), finish(db, "r1")))
    ledger.run_now(lambda db: reserve(db, reservation("r2"), limit))
    with pytest.raises(InsufficientFunds) as caught:
        ledger.run_now(lambda db: reserve(db, reservation("r3"), limit - 1))
    for amount in ("up to $0.000021.", "limit of $0.000055799,", "$0.0000138 is spent", "$0.000021 is reserved"):
        assert amount in caught.value.message
    assert [row.request for row in ledger.run_now(recent)] == ["r2", "r1"]
    ledger.run_now(lambda db: reserve(db, reservation("r3"), limit))
    assert ledger.run_now(balance) == (13_800, 42_000)


def test_a_settled_request_makes_room(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1"), 21_000))
    with pytest.raises(InsufficientFunds):
        ledger.run_now(lambda db: reserve(db, reservation("r2"), 21_000))
    ledger.run_now(lambda db: settle(db, "r1", Usage(), "engine_failed", first_token_ms=None, total_ms=1.0))
    ledger.run_now(lambda db: reserve(db, reservation("r2"), 21_000))


def test_keys_have_limits_of_their_own(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1", "ann"), 21_000))
    ledger.run_now(lambda db: reserve(db, reservation("r2", "ben"), 21_000))


def test_a_free_model_needs_no_funds(ledger: Ledger) -> None:
    ledger.run_now(lambda db: reserve(db, reservation("r1", price=Price()), 0))
    assert ledger.run_now(lambda db: finish(db, "r1")) == 0


def test_a_limit_holds_against_concurrent_processes(url: str) -> None:
    """Each of four ledgers has a thread and a connection of its own, as four processes would."""
    ledgers = [Ledger(url) for _ in range(4)]

    def attempt(number: int) -> bool:
        try:
            ledgers[number % 4].run_now(lambda db: reserve(db, reservation(f"r{number}"), 5 * 21_000))
        except InsufficientFunds:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(attempt, range(40)))
    assert taken.count(True) == 5
    assert ledgers[0].run_now(balance) == (0, 5 * 21_000)
    for ledger in ledgers:
        ledger.close()


def test_of_concurrent_settles_one_charges(url: str) -> None:
    ledgers = [Ledger(url) for _ in range(4)]
    ledgers[0].run_now(lambda db: reserve(db, reservation("r1")))

    def attempt(number: int) -> int:
        return ledgers[number].run_now(lambda db: finish(db, "r1", Usage(100, 0, number)))

    with ThreadPoolExecutor(4) as threads:
        costs = set(threads.map(attempt, range(4)))
    assert len(costs) == 1
    assert ledgers[0].run_now(balance) == (costs.pop(), 0)
    for ledger in ledgers:
        ledger.close()


# After a crash -----------------------------------------------------------------------------------------------------


def test_recover_closes_what_was_open_at_no_cost(url: str) -> None:
    died = Ledger(url)
    died.run_now(lambda db: (reserve(db, reservation("r1")), finish(db, "r1")))
    died.run_now(lambda db: (reserve(db, reservation("r2")), reserve(db, reservation("r3", "ben"))))
    died.close()
    ledger = Ledger(url)
    assert ledger.run_now(recover) == 2
    rows = {row.request: row for row in ledger.run_now(recent)}
    assert {name: row.outcome for name, row in rows.items()} == {"r1": "stop", "r2": "lost", "r3": "lost"}
    assert rows["r2"].cost_nano == 0 and rows["r2"].settled is not None
    assert ledger.run_now(lambda db: (balance(db), balance(db, "ben"))) == ((13_800, 0), (0, 0))
    assert ledger.run_now(totals) == Totals(3, 100, 20, 10, 13_800)
    assert ledger.run_now(recover) == 0
    assert ledger.run_now(lambda db: finish(db, "r2")) == 0
    ledger.close()


# The sums ----------------------------------------------------------------------------------------------------------


def test_totals_by_key_by_model_and_since(ledger: Ledger) -> None:
    def spend(request: str, key_id: str, model: str) -> None:
        ledger.run_now(lambda db: (reserve(db, reservation(request, key_id, model=model)), finish(db, request)))

    spend("r1", "ann", "o/a")
    spend("r2", "ann", "o/b")
    time.sleep(0.002)
    middle = time.time()
    spend("r3", "ben", "o/a")
    ledger.run_now(lambda db: reserve(db, reservation("r4", "ann")))
    one, two, three = (Totals(n, 100 * n, 20 * n, 10 * n, 13_800 * n) for n in (1, 2, 3))
    assert ledger.run_now(totals) == three
    assert ledger.run_now(lambda db: totals(db, key_id="ann")) == two
    assert ledger.run_now(lambda db: totals(db, model="o/a")) == two
    assert ledger.run_now(lambda db: totals(db, since=middle)) == one
    assert ledger.run_now(lambda db: totals(db, key_id="ann", model="o/a")) == one
    assert ledger.run_now(lambda db: totals(db, key_id="ann", since=middle)) == Totals()


def test_by_key_names_keys_and_keeps_revoked_ones_and_the_token(ledger: Ledger) -> None:
    account, _ = ledger.run_now(lambda db: create_key(db, "ann"))
    for request, key_id, model in (("r1", account.key_id, "o/b"), ("r2", account.key_id, "o/a"), ("r3", "token", "o/a")):
        ledger.run_now(lambda db, r=reservation(request, key_id, model=model): (reserve(db, r), finish(db, r.request)))
    ledger.run_now(lambda db: revoke_key(db, "ann"))
    one = Totals(1, 100, 20, 10, 13_800)
    assert ledger.run_now(by_key) == [
        KeyUsage(account.key_id, "ann", "o/a", one),
        KeyUsage(account.key_id, "ann", "o/b", one),
        KeyUsage("token", "token", "o/a", one),
    ]
    assert ledger.run_now(totals).requests == 3


def test_sums_beyond_what_a_float_can_count_are_exact(ledger: Ledger) -> None:
    price = Price(2**52 + 1, 0)
    for request in ("r1", "r2", "r3"):
        ledger.run_now(lambda db, r=request: (reserve(db, reservation(r, price=price)), finish(db, r)))
    assert ledger.run_now(totals).cost_nano == 300 * (2**52 + 1)


def test_recent_is_newest_first_and_limited(ledger: Ledger) -> None:
    for number in range(5):
        ledger.run_now(lambda db, n=number: reserve(db, reservation(f"r{n}", "ann" if n % 2 else "ben")))
    assert [row.request for row in ledger.run_now(lambda db: recent(db, limit=3))] == ["r4", "r3", "r2"]
    assert [row.request for row in ledger.run_now(lambda db: recent(db, key_id="ann"))] == ["r3", "r1"]


# Any order ---------------------------------------------------------------------------------------------------------

tokens = st.integers(0, 100)
names = st.sampled_from([f"r{number}" for number in range(6)])
steps = st.one_of(
    st.tuples(st.just("reserve"), names, st.sampled_from(["ann", "ben", "token"]), st.builds(Price, tokens, tokens)),
    st.tuples(st.just("settle"), names, st.builds(Usage, tokens, tokens, st.integers(0, 50))),
    st.tuples(st.just("recover")),
)
LIMIT = 20_000


def apply(ledger: Ledger, step: tuple, model: dict[str, UsageRow]) -> None:
    """One step against the ledger and against ``model``, what the rows must then be; both must answer the same."""
    if step[0] == "recover":
        open_rows = [row.request for row in model.values() if row.settled is None]
        assert ledger.run_now(recover) == len(open_rows)
    elif step[0] == "settle" and step[1] not in model:
        with pytest.raises(UnknownRequest):
            ledger.run_now(lambda db: finish(db, step[1]))
    elif step[0] == "settle":
        row = model[step[1]]
        expected = row.cost_nano if row.settled else row.price.cost(step[2].prompt_tokens, step[2].completion_tokens)
        assert ledger.run_now(lambda db: finish(db, step[1], step[2])) == expected
    elif step[1] not in model:
        wanted = reservation(step[1], step[2], price=step[3])
        held = sum(row.cost_nano if row.settled else row.reserved_nano for row in model.values() if row.key_id == step[2])
        if held + step[3].cost(100, 50) > LIMIT:
            with pytest.raises(InsufficientFunds):
                ledger.run_now(lambda db: reserve(db, wanted, LIMIT))
        else:
            ledger.run_now(lambda db: reserve(db, wanted, LIMIT))


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=25))
def test_money_adds_up_in_any_order(script: list[tuple]) -> None:
    ledger = Ledger("sqlite://")
    try:
        for step in script:
            rows = {row.request: row for row in ledger.run_now(recent)}
            apply(ledger, step, rows)
            check(ledger)
    finally:
        ledger.close()


def check(ledger: Ledger) -> None:
    """Costs are the settled rows' tokens at their prices, balances are the rows' sums, and no key is over the limit."""
    rows = ledger.run_now(recent)
    charged = [row for row in rows if row.settled is not None]
    cost = sum(row.price.cost(row.prompt_tokens, row.completion_tokens) for row in charged)
    assert ledger.run_now(totals).cost_nano == cost == sum(row.cost_nano for row in rows)
    for row in ledger.run_now(lambda db: db.execute(sa.select(balances)).all()):
        mine = [one for one in rows if one.key_id == row.key_id]
        assert row.spent_nano == sum(one.cost_nano for one in mine)
        assert row.reserved_nano == sum(one.reserved_nano for one in mine if one.settled is None)
        assert row.spent_nano + row.reserved_nano <= LIMIT
