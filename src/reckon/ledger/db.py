"""Opens the database and runs work in it, a transaction per call. Knows no keys and no requests.

Work is done by one thread with one connection; with SQLite, what takes no time is done at once instead, in the event loop's own
thread, on a connection of its own. The API awaits ``run`` or ``quick``, the command line calls ``run_now``. What SQLite and
PostgreSQL do not share is here, and in how ``hot.py`` passes values.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from reckon.errors import BadSetting
from reckon.ledger.checkpoints import Checkpoints
from reckon.ledger.hot import Statement

T = TypeVar("T")

MIGRATIONS = Path(str(resources.files("reckon.ledger"))) / "migrations"
DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
BUSY_SECONDS = 10
"""How long a SQLite transaction waits for another process to finish its own."""
LOG = "PRAGMA journal_mode=WAL"
# synchronous=NORMAL: the last commits survive kill -9, but not always a power cut; the file stays sound either way.
# Checkpoints are made beside the commits, not in them (``checkpoints.py``).
PRAGMAS = (
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=0",
)
READS_ONLY = "reckon_reads_only"
"""What is noted at a SQLite connection whose transaction begins without the write lock."""
MIGRATION_LOCK = 7_276_265
"""The number of PostgreSQL's advisory lock under which servers that start together migrate one after the other."""
SERVER_LOCK = sa.select(sa.func.pg_try_advisory_lock(sa.func.hashtext(sa.literal("reckon server ") + sa.func.current_schema())))
"""Held by a session for as long as it lives: by one server for each schema."""


READ, WRITE = Statement(sa.text("BEGIN")), Statement(sa.text("BEGIN IMMEDIATE"))


class NotNow(Exception):
    """This would have to wait: ``run`` does."""


class Closable(Protocol):
    def close(self) -> None: ...


class Ledger:
    """The open database. Several processes may have the same one open, one of them as its server."""

    def __init__(self, url: str) -> None:
        """Open or create, then migrate to this version's tables. A new SQLite file is its owner's only (0600, directory 0700).

        Raises BadSetting when the URL, the path or the server cannot be used, or the tables are a newer version's.
        """
        parsed = _parse(url)
        self._url = parsed
        self._closed = False
        self._claim: Closable | None = None
        self._checkpoints: Checkpoints | None = None
        self._engine = _engine(parsed)
        # SQLite's connections are kept: taking one from a pool takes a third of a query's time.
        self._there: Connection | None = None  # the thread's
        self._here: Connection | None = None  # the event loop's
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        try:
            self.run_now(_migrate)
        except (DBAPIError, CommandError) as error:
            self.close()
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise BadSetting(f"database {_shown(parsed)} cannot be opened: {reason}") from error
        if _is_file(parsed):
            self._checkpoints = Checkpoints(str(parsed.database))

    def claim(self) -> None:
        """Be the database's one server until it is closed, or this process ends.

        Raises BadSetting when another is: each would take what the other runs for what a dead one left behind.
        """
        self._claim = _locked_file(self._url) if self._url.get_backend_name() == "sqlite" else _locking_session(self._url)
        if self._claim is None:
            raise BadSetting(f"database {_shown(self._url)} is in use by another server; each needs a database of its own")

    async def run(self, work: Callable[[Connection], T], *, reads_only: bool = False) -> T:
        """``work`` in a transaction of its own: committed when it returns, rolled back when it raises, the exception passed on.

        Calls are worked off in order. Cancelling the caller does not stop the work, so a cancelled reservation can be settled.
        Work that only reads should say so: it then keeps no other process from writing, however long it takes.
        """
        return await asyncio.shield(asyncio.wrap_future(self._submit(work, reads_only)))

    async def quick(self, work: Callable[[Connection], T], *, reads_only: bool = False) -> T:
        """``run`` for work of a few statements that find their rows by keys: at once, unless it would have to wait."""
        try:
            return self.at_once(work, reads_only=reads_only)
        except NotNow:
            return await self.run(work, reads_only=reads_only)

    def at_once(self, work: Callable[[Connection], T], *, reads_only: bool = False) -> T:
        """The same here and now: with SQLite, handing it to the thread takes as long as doing it.

        Work that only reads is to be one ``Statement``, for which no transaction is begun. Raises NotNow, before anything is
        done, when another is writing, and always with PostgreSQL.
        """
        here = self._of_the_loop()
        here.info[READS_ONLY] = reads_only
        if reads_only:
            try:
                return work(here)
            finally:
                here.rollback()
        try:
            transaction = here.begin()
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
            raise NotNow from error
        with transaction:
            result = work(here)
        self._committed(reads_only=False)
        return result

    def run_now(self, work: Callable[[Connection], T], *, reads_only: bool = False) -> T:
        """The same, blocking."""
        return self._submit(work, reads_only).result()

    def close(self) -> None:
        """Finish the work already given, then close the connection. May be called twice."""
        self._closed = True
        self._thread.shutdown(wait=True)
        for connection in (self._there, self._here):
            if connection is not None:
                connection.close()
        self._there = self._here = None
        self._engine.dispose()
        if self._checkpoints is not None:
            self._checkpoints.close()
            self._checkpoints = None
        if self._claim is not None:
            self._claim.close()

    def _of_the_loop(self) -> Connection:
        if self._closed or not _is_file(self._url):
            raise NotNow
        if self._here is None:
            self._here = self._engine.connect()
            self._here.info[READS_ONLY] = True
            self._here.exec_driver_sql("PRAGMA busy_timeout=0")
            self._here.rollback()
        return self._here

    def _submit(self, work: Callable[[Connection], T], reads_only: bool) -> Future[T]:
        return self._thread.submit(self._transact, work, reads_only)

    def _transact(self, work: Callable[[Connection], T], reads_only: bool) -> T:
        if self._url.get_backend_name() != "sqlite":
            with self._engine.begin() as connection:  # which tries first whether the server is still there
                return work(connection)
        self._there = self._there or self._engine.connect()
        self._there.info[READS_ONLY] = reads_only
        with self._there.begin():
            result = work(self._there)
        self._committed(reads_only)
        return result

    def _committed(self, reads_only: bool) -> None:
        if self._checkpoints is not None and not reads_only:
            self._checkpoints.committed()


