"""The log comes into the file without a commit having to do it, and what goes wrong there harms nobody."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reckon.ledger.accounts import create_key
from reckon.ledger.checkpoints import EVERY, Checkpoints
from reckon.ledger.db import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that moves nothing by itself, with a table in the log."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA wal_autocheckpoint=0",
        "CREATE TABLE t (x)",
    ):
        connection.execute(statement).close()
    yield connection
    connection.close()


def in_the_file(path: Path) -> list[str]:
    """The tables of the file without its log."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    connection = sqlite3.connect(copy)
    try:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    finally:
        connection.close()


def test_every_few_commits_the_log_is_moved(path: Path, writer: sqlite3.Connection) -> None:
    checkpoints = Checkpoints(str(path), every=3)
    checkpoints.committed()
    checkpoints.committed()
    assert in_the_file(path) == []
    checkpoints.committed()
    checkpoints.close()
    assert in_the_file(path) == ["t"]


def test_a_file_that_is_no_database_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"not a database" * 100)
    checkpoints = Checkpoints(str(path), every=1)
    checkpoints.committed()
    checkpoints.close()
    assert caplog.messages == ["the ledger's log could not be moved into its file; the next try is 1 commits on"]


def times_begun(path: Path) -> int:
    """The log's own count, in its header."""
    return int.from_bytes(path.with_name("ledger.db-wal").read_bytes()[12:16], "big")


def test_a_long_log_begins_anew_though_writers_go_on(path: Path, writer: sqlite3.Connection) -> None:
    checkpoints, before, number = Checkpoints(str(path), every=100, long=50), times_begun(path), 0
    while times_begun(path) < before + 3:
        number += 1
        assert number < 100_000, "it only grows"
        writer.execute("INSERT INTO t VALUES (?)", (number,)).close()
        checkpoints.committed()
    checkpoints.close()
    assert writer.execute("SELECT count(*) FROM t").fetchone() == (number,)


def test_a_ledger_has_its_log_moved(path: Path) -> None:
    ledger = Ledger(f"sqlite:///{path}")
    for number in range(EVERY + 1):
        ledger.run_now(lambda db, number=number: create_key(db, f"key {number}"))  # type: ignore[misc]
    for _ in range(500):
        if "keys" in in_the_file(path):
            break
        time.sleep(0.01)
    assert "keys" in in_the_file(path), "before the ledger is closed, which moves it in any case"
    ledger.close()
