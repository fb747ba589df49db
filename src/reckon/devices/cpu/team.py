"""Threads that run one compiled function together: who does what is settled by tickets, and a barrier ends each phase.

No OpenMP and no other threading layer: every thread enters the same compiled call with its rank, so a step costs one
dispatch, whatever the number of its phases. A thread that the system has put aside holds up only the ticket it has taken.
"""

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import atomic_add, atomic_load, cycles, give_way, relax

LINE = 8
"""int64 per cache line: counters that different threads write stand one line apart."""
SPINS = 2000
"""Turns of the spin loop before a waiting thread offers its core to others; about as long as a short phase."""


class Shared(NamedTuple):
    """What the threads of one call share. ``tickets`` has a counter per phase, zeroed before the call.

    ``began`` is when the first ticket of each phase was taken, by ``cycles``; 0 for a phase without any.
    """

    barrier: NDArray[np.int64]  # [2 * LINE]: arrived, generation
    tickets: NDArray[np.int64]  # [phases * LINE]
    began: NDArray[np.int64]  # [phases]


@kernel()
def tickets(shared: Shared, phase: int, count: int) -> Iterator[int]:
    """The pieces of work of a phase, 0 to count - 1, that fall to the calling thread: each is given out once."""
    ticket = atomic_add(shared.tickets, phase * LINE, 1)
    if ticket == 0:
        shared.began[phase] = cycles()
    while ticket < count:
        yield ticket
        ticket = atomic_add(shared.tickets, phase * LINE, 1)


@kernel()
def meet(shared: Shared, threads: int) -> None:
    """Wait until all threads are here; what any wrote before is then seen by all."""
    if threads == 1:
        return
    generation = atomic_load(shared.barrier, LINE)
    if atomic_add(shared.barrier, 0, 1) == threads - 1:
        shared.barrier[0] = 0
        atomic_add(shared.barrier, LINE, 1)
        return
    spins = 0
    while atomic_load(shared.barrier, LINE) == generation:
        spins += 1
        if spins < SPINS:
            relax()
        else:
            give_way()


class Team:
    """``threads - 1`` helpers and the caller. Helpers sleep between calls."""

    def __init__(self, threads: int, phases: int) -> None:
        self.shared = Shared(np.zeros(2 * LINE, np.int64), np.zeros(phases * LINE, np.int64), np.zeros(phases, np.int64))
        self._task: Callable[[int], None] | None = None
        self._failure: BaseException | None = None
        self._start = [threading.Lock() for _ in range(1, threads)]
        self._end = [threading.Lock() for _ in range(1, threads)]
        for lock in self._start + self._end:
            lock.acquire()
        for rank in range(1, threads):
            threading.Thread(target=self._help, args=(rank,), name=f"cpu-{rank}", daemon=True).start()

    def run(self, task: Callable[[int], None], threads: int) -> None:
        """Call task(rank) in so many threads at once and return when all are done."""
        self.shared.tickets[:] = 0
        self._task = task
        for lock in self._start[: threads - 1]:
            lock.release()
        task(0)
        for lock in self._end[: threads - 1]:
            lock.acquire()
        if self._failure is not None:
            raise RuntimeError("a thread of the cpu device failed") from self._failure

    def close(self) -> None:
        """Let the helpers end."""
        self._task = None
        for lock in self._start:
            lock.release()
        self._start = []

    def _help(self, rank: int) -> None:
        start, end = self._start[rank - 1], self._end[rank - 1]
        while True:
            start.acquire()
            if self._task is None:
                return
            try:
                self._task(rank)
            except BaseException as failure:  # handed to the caller, which would wait for ever otherwise
                self._failure = failure
            end.release()
