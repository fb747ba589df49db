"""Threads that run one compiled function together: who does what is settled by tickets, and a barrier ends each phase.

No OpenMP and no other threading layer: every thread enters the same compiled call with its rank, so a step costs one
dispatch, whatever the number of its phases. A thread joins when it comes and is waited for from then on: waking takes as long
as a fifth of a tiny model's step, and one that the system keeps away holds up nobody. One that it puts aside later holds up the
phase.
"""

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import atomic_add, atomic_load, compare_exchange, cycles, give_way, relax

LINE = 8
"""int64 per cache line: counters that different threads write stand one line apart."""
SPINS = 2000
"""Turns of the spin loop before a waiting thread offers its core to others; about as long as a short phase."""
JOINED, PHASE, PHASES = 1 << 12, 1 << 24, 1 << 38
"""``Shared.state`` is one number, so that nobody sees half of a change: the phase that runs, times PHASE; the threads that have
joined, times JOINED; those of them that have arrived at the phase's end. Where these two are the same, the next phase is about
to begin, and nobody may join. Phases are counted on from step to step, up to PHASES, then from 0 again."""

Task: TypeAlias = Callable[[int, int], None]
"""A step, called with a rank and the number of its first phase. Before anything else it must ``join``."""


class Shared(NamedTuple):
    """What the threads of one call share. ``tickets`` has a counter per phase, zeroed before the call.

    ``began`` is when the first ticket of each phase was taken, by ``cycles``; 0 for a phase without any.
    """

    state: NDArray[np.int64]  # [LINE]
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
def _wait(spins: int) -> int:
    """One turn of a loop that waits for another thread; returns how many there were."""
    if spins < SPINS:
        relax()
    else:
        give_way()
    return spins + 1


@kernel()
def join(shared: Shared, rank: int, first: int, phases: int) -> bool:
    """Take part in the step of these phases from now on; False when it is over, and nothing of it may be touched.

    Rank 0 begins the step. Who comes later goes through all of it, too: of phases that are over no tickets are left.
    """
    if rank == 0:
        atomic_add(shared.state, 0, JOINED)
        return True
    spins = 0
    while True:
        state = atomic_load(shared.state, 0)
        if not first <= state // PHASE < first + phases:
            return False
        if state % JOINED != state // JOINED % JOINED:
            if compare_exchange(shared.state, 0, state, state + JOINED):
                return True
            continue
        spins = _wait(spins)


@kernel()
def joined(shared: Shared) -> int:
    """How many threads take part in the step just now."""
    return atomic_load(shared.state, 0) // JOINED % JOINED


@kernel()
def meet(shared: Shared, phase: int) -> None:
    """Wait at the end of a phase until all who have joined are here; what any wrote before is then seen by all.

    A phase that was over before the calling thread joined is passed.
    """
    if atomic_load(shared.state, 0) // PHASE != phase:
        return
    state = atomic_add(shared.state, 0, 1) + 1
    if state % JOINED == state // JOINED % JOINED:
        atomic_add(shared.state, 0, PHASE - state % JOINED)
        return
    spins = 0
    while atomic_load(shared.state, 0) // PHASE == phase:
        spins = _wait(spins)


class Team:
    """``threads - 1`` helpers and the caller. Helpers sleep between calls."""

    def __init__(self, threads: int, phases: int) -> None:
        self.shared = Shared(np.zeros(LINE, np.int64), np.zeros(phases * LINE, np.int64), np.zeros(phases, np.int64))
        self._phases = phases
        self._first = 0
        self._step: tuple[Task, int, int] | None = None
        """Task, first phase and threads in one, so that nobody sees a part of this step and a part of the last."""
        self._failure: BaseException | None = None
        self._start = [threading.Lock() for _ in range(1, threads)]
        for lock in self._start:
            lock.acquire()
        for rank in range(1, threads):
            threading.Thread(target=self._help, args=(rank,), name=f"cpu-{rank}", daemon=True).start()

    def run(self, task: Task, threads: int) -> None:
        """Do a step with so many threads: the caller, and helpers once they are awake. Returns when all phases are over."""
        if self._failure is not None:
            raise RuntimeError("a thread of the cpu device failed") from self._failure
        self._first = first = (self._first + self._phases) % PHASES
        self.shared.tickets[:] = 0
        self.shared.state[0] = first * PHASE
        self._step = task, first, threads
        for lock in self._start[: threads - 1]:
            if lock.locked():  # else it has not woken since the last step, and will find this one
                lock.release()
        try:
            task(0, first)
        except BaseException:  # it never began: who waits for that to join is sent away
            self.shared.state[0] = (first + self._phases) * PHASE
            raise

    def close(self) -> None:
        """Let the helpers end."""
        self._step = None
        for lock in self._start:
            if lock.locked():
                lock.release()
        self._start = []

    def _help(self, rank: int) -> None:
        start = self._start[rank - 1]
        while True:
            start.acquire()
            step = self._step
            if step is None:
                return
            task, first, threads = step
            try:
                if rank < threads:
                    task(rank, first)
            except BaseException as failure:  # handed to the next caller
                self._failure = failure
            del step, task  # and with them the step's arrays
