"""Opening, migrating, transactions, and several processes on one file."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from reckon.errors import BadSetting
from reckon.ledger.accounts import create_key, find_key, list_keys, revoke_key
from reckon.ledger.db import MIGRATIONS, Ledger
from reckon.ledger.tables import metadata


def heads() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_heads()


def test_migrations_end_where_the_tables_are(ledger: Ledger) -> None:
    assert ledger.run_now(lambda db: compare_metadata(MigrationContext.configure(db), metadata)) == []


def test_there_is_one_head_and_an_opened_ledger_is_at_it(ledger: Ledger) -> None:
    version = ledger.run_now(lambda db: MigrationContext.configure(db).get_current_revision())
    assert heads() == [version]


def test_what_was_written_is_there_after_reopening(url: str) -> None:
    first = Ledger(url)
    account, _ = first.run_now(lambda db: create_key(db, "ann"))
    first.close()
    second = Ledger(url)
    assert [row.key_id for row in second.run_now(list_keys)] == [account.key_id]
    second.close()


def test_an_exception_passes_through_and_rolls_back(ledger: Ledger) -> None:
    def work(db: Connection) -> None:
        create_key(db, "ann")
        raise LookupError("afterwards")

    with pytest.raises(LookupError, match="afterwards"):
        ledger.run_now(work)
    assert ledger.run_now(list_keys) == []


async def test_run_awaits_the_result_and_the_exception(ledger: Ledger) -> None:
    account, _ = await ledger.run(lambda db: create_key(db, "ann"))
    assert account.name == "ann"
    with pytest.raises(BadSetting):
        await ledger.run(lambda db: create_key(db, "ann"))
    assert len(await ledger.run(list_keys)) == 1


async def test_all_work_is_done_by_one_thread_in_order(ledger: Ledger) -> None:
    seen: list[int] = []
    threads = await asyncio.gather(*(ledger.run(lambda db, i=i: (seen.append(i), threading.get_ident())[1]) for i in range(20)))
    assert seen == list(range(20))
    assert len(set(threads)) == 1 and threading.get_ident() not in threads


async def test_a_cancelled_caller_does_not_stop_the_work(ledger: Ledger) -> None:
    gate = threading.Event()
    busy = asyncio.ensure_future(ledger.run(lambda db: gate.wait(10)))
    waiting = asyncio.ensure_future(ledger.run(lambda db: create_key(db, "ann")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await busy
    assert [row.name for row in await ledger.run(list_keys)] == ["ann"]


def test_close_finishes_the_work_and_may_be_called_twice(url: str) -> None:
    ledger = Ledger(url)
    ledger.close()
    ledger.close()
    with pytest.raises(RuntimeError):
        ledger.run_now(list_keys)


# SQLite ------------------------------------------------------------------------------------------------------------


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    values = ledger.run_now(lambda db: [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names])
    ledger.close()
    assert values == ["wal", 1, 1, 10_000]


def test_a_new_file_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "home" / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.run_now(lambda db: create_key(db, "ann"))
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    ledger.close()


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_ledger_in_memory_works_and_is_alone() -> None:
    one, two = Ledger("sqlite://"), Ledger("sqlite:///:memory:")
    one.run_now(lambda db: create_key(db, "ann"))
    assert len(one.run_now(list_keys)) == 1 and two.run_now(list_keys) == []
    one.close()
    two.close()


def test_a_percent_sign_in_the_path_is_a_percent_sign(tmp_path: Path) -> None:
    Ledger(f"sqlite:///{tmp_path / '100%(home)s' / 'ledger.db'}").close()
    assert (tmp_path / "100%(home)s" / "ledger.db").exists()


def test_two_ledgers_on_one_database_see_each_others_work(url: str) -> None:
    server, tool = Ledger(url), Ledger(url)
    tool.run_now(lambda db: create_key(db, "ann"))
    server.run_now(lambda db: create_key(db, "ben"))
    assert [row.name for row in server.run_now(list_keys)] == ["ann", "ben"]
    tool.run_now(lambda db: revoke_key(db, "ben"))
    assert server.run_now(list_keys)[1].revoked is not None
    server.close()
    tool.close()


def test_a_writer_waits_for_the_other_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    slow, quick = Ledger(url), Ledger(url)
    inside, gate = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(slow.run_now, lambda db: (create_key(db, "ann"), inside.set(), gate.wait(5)))
        inside.wait(5)
        waiting = threads.submit(quick.run_now, lambda db: create_key(db, "ben"))
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        gate.set()
        held.result()
        waiting.result()
    assert [row.name for row in slow.run_now(list_keys)] == ["ann", "ben"]
    slow.close()
    quick.close()


PROCESS = """
import sys
from reckon.ledger.accounts import create_key
from reckon.ledger.db import Ledger
print("ready", flush=True)
sys.stdin.read()
ledger = Ledger(sys.argv[1])
for number in range(10):
    ledger.run_now(lambda db: create_key(db, f"{sys.argv[2]}-{number}"))
ledger.close()
"""


def test_processes_open_and_write_the_same_new_database_at_once(url: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, url, str(number)], **pipes) for number in range(3)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.close()
    errors = [process.stderr.read().decode() for process in processes]
    assert [process.wait(30) for process in processes] == [0, 0, 0], errors
    for process in processes:
        process.stdout.close()
        process.stderr.close()
    server = Ledger(url)
    assert len(server.run_now(list_keys)) == 30
    server.close()


def test_a_new_file_that_another_begins_to_write_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait here: who wants to make the log is turned away."""
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, other.execute, ["COMMIT"]).start()
    ledger = Ledger(f"sqlite:///{path}")
    ledger.run_now(lambda db: create_key(db, "ann"))
    ledger.close()
    other.close()


