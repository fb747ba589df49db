"""The contestant's end of ``reckon bench versus``: takes orders, one JSON object a line, and answers each with one.

Runs beside a peer's script under that peer's own interpreter, so it imports the standard library only. It makes the prompts
and reads the clock and the scheduler's books, the same way for everybody; what is measured is an Engine. The other end is
``versus/contestant.py``. Linux only: a disturbed sample is told by /proc.
"""

import json
import os
import random
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

WARM_STEPS = 2
"""Steps after the prompts that nobody counts: the first ones touch memory that was never used."""


class Engine(Protocol):
    """Who is measured. Prompts are lists of token ids, all answers of a case have prompts of one length."""

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        """Get ready for ``sequences`` answers of ``context`` tokens. Returns ``versions`` and ``settings``, names to words."""

    def open(self, prompts: list[list[int]], tokens: int) -> None:
        """Compute the prompts, so that every answer has a first token and can have ``tokens`` in all."""

    def step(self) -> int:
        """One more token for every open answer. Returns how many tokens that made."""

    def close(self) -> None:
        """Forget the open answers."""

    def prefill(self, prompt: list[int]) -> int:
        """Compute a prompt up to its first token, alone, and forget it. Returns how many tokens that made."""


def serve(engine: Engine) -> None:
    """Obey until the other end closes. The first argument of the program is the file descriptor of a socket."""
    with socket.socket(fileno=int(sys.argv[1])) as line, line.makefile("rw", encoding="utf-8") as lines:
        for order in lines:
            lines.write(json.dumps(_answer(engine, json.loads(order))) + "\n")
            lines.flush()


def _answer(engine: Engine, order: dict[str, Any]) -> dict[str, Any]:
    try:
        return _obey(engine, order)
    except Exception as error:  # whatever a peer throws is its answer
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def _obey(engine: Engine, order: dict[str, Any]) -> dict[str, Any]:
    do = order["do"]
    if do == "load":
        return engine.load(order)
    if do == "open":
        prompts = _prompts(order)
        engine.open(prompts, order["tokens"])
        for _ in range(WARM_STEPS):
            _expect(engine.step(), len(prompts))
        return {}
    if do == "decode":
        return _burst(lambda: _expect(engine.step(), order["batch"]), order["steps"])
    if do == "prefill":
        (prompt,) = _prompts(order)
        return _burst(lambda: _expect(engine.prefill(prompt), 1), 1)
    if do == "close":
        engine.close()
        return {}
    raise ValueError(f"there is no order {do!r}")


def _prompts(order: dict[str, Any]) -> list[list[int]]:
    """The same for every contestant, and never the same twice, so that no prefix cache knows them."""
    numbers = random.Random(order["seed"])
    return [[numbers.randrange(order["vocab"]) for _ in range(order["prompt"])] for _ in range(order["batch"])]


def _expect(tokens: int, answers: int) -> None:
    """Whoever does less than was ordered has no sample."""
    if tokens != answers:
        raise RuntimeError(f"{answers} answers got {tokens} tokens")


def _burst(work: Any, times: int) -> dict[str, Any]:
    """Do it ``times`` times. ``waited`` is how long threads of this process stood ready without a core, summed over them;
    ``used`` the CPU time of this process and ``busy`` that of the machine's cores, stolen time included. Seconds, all."""
    samples = []
    begin, busy_before, before = time.perf_counter(), busy_seconds(), _threads()
    first = before
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        after = _threads()
        samples.append({"seconds": seconds, "waited": _grown(before, after, 1)})
        before = after
    used, busy = _grown(first, before, 0), busy_seconds() - busy_before
    return {"samples": samples, "seconds": time.perf_counter() - begin, "used": used, "busy": busy}


def _threads() -> dict[str, tuple[int, int]]:
    """Of each thread of this process: nanoseconds on a core, and ready without one."""
    books = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            ran, waited, _ = (task / "schedstat").read_text().split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        books[task.name] = int(ran), int(waited)
    return books


def _grown(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], column: int) -> float:
    return sum(books[column] - before.get(task, (0, 0))[column] for task, books in after.items()) / 1e9


def busy_seconds() -> float:
    """Seconds that the cores of this machine have worked or were kept from us by another machine."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
