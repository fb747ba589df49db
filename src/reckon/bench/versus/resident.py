"""A child process that stays and has a core only when it is let: it is stopped by SIGSTOP, threads that spin and all.

It is a process group of its own, so it is stopped as a whole; and the kernel kills it when we are gone, whatever ended us:
a stopped process could not notice. Knows nothing of what the child does. Linux only.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
END_SECONDS = 5.0
"""How long a child may take to end by itself before it is killed."""


class Lost(Exception):
    """The contestant takes no further part. The message is a sentence for the table."""


class Resident:
    """What the child prints goes to ``log``. It is running after ``start`` and stopped outside of ``awake`` from then on."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.command = list(command)
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the first process, which is the number of the group; 0 when there is none."""
        return 0 if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *arguments: str, pass_fds: Sequence[int] = ()) -> None:
        """Raises Lost when the command cannot be run."""
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*self.command, *arguments], pass_fds=pass_fds, env=self._environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0, preexec_fn=_die_with_the_parent,
                )  # fmt: skip
            except OSError as error:
                raise Lost(f"{self.command[0]} cannot be run: {error.strerror}") from None

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run meanwhile."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def end(self, number: int = 0) -> None:
        """Wait until it ends by itself, or at the signal of that number; or kill it."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        if number:
            self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def death(self) -> str:
        """Why it is gone: its exit code and the last thing that it printed."""
        code: int | str = "?"
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(END_SECONDS)
        return f"code {code}: {last_line(self._log)}"

    def _signal(self, number: int) -> None:
        """To the whole group, also when its first process is gone."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _die_with_the_parent() -> None:
    """Runs in the child before its program does. We have no threads, which would make that unsafe."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def ending_at_sigterm() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does, so that its children are ended too: one at work would work on for nobody."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def last_line(log: Path) -> str:
    """The last thing that a child printed."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
