"""Keys: made once, stored hashed, found, listed, revoked."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reckon.errors import BadSetting
from reckon.ledger.accounts import MAX_NANO, Account, create_key, find_key, list_keys, revoke_key
from reckon.ledger.db import Ledger


def test_a_key_is_found_by_its_secret_with_all_that_was_given(ledger: Ledger) -> None:
    made, secret = ledger.run_now(lambda db: create_key(db, "ann", admin=True, models=["a/b", "c/d"], limit_nano=MAX_NANO))
    assert made == Account(made.id, made.key_id, "ann", admin=True, models=("a/b", "c/d"), limit_nano=MAX_NANO)
    assert ledger.run_now(lambda db: find_key(db, secret)) == made


def test_the_defaults_are_an_ordinary_key_without_a_limit(ledger: Ledger) -> None:
    made, secret = ledger.run_now(lambda db: create_key(db, "ann"))
    assert ledger.run_now(lambda db: find_key(db, secret)) == Account(made.id, made.key_id, "ann")


def test_secrets_ids_and_accounts_are_all_different(ledger: Ledger) -> None:
    made = [ledger.run_now(lambda db, i=i: create_key(db, f"n{i}")) for i in range(5)]
    assert len({text for account, secret in made for text in (account.id, account.key_id, secret)}) == 15
    assert all(secret.startswith("rk-") and len(secret) == 46 for _, secret in made)


@pytest.mark.parametrize("secret", ["", "rk-", "rk-" + "A" * 43, "\udcff", "\x00", "é" * 10_000])
def test_an_unknown_secret_is_nobodys(ledger: Ledger, secret: str) -> None:
    ledger.run_now(lambda db: create_key(db, "ann"))
    assert ledger.run_now(lambda db: find_key(db, secret)) is None


def test_secrets_are_not_in_the_files(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    _, secret = ledger.run_now(lambda db: create_key(db, "ann"))

    def stored() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"ann" in stored()
    assert secret[3:].encode() not in stored() and secret[3:35].encode() not in stored()
    ledger.close()
    assert b"ann" in stored() and secret[3:35].encode() not in stored()


def test_keys_are_listed_oldest_first_with_a_hint(ledger: Ledger) -> None:
    (ann, secret), (ben, _) = (
        ledger.run_now(lambda db, n=name: create_key(db, n, models=["m"], limit_nano=7)) for name in ("ann", "ben")
    )
    first, second = ledger.run_now(list_keys)
    assert (first.key_id, first.account, first.name) == (ann.key_id, ann.id, "ann")
    assert (first.hint, first.admin, first.models, first.limit_nano) == (f"rk-…{secret[-4:]}", False, ("m",), 7)
    assert first.revoked is None and first.created <= second.created
    assert second.key_id == ben.key_id


@pytest.mark.parametrize("by", ["key_id", "name"])
def test_a_revoked_key_does_not_authenticate(ledger: Ledger, by: str) -> None:
    account, secret = ledger.run_now(lambda db: create_key(db, "ann"))
    _, other = ledger.run_now(lambda db: create_key(db, "ben"))
    row = ledger.run_now(lambda db: revoke_key(db, getattr(account, by)))
    assert row is not None and row.key_id == account.key_id and row.revoked is not None
    assert ledger.run_now(lambda db: find_key(db, secret)) is None
    assert ledger.run_now(lambda db: find_key(db, other)) is not None
    assert [row.revoked is not None for row in ledger.run_now(list_keys)] == [True, False]


def test_revoking_again_changes_nothing(ledger: Ledger) -> None:
    account, _ = ledger.run_now(lambda db: create_key(db, "ann"))
    first = ledger.run_now(lambda db: revoke_key(db, "ann"))
    assert ledger.run_now(lambda db: revoke_key(db, account.key_id)) == first
    assert ledger.run_now(lambda db: revoke_key(db, "ann")) is None


def test_revoking_what_does_not_exist_says_so(ledger: Ledger) -> None:
    assert ledger.run_now(lambda db: revoke_key(db, "nobody")) is None


def test_a_name_is_taken_until_its_key_is_revoked(ledger: Ledger) -> None:
    old, old_secret = ledger.run_now(lambda db: create_key(db, "ann"))
    with pytest.raises(BadSetting, match="'ann' is taken"):
        ledger.run_now(lambda db: create_key(db, "ann"))
    ledger.run_now(lambda db: revoke_key(db, "ann"))
    new, new_secret = ledger.run_now(lambda db: create_key(db, "ann"))
    assert ledger.run_now(lambda db: find_key(db, new_secret)) == new
    assert ledger.run_now(lambda db: find_key(db, old_secret)) is None
    row = ledger.run_now(lambda db: revoke_key(db, "ann"))
    assert row is not None and row.key_id == new.key_id != old.key_id


def test_a_refused_name_does_not_spoil_the_transaction(ledger: Ledger) -> None:
    ledger.run_now(lambda db: create_key(db, "ann"))

    def work(db):  # type: ignore[no-untyped-def]
        with pytest.raises(BadSetting):
            create_key(db, "ann")
        create_key(db, "ben")

    ledger.run_now(work)
    assert [row.name for row in ledger.run_now(list_keys)] == ["ann", "ben"]


def test_of_two_who_want_a_name_at_once_one_gets_it(url: str) -> None:
    ledgers = [Ledger(url) for _ in range(3)]

    def attempt(ledger: Ledger) -> bool:
        try:
            ledger.run_now(lambda db: create_key(db, "ann"))
        except BadSetting:
            return False
        return True

    with ThreadPoolExecutor(3) as threads:
        assert sorted(threads.map(attempt, ledgers)) == [False, False, True]
    for ledger in ledgers:
        ledger.close()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[1mann", "n" * 101, "key_ann", "\udcff"])
def test_a_bad_name_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(BadSetting, match="name must"):
        ledger.run_now(lambda db: create_key(db, name))


@pytest.mark.parametrize("limit", [-1, MAX_NANO + 1])
def test_a_limit_out_of_range_is_refused(ledger: Ledger, limit: int) -> None:
    with pytest.raises(BadSetting, match=f"limit_nano must .* not {limit}"):
        ledger.run_now(lambda db: create_key(db, "ann", limit_nano=limit))