def test_a_new_file_that_stays_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reckon.ledger.db.BUSY_SECONDS", 0.1)
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BadSetting, match="database is locked"):
        Ledger(f"sqlite:///{path}")
    other.close()


def test_a_process_writes_while_the_server_has_the_database_open(url: str) -> None:
    server = Ledger(url)
    with subprocess.Popen([sys.executable, "-c", PROCESS, url, "tool"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        tool.stdin.close()
        for number in range(20):
            server.run_now(lambda db, number=number: create_key(db, f"server-{number}"))
        assert tool.wait(30) == 0
    names = [row.name for row in server.run_now(list_keys)]
    assert sorted(names) == sorted([f"server-{number}" for number in range(20)] + [f"tool-{number}" for number in range(10)])
    server.close()


# What cannot be opened ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "SQLAlchemy URL"),
        ("ledger.db", "SQLAlchemy URL"),
        ("postgresql://host:port/name", "SQLAlchemy URL"),
        ("mysql://host/name", "'mysql'"),
        ("postgresql+asyncpg://host/name", "'postgresql\\+asyncpg'"),
        ("sqlite:///file:ledger.db?uri=true", "plain path"),
        ("sqlite:///ledger.db?mode=ro", "plain path"),
    ],
)
def test_a_url_that_is_no_ledgers_is_refused(url: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason):
        Ledger(url)


def test_a_password_is_not_shown_in_a_refusal() -> None:
    for url in ("postgresql://ann:hush@127.0.0.1:1/name?password=hush", "postgresql://ann:hush@host:port/name"):
        with pytest.raises(BadSetting) as caught:
            Ledger(url)
        assert "hush" not in caught.value.message


@pytest.mark.skipif(find_spec("psycopg") is not None, reason="psycopg is installed")
def test_postgresql_without_its_driver_says_what_to_install() -> None:
    with pytest.raises(BadSetting, match="needs psycopg: install reckon with the extra 'postgres'"):
        Ledger("postgresql://127.0.0.1:1/name")


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match="cannot be opened for writing"):
        Ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be opened for writing: Is a directory"):
        Ledger(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    path.chmod(0o400)
    with pytest.raises(BadSetting, match="cannot be opened for writing: Permission denied"):
        Ledger(f"sqlite:///{path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only directories")
def test_a_file_in_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    path.parent.chmod(0o500)
    with pytest.raises(BadSetting, match="cannot be opened"):
        Ledger(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"dear diary, " * 500)
    with pytest.raises(BadSetting, match="not a database"):
        Ledger(f"sqlite:///{path}")
    assert path.read_bytes() == b"dear diary, " * 500


def test_a_newer_versions_ledger_is_refused(url: str) -> None:
    ledger = Ledger(url)
    ledger.run_now(lambda db: db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    ledger.close()
    with pytest.raises(BadSetting, match="9999"):
        Ledger(url)


def test_a_database_has_one_server(url: str) -> None:
    """Who only reads or makes keys, as the command line does, is not one."""
    first, second = Ledger(url), Ledger(url)
    first.claim()
    with pytest.raises(BadSetting, match="is in use by another server"):
        second.claim()
    second.run_now(lambda db: create_key(db, "ann"))
    first.close()
    second.claim()
    second.close()


CLAIM = """
import sys, time
from reckon.ledger.db import Ledger
ledger = Ledger(sys.argv[1])
ledger.claim()
print("claimed", flush=True)
time.sleep(60)
"""


def test_a_server_that_was_killed_has_no_claim(url: str, ledger: Ledger) -> None:
    process = subprocess.Popen([sys.executable, "-c", CLAIM, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "claimed\n"
    with pytest.raises(BadSetting, match="another server"):
        ledger.claim()
    process.kill()
    process.communicate()
    for _ in range(100):  # PostgreSQL notices a moment later
        with contextlib.suppress(BadSetting):
            ledger.claim()
            return
        time.sleep(0.05)
    raise AssertionError("still claimed")


async def test_quick_work_on_any_database(ledger: Ledger) -> None:
    _, secret = await ledger.quick(lambda db: create_key(db, "ann"))
    found = await ledger.quick(lambda db: find_key(db, secret), reads_only=True)
    assert found is not None and found.name == "ann"
    with pytest.raises(ZeroDivisionError):
        await ledger.quick(lambda db: (create_key(db, "ben"), 1 // 0))
    assert [row.name for row in await ledger.run(list_keys)] == ["ann"], "what failed was rolled back, and it goes on"
    await ledger.run(lambda db: revoke_key(db, "ann"))
    assert await ledger.quick(lambda db: find_key(db, secret), reads_only=True) is None


async def test_quick_work_does_not_hold_up_the_loop_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger, tool = Ledger(f"sqlite:///{path}"), sqlite3.connect(path, isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    assert await ledger.quick(list_keys, reads_only=True) == [], "readers wait for nobody"
    waiting = asyncio.ensure_future(ledger.quick(lambda db: create_key(db, "ann")))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    tool.execute("COMMIT")
    tool.close()
    await waiting
    assert [row.name for row in await ledger.quick(list_keys, reads_only=True)] == ["ann"]
    ledger.close()
