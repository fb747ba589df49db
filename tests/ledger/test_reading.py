"""Reading while somebody writes: neither waits for the other."""

import threading
from pathlib import Path

import sqlalchemy as sa

from reckon.ledger.accounts import create_key, list_keys
from reckon.ledger.db import Ledger


def test_a_reader_does_not_hold_up_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    server, report = Ledger(url), Ledger(url)
    reading, written = threading.Event(), threading.Event()

    def slow_report(db: sa.Connection) -> int:
        before = len(list_keys(db))
        reading.set()
        assert written.wait(5), "the writer had to wait for the reader"
        assert len(list_keys(db)) == before, "a reader sees one moment"
        return before

    thread = threading.Thread(target=lambda: report.run_now(slow_report, reads_only=True))
    thread.start()
    assert reading.wait(5)
    server.run_now(lambda db: create_key(db, "new"))
    written.set()
    thread.join(5)
    assert [key.name for key in report.run_now(list_keys, reads_only=True)] == ["new"]
    server.close()
    report.close()
