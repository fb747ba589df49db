"""Sessions and links on both databases: hashed, for a time, and of two that redeem one link at once, one."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa

from reckon.ledger import sessions as rules
from reckon.ledger.accounts import create_key, digest, find_digest, key_digest, revoke_key
from reckon.ledger.db import Ledger
from reckon.ledger.sessions import close_session, find_session, open_link, open_session, redeem
from reckon.ledger.tables import sessions


def test_a_session_names_its_key_until_it_is_closed(ledger: Ledger) -> None:
    secret = ledger.run_now(lambda db: open_session(db, "k" * 64))
    assert ledger.run_now(lambda db: find_session(db, secret), reads_only=True) == "k" * 64
    ledger.run_now(lambda db: close_session(db, secret))
    assert ledger.run_now(lambda db: find_session(db, secret)) is None
    ledger.run_now(lambda db: close_session(db, secret))


def test_secrets_are_stored_as_hashes(ledger: Ledger) -> None:
    secrets = [ledger.run_now(lambda db: open_session(db, "k")), ledger.run_now(lambda db: open_link(db, "k"))]
    rows = ledger.run_now(lambda db: db.execute(sa.select(sessions)).all())
    assert {row.digest for row in rows} == {digest(secret) for secret in secrets}
    assert sorted(round(row.expires - row.created) for row in rows) == [rules.LINK_SECONDS, rules.SESSION_SECONDS]


def test_a_link_is_redeemed_once(ledger: Ledger) -> None:
    link = ledger.run_now(lambda db: open_link(db, "k"))
    secret = ledger.run_now(lambda db: redeem(db, link))
    assert secret is not None
    assert ledger.run_now(lambda db: find_session(db, secret)) == "k"
    assert ledger.run_now(lambda db: redeem(db, link)) is None
    assert ledger.run_now(lambda db: redeem(db, secret)) is None


def test_one_of_many_at_once_gets_the_session(url: str) -> None:
    with closing(Ledger(url)) as first, closing(Ledger(url)) as second, ThreadPoolExecutor(8) as pool:
        link = first.run_now(lambda db: open_link(db, "k"))
        tries = [pool.submit(ledger.run_now, lambda db: redeem(db, link)) for ledger in (first, second) * 4]
        assert sum(one.result() is not None for one in tries) == 1


@pytest.mark.parametrize("expired", [0.0, 1.0])
def test_what_has_expired_counts_no_more_and_is_forgotten(ledger: Ledger, expired: float) -> None:
    secret, link = ledger.run_now(lambda db: (open_session(db, "k"), open_link(db, "k")))
    ledger.run_now(lambda db: db.execute(sa.update(sessions).values(expires=time.time() - expired)))
    assert ledger.run_now(lambda db: find_session(db, secret)) is None
    assert ledger.run_now(lambda db: redeem(db, link)) is None
    ledger.run_now(lambda db: open_session(db, "k"))
    assert ledger.run_now(lambda db: db.execute(sa.select(sa.func.count()).select_from(sessions)).scalar_one()) == 1


def test_a_key_is_found_by_name_id_or_as_the_oldest_administrators(ledger: Ledger) -> None:
    assert ledger.run_now(key_digest) is None
    plain, secret = ledger.run_now(lambda db: create_key(db, "plain"))
    assert ledger.run_now(key_digest) is None
    _, older = ledger.run_now(lambda db: create_key(db, "older", admin=True))
    _, newer = ledger.run_now(lambda db: create_key(db, "newer", admin=True))
    assert ledger.run_now(key_digest) == digest(older)
    for name in ("plain", plain.key_id):
        assert ledger.run_now(lambda db, name=name: key_digest(db, name)) == digest(secret)
    assert ledger.run_now(lambda db: find_digest(db, digest(secret))) == plain
    ledger.run_now(lambda db: revoke_key(db, "older"))
    assert ledger.run_now(key_digest) == digest(newer)
    ledger.run_now(lambda db: revoke_key(db, "plain"))
    assert ledger.run_now(lambda db: key_digest(db, "plain")) is None
    assert ledger.run_now(lambda db: find_digest(db, digest(secret))) is None
