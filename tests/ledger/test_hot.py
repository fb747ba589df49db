"""Statements that go to the driver as they are: what they read, change and raise is what SQLAlchemy's own would."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from reckon.ledger.db import Ledger, NotNow
from reckon.ledger.hot import Statement
from reckon.ledger.tables import balances, keys

ADD = Statement(sa.insert(balances), "key_id", "spent_nano", "reserved_nano")
SPEND = Statement(sa.update(balances).where(balances.c.key_id == sa.bindparam("key")), "spent_nano")
SPENT = Statement(sa.select(balances.c.spent_nano).where(balances.c.key_id == sa.bindparam("key")))
KEY = Statement(sa.select(keys.c.name, keys.c.admin, keys.c.models, keys.c.limit_nano).where(keys.c.id == sa.bindparam("key")))
WRONG = Statement(sa.text("SELECT nothing FROM nowhere"))


def test_what_is_written_is_read_and_counted(ledger: Ledger) -> None:
    assert ledger.run_now(lambda db: ADD.run(db, key_id="a", spent_nano=1, reserved_nano=0)) == 1
    assert ledger.run_now(lambda db: (SPEND.run(db, key="a", spent_nano=2**60), SPENT.one(db, key="a"))) == (1, (2**60,))
    assert ledger.run_now(lambda db: (SPEND.run(db, key="b", spent_nano=5), SPENT.one(db, key="b"))) == (0, None)


def test_a_row_is_in_python_s_types_on_any_database(ledger: Ledger) -> None:
    row = {"id": "k", "account": "a", "name": "n", "digest": "d", "hint": "h", "admin": True, "models": ["o/m"], "created": 1.5}
    ledger.run_now(lambda db: db.execute(sa.insert(keys), row))
    found = ledger.run_now(lambda db: KEY.one(db, key="k"))
    assert found == ("n", True, ["o/m"], None) and found[1] is True


def test_errors_are_sqlalchemy_s_and_roll_back(ledger: Ledger) -> None:
    ledger.run_now(lambda db: ADD.run(db, key_id="a", spent_nano=1, reserved_nano=0))
    with pytest.raises(IntegrityError):
        ledger.run_now(
            lambda db: (SPEND.run(db, key="a", spent_nano=9), ADD.run(db, key_id="a", spent_nano=1, reserved_nano=0))
        )
    assert ledger.run_now(lambda db: SPENT.one(db, key="a")) == (1,)
    with pytest.raises((OperationalError, ProgrammingError), match="nowhere"):
        ledger.run_now(lambda db: WRONG.one(db))


def test_work_at_once_is_done_at_once_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger, tool = Ledger(f"sqlite:///{path}"), sqlite3.connect(path, isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotNow):
        ledger.at_once(lambda db: ADD.run(db, key_id="a", spent_nano=1, reserved_nano=0))
    assert ledger.at_once(lambda db: SPENT.one(db, key="a"), reads_only=True) is None, "readers wait for nobody"
    tool.execute("COMMIT")
    tool.close()
    assert ledger.at_once(lambda db: ADD.run(db, key_id="a", spent_nano=1, reserved_nano=0)) == 1
    with pytest.raises(ZeroDivisionError):
        ledger.at_once(lambda db: SPEND.run(db, key="a", spent_nano=7) // 0)
    assert asyncio.run(ledger.quick(lambda db: SPENT.one(db, key="a"), reads_only=True)) == (1,)
    ledger.close()
    with pytest.raises(NotNow):
        ledger.at_once(lambda db: SPENT.one(db, key="a"))


def test_a_database_elsewhere_is_never_at_once() -> None:
    ledger = Ledger("sqlite:///:memory:")
    with pytest.raises(NotNow):
        ledger.at_once(lambda db: SPENT.one(db, key="a"))
    ledger.close()