def _parse(url: str) -> sa.URL:
    """Into one of two known drivers. A URL that cannot be read is not shown: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadSetting(
            "database must be an SQLAlchemy URL such as sqlite:////path/ledger.db or postgresql://host/name"
        ) from None
    if parsed.drivername not in DRIVERS:
        raise BadSetting(f"database must be a sqlite or postgresql URL, not {parsed.drivername!r}")
    return parsed.set(drivername=DRIVERS[parsed.drivername])


def _is_file(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")


def _shown(url: sa.URL) -> str:
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    try:
        return sa.create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise BadSetting(f"database {_shown(url)} needs psycopg: install reckon with the extra 'postgres'") from None


def _sqlite(url: sa.URL) -> Engine:
    if url.query or (url.database or "").startswith("file:"):
        raise BadSetting(f"database {_shown(url)} must be a plain path, without a file: prefix and without parameters")
    if _is_file(url):
        _private_file(Path(str(url.database)))
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(url, poolclass=sa.QueuePool, pool_size=2, max_overflow=0, connect_args=arguments)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _locked_file(url: sa.URL) -> Closable | None:
    """A file beside the database; None when another process has it locked. SQLite's own locks are held for moments only."""
    if not _is_file(url):
        return sqlite3.connect(":memory:")
    descriptor = os.open(f"{url.database}.server", os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _locking_session(url: sa.URL) -> Closable | None:
    """A connection that keeps a lock of PostgreSQL's; None when another session has it."""
    connection = sa.create_engine(url, poolclass=sa.NullPool).connect()
    if not connection.execute(SERVER_LOCK).scalar_one():
        connection.close()
        return None
    connection.commit()
    return connection


def _private_file(path: Path) -> None:
    """Make the file before SQLite does, which would make it readable for everyone; -wal and -shm take its mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise BadSetting(f"database file {path} cannot be opened for writing: {error.strerror}") from error


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not by the driver's guess
    try:
        _keep_a_log(connection)
        for pragma in PRAGMAS:
            connection.execute(pragma).close()
    except sqlite3.Error:
        connection.close()
        raise


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Of processes that make a new database's log together SQLite turns some away without letting them wait."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return connection.execute(LOG).close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(0.01)


def _begin(connection: Connection) -> None:
    """Take the write lock first: a transaction that reads and then writes can neither race nor fail halfway as too old."""
    (READ if connection.info.get(READS_ONLY) else WRITE).run(connection)


def _migrate(connection: Connection) -> None:
    """To the newest migration, in one transaction; processes that open the same database together do it once."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
