"""Moves SQLite's log into the database file, in a thread of its own. ``db.py`` has one for each file and tells it of commits.

SQLite would do it within a commit, by default of every thousandth page: about one request in a hundred would wait for the disk.
"""

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)

EVERY = 500
"""Commits after which it is time: about two thousand pages. On one core a request waits for the thread that does it, at half of
this one in 125."""
LONG = 8000
"""Pages of a log from which on writers are kept away for a moment: while they go on, it never begins anew, only grows."""
BUSY_SECONDS = 10.0


class Checkpoints:
    """A passive checkpoint keeps nobody from reading or writing, and does what it can without waiting for them.

    Behind it, most of a long log is moved already, and little is left to do while writers wait.
    """

    def __init__(self, path: str, every: int = EVERY, long: int = LONG) -> None:
        self._every = every
        self._long = long
        self._commits = 0
        self._connection = sqlite3.connect(path, BUSY_SECONDS, check_same_thread=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")

    def committed(self) -> None:
        """Called after each commit. A few counted twice or not at all, by two threads at once, change nothing."""
        self._commits += 1
        if self._commits % self._every == 0:
            self._thread.submit(self._work)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._connection.close()

    def _work(self) -> None:
        try:
            _, pages, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > self._long:
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error:
            log.warning("the ledger's log could not be moved into its file; the next try is %d commits on", self._every)
