"""The worker as a child process: started with one end of a socket pair, and dead when that socket closes.

Knows how to start it and how to end it, nothing of requests. Called by native.py; grammars.py kills its own as it does.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable

import msgspec

from reckon.errors import UnsupportedModel
from reckon.link import ApiEnd, Broken, Launch, LinkClosed, Loading, Ready

Watch = Callable[[Loading], None]
"""Called with each step of the loading, for a progress bar."""

END_SECONDS = 2.0
"""How long a worker may take to notice that its link is closed before it is killed."""


class ChildDied(Exception):
    """The worker ended before it was ready."""


class Child:
    """A worker that is ready. ``link`` ends when it dies."""

    def __init__(self, process: asyncio.subprocess.Process, link: ApiEnd, ready: Ready) -> None:
        self.process = process
        self.link = link
        self.ready = ready

    @property
    def pid(self) -> int:
        return self.process.pid

    @classmethod
    async def start(cls, launch: Launch, watch: Watch) -> "Child":
        """Raises UnsupportedModel when the worker says it will never serve this model, ChildDied when it just ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "reckon.worker", str(theirs.fileno()), msgspec.json.encode(launch).decode()]
            # Keys stay on this side: the worker knows token ids only.
            environment = {name: value for name, value in os.environ.items() if name != "RECKON_TOKEN"}
            process = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()], env=environment)
        link = None
        try:
            link = await ApiEnd.open(ours)
            return cls(process, link, await _ready(link, watch))
        except BaseException as error:
            (link or ours).close()
            await _end(process)
            if isinstance(error, LinkClosed):
                raise ChildDied(f"the worker ended with code {process.returncode} while it was loading") from error
            raise

    def kill(self) -> None:
        """End it at once; ``link`` will close."""
        kill(self.process)

    async def stop(self) -> None:
        """Close the link, which ends the worker, and wait until it is gone."""
        self.link.close()
        await _end(self.process)


async def _ready(link: ApiEnd, watch: Watch) -> Ready:
    while True:
        for message in await link.receive():
            if isinstance(message, Ready):
                return message
            if isinstance(message, Broken):
                raise UnsupportedModel(message.message)
            if isinstance(message, Loading):
                watch(message)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes just as the process ends.
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        kill(process)
        await process.wait()


def kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, if it has not ended.

    Not ``process.kill()``: that may collect a process that is just ending, and asyncio would not learn how it ended.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
