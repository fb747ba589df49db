"""What was used and what it cost: reserve at admission, settle exactly once, and the sums. Knows no HTTP and no engines.

The API reserves, settles and recovers; the pages and the command line read. All amounts are integer nano-dollars.
"""

import time
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from reckon.catalog.card import Price
from reckon.errors import InsufficientFunds
from reckon.job import Usage
from reckon.ledger.hot import Statement
from reckon.ledger.prices import dollars
from reckon.ledger.tables import balances, keys, requests

OPEN = "open"
LOST = "lost"

BALANCE = Statement(
    sa.select(balances.c.spent_nano, balances.c.reserved_nano).where(balances.c.key_id == sa.bindparam("key")).with_for_update()
)
ADD_TO_BALANCE = Statement(
    sa.update(balances)
    .where(balances.c.key_id == sa.bindparam("key"))
    .values(
        spent_nano=balances.c.spent_nano + sa.bindparam("spent"),
        reserved_nano=balances.c.reserved_nano + sa.bindparam("reserved"),
    )
)
OPEN_REQUEST = Statement(
    sa.insert(requests),
    *("id", "account", "key_id", "model", "price_input", "price_output", "prompt_tokens", "cached_tokens", "completion_tokens"),
    *("reserved_nano", "cost_nano", "seed", "stream", "outcome", "created"),
)
RESERVED = Statement(
    sa.select(requests.c.key_id, requests.c.reserved_nano, requests.c.price_input, requests.c.price_output)
    .where(requests.c.id == sa.bindparam("request"), requests.c.settled.is_(None))
    .with_for_update()
)
CLOSED = Statement(sa.select(requests.c.cost_nano).where(requests.c.id == sa.bindparam("request")))
CLOSE_REQUEST = Statement(
    sa.update(requests).where(requests.c.id == sa.bindparam("request")),
    *("prompt_tokens", "cached_tokens", "completion_tokens", "cost_nano", "outcome", "first_token_ms", "total_ms", "settled"),
)


class UnknownRequest(KeyError):
    """Nothing was reserved under this request id: a defect of the caller."""


class Reservation(msgspec.Struct, frozen=True):
    """A request about to run. ``max_completion_tokens`` is the most all its choices together can generate."""

    request: str
    account: str
    key_id: str
    model: str
    price: Price
    prompt_tokens: int
    max_completion_tokens: int
    seed: int
    stream: bool


