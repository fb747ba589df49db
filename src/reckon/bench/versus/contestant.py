"""A contestant: a resident child that gets orders and gives answers, a line of JSON each, over a socket.

It is awake only while it has an order, so nobody who waits for his turn takes a core from whoever has it. Knows nothing of
what is measured; the child's end is ``peers/orders.py``.
"""

import json
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from reckon.bench.versus.resident import Lost, Resident

Answer = TypeVar("Answer")


class Contestant:
    """``command`` gets the number of a file descriptor as its last argument. What it prints goes to ``log``."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._resident = Resident(command, environment, log)
        self._line: socket.socket | None = None
        self._unread = b""

    @property
    def pid(self) -> int:
        return self._resident.pid

    def start(self) -> None:
        """Raises Lost when the command cannot be run."""
        self._line, theirs = socket.socketpair()
        with theirs:
            self._resident.start(str(theirs.fileno()), pass_fds=[theirs.fileno()])

    def ask(self, order: Mapping[str, Any], kind: type[Answer], seconds: float) -> Answer:
        """Let it run until it has answered. Raises Lost when it fails, dies, talks nonsense or takes too long."""
        with self._resident.awake():
            try:
                line = self._exchange(json.dumps(order).encode() + b"\n", time.monotonic() + seconds)
            except TimeoutError:
                raise Lost(f"no answer to {order['do']!r} within {seconds:g} s") from None
            except OSError:
                raise Lost(f"ended during {order['do']!r} with {self._resident.death()}") from None
        return _decode(line, kind, str(order["do"]))

    def end(self) -> None:
        """Close its line, which ends it, or kill it."""
        if self._line is not None:
            self._line.close()
            self._line = None
        self._resident.end()

    def _exchange(self, order: bytes, deadline: float) -> bytes:
        if self._line is None:
            raise ConnectionResetError
        self._line.sendall(order)
        while b"\n" not in self._unread:
            self._line.settimeout(max(1e-3, deadline - time.monotonic()))
            received = self._line.recv(1 << 20)
            if not received:
                raise ConnectionResetError
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _decode(line: bytes, kind: type[Answer], doing: str) -> Answer:
    try:
        answer = msgspec.json.decode(line)
        if isinstance(answer, dict) and "error" in answer:
            raise Lost(f"{doing!r} failed: {answer['error']}")
        return msgspec.convert(answer, kind)
    except msgspec.MsgspecError as error:
        raise Lost(f"answered {doing!r} with nonsense: {error}") from None