class Totals(msgspec.Struct, frozen=True):
    """Sums over settled requests. ``requests`` counts also those that were lost in a crash, which cost nothing."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int = 0


class KeyUsage(msgspec.Struct, frozen=True):
    """What one key used of one model. ``name`` is the key's, or its id where it has no row, as the administrator's token."""

    key_id: str
    name: str
    model: str
    totals: Totals


class Slot(msgspec.Struct, frozen=True):
    """Sums over what was settled from ``start`` (unix seconds) to the next slot.

    ``seconds`` is how long its requests took together, ``first_token_ms`` their mean time to the first token, None without any.
    """

    start: int
    totals: Totals
    seconds: float
    first_token_ms: float | None


class UsageRow(msgspec.Struct, frozen=True):
    """One request. While ``outcome`` is "open", tokens and cost are 0 and ``settled`` is None. Times are unix seconds."""

    request: str
    account: str
    key_id: str
    model: str
    price: Price
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reserved_nano: int
    cost_nano: int
    seed: int
    stream: bool
    outcome: str
    created: float
    first_token_ms: float | None
    total_ms: float | None
    settled: float | None


def reserve(db: Connection, reservation: Reservation, limit_nano: int | None = None) -> None:
    """Open the request's row and set aside the most it can cost.

    Raises InsufficientFunds when that, with all that its key has spent and reserved, is over ``limit_nano``.
    """
    worst = reservation.price.cost(reservation.prompt_tokens, reservation.max_completion_tokens)
    spent, reserved = _lock_balance(db, reservation.key_id)
    if limit_nano is not None and spent + reserved + worst > limit_nano:
        raise InsufficientFunds(
            f"This request may cost up to {dollars(worst)}. Of the key's limit of {dollars(limit_nano)}, {dollars(spent)} is"
            f" spent and {dollars(reserved)} is reserved for requests that are still running."
        )
    _add_to_balance(db, reservation.key_id, spent=0, reserved=worst)
    OPEN_REQUEST.run(
        db,
        id=reservation.request,
        account=reservation.account,
        key_id=reservation.key_id,
        model=reservation.model,
        price_input=reservation.price.input,
        price_output=reservation.price.output,
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
        reserved_nano=worst,
        cost_nano=0,
        seed=reservation.seed,
        stream=reservation.stream,
        outcome=OPEN,
        created=time.time(),
    )


def settle(db: Connection, request: str, usage: Usage, outcome: str, *, first_token_ms: float | None, total_ms: float) -> int:
    """Charge what was used, release the reservation and return the cost. Only the first call for a request does anything.

    ``outcome`` is a finish reason or an error's code. Raises UnknownRequest.
    """
    row = RESERVED.one(db, request=request)
    if row is None:
        return _cost_of(db, request)
    key_id, reserved, price_input, price_output = row
    cost = Price(price_input, price_output).cost(usage.prompt_tokens, usage.completion_tokens)
    CLOSE_REQUEST.run(
        db,
        request=request,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        cost_nano=cost,
        outcome=outcome,
        first_token_ms=first_token_ms,
        total_ms=total_ms,
        settled=time.time(),
    )
    _add_to_balance(db, key_id, spent=cost, reserved=-reserved)
    return cost


def _cost_of(db: Connection, request: str) -> int:
    """Of one that is settled. Raises UnknownRequest."""
    row = CLOSED.one(db, request=request)
    if row is None:
        raise UnknownRequest(request)
    return int(row[0])


def recover(db: Connection) -> int:
    """Close what a server that died left open: outcome "lost", cost 0, reservations released. Returns how many there were.

    For the start of a server that has claimed this database: it cannot tell another's running requests from a dead one's.
    """
    lock = sa.select(requests.c.id, requests.c.key_id, requests.c.reserved_nano).where(requests.c.settled.is_(None))
    rows = db.execute(lock.order_by(requests.c.id).with_for_update()).all()
    for row in rows:
        db.execute(sa.update(requests).where(requests.c.id == row.id).values(outcome=LOST, settled=time.time()))
        _add_to_balance(db, row.key_id, spent=0, reserved=-row.reserved_nano)
    return len(rows)


def totals(db: Connection, *, key_id: str | None = None, model: str | None = None, since: float | None = None) -> Totals:
    """Sums over what was settled, optionally of one key, one model, and from a time on (unix seconds, when it was settled)."""
    query = sa.select(*_sums()).where(requests.c.settled.is_not(None))
    if key_id is not None:
        query = query.where(requests.c.key_id == key_id)
    if model is not None:
        query = query.where(requests.c.model == model)
    if since is not None:
        query = query.where(requests.c.settled >= since)
    return _totals(db.execute(query).one())


def by_key(db: Connection) -> list[KeyUsage]:
    """Totals of each key and model that has any, by key name, then model."""
    name = sa.func.coalesce(keys.c.name, requests.c.key_id)
    query = (
        sa.select(requests.c.key_id, name.label("name"), requests.c.model, *_sums())
        .select_from(requests.outerjoin(keys, keys.c.id == requests.c.key_id))
        .where(requests.c.settled.is_not(None))
        .group_by(requests.c.key_id, name, requests.c.model)
        .order_by(name, requests.c.key_id, requests.c.model)
    )
    return [KeyUsage(row.key_id, row.name, row.model, _totals(row)) for row in db.execute(query)]


def over_time(db: Connection, *, key_id: str, model: str, since: float, step: int) -> list[Slot]:
    """What one key used of one model, by slots of ``step`` seconds that begin at multiples of it, oldest first, empty ones left
    out. Settled requests only; ``totals`` of the same key and model sums up the same rows.
    """
    slot = sa.func.floor(requests.c.settled / step).label("slot")
    took, first = sa.func.coalesce(sa.func.sum(requests.c.total_ms), 0), sa.func.avg(requests.c.first_token_ms)
    query: sa.Select[Any] = (
        sa.select(slot, *_sums(), took.label("took_ms"), first.label("first_ms"))
        .where(requests.c.key_id == key_id, requests.c.model == model, requests.c.settled >= since)
        .group_by(sa.literal_column("slot"))
        .order_by(sa.literal_column("slot"))
    )
    return [Slot(int(row.slot) * step, _totals(row), row.took_ms / 1000, row.first_ms) for row in db.execute(query)]


def recent(db: Connection, *, key_id: str | None = None, model: str | None = None, limit: int = 20) -> list[UsageRow]:
    """The newest requests, open ones too, newest first."""
    query = sa.select(requests).order_by(requests.c.created.desc(), requests.c.id.desc()).limit(limit)
    if key_id is not None:
        query = query.where(requests.c.key_id == key_id)
    if model is not None:
        query = query.where(requests.c.model == model)
    return [_usage_row(row) for row in db.execute(query)]


def _lock_balance(db: Connection, key_id: str) -> tuple[int, int]:
    """What the key has spent and reserved. Who else wants to know waits until this transaction ends."""
    row = BALANCE.one(db, key=key_id)
    if row is None:
        try:
            with db.begin_nested():
                db.execute(sa.insert(balances).values(key_id=key_id, spent_nano=0, reserved_nano=0))
        except IntegrityError:
            pass  # another transaction made it since the query: the row is there, which is all that was wanted
        row = BALANCE.one(db, key=key_id)
        assert row is not None
    spent, reserved = row
    return spent, reserved


def _add_to_balance(db: Connection, key_id: str, *, spent: int, reserved: int) -> None:
    ADD_TO_BALANCE.run(db, key=key_id, spent=spent, reserved=reserved)


def _sums() -> list[sa.Label[Any]]:
    names = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_nano")
    sums = [sa.func.coalesce(sa.func.sum(requests.c[name]), 0).label(name) for name in names]
    return [sa.func.count().label("requests"), *sums]


def _totals(row: sa.Row[Any]) -> Totals:
    # int: PostgreSQL sums integers into a decimal type.
    return Totals(
        int(row.requests), int(row.prompt_tokens), int(row.cached_tokens), int(row.completion_tokens), int(row.cost_nano)
    )


def _usage_row(row: sa.Row[Any]) -> UsageRow:
    return UsageRow(
        request=row.id,
        account=row.account,
        key_id=row.key_id,
        model=row.model,
        price=Price(row.price_input, row.price_output),
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
        completion_tokens=row.completion_tokens,
        reserved_nano=row.reserved_nano,
        cost_nano=row.cost_nano,
        seed=row.seed,
        stream=row.stream,
        outcome=row.outcome,
        created=row.created,
        first_token_ms=row.first_token_ms,
        total_ms=row.total_ms,
        settled=row.settled,
    )
