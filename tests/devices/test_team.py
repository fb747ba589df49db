"""Threads that do a step together: each piece of work once, phase after phase, and nobody waits for who has not come."""

import threading
import time
from collections.abc import Iterator
from typing import TypeAlias

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.devices.cpu import team
from reckon.devices.cpu.intrinsics import atomic_load, compare_exchange, give_way
from reckon.devices.cpu.team import JOINED, LINE, PHASE, Shared, Team, join, meet, tickets

Counts: TypeAlias = NDArray[np.int64]
PHASES = 50
ITEMS = 7


@numba.njit(nogil=True)
def work(rank: int, first: int, shared: Shared, left: int, sums: Counts, shares: Counts, wrong: Counts) -> None:
    """Each phase doubles what the one before left and adds 1, item by item; what is not ready then is counted as wrong.

    The caller leaves phase ``left`` to helpers, however long that takes.
    """
    if not join(shared, rank, first, PHASES):
        return
    for phase in range(PHASES):
        while rank == 0 and phase == left and atomic_load(shared.tickets, phase * LINE) < ITEMS:
            give_way()
        for item in tickets(shared, phase, ITEMS):
            for other in range(ITEMS):
                wrong[rank] += sums[phase, other] != sums[phase, 0]
            sums[phase + 1, item] = 2 * sums[phase, item] % 1000003 + 1
            shares[rank] += 1
        meet(shared, first + phase)


def expected() -> int:
    value = 0
    for _ in range(PHASES):
        value = 2 * value % 1000003 + 1
    return value


class Doing:
    """A team and what its steps left."""

    def __init__(self, threads: int) -> None:
        self.team = Team(threads, PHASES)
        self.shares, self.wrong = np.zeros(threads, np.int64), np.zeros(threads, np.int64)

    def step(self, threads: int, gate: threading.Event | None = None, left: int = -1) -> int:
        """What every item has after the last phase; ``gate`` holds helpers up before they join."""
        sums = np.zeros((PHASES + 1, ITEMS), np.int64)
        sums[1:] = -1

        def task(rank: int, first: int) -> None:
            if rank > 0 and gate is not None:
                gate.wait()
            work(rank, first, self.team.shared, left, sums, self.shares, self.wrong)

        self.team.run(task, threads)
        (value,) = set(sums[-1].tolist())
        return int(value)


@pytest.fixture(params=[1, 2, 5])
def doing(request: pytest.FixtureRequest) -> Iterator[Doing]:
    doing = Doing(request.param)
    yield doing
    doing.team.close()


def test_every_piece_of_work_is_done_once_and_after_what_it_needs(doing: Doing) -> None:
    threads = len(doing.shares)
    for step in range(300):
        assert doing.step(1 + step % threads) == expected()
    assert doing.shares.sum() == 300 * PHASES * ITEMS and not doing.wrong.any()


@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("left", [0, 1, PHASES // 2, PHASES - 1])
def test_a_helper_joins_at_any_phase(threads: int, left: int) -> None:
    doing = Doing(threads)
    for _ in range(20):
        assert doing.step(threads, left=left) == expected()
    assert doing.shares.sum() == 20 * PHASES * ITEMS and not doing.wrong.any()
    assert doing.shares[1:].sum() >= 20 * ITEMS
    doing.team.close()


def test_phases_are_counted_from_0_again() -> None:
    doing = Doing(2)
    doing.team._first = team.PHASES - 3 * PHASES // 2
    for _ in range(4):
        assert doing.step(2, left=1) == expected()
    assert doing.team._first < 4 * PHASES and not doing.wrong.any()
    doing.team.close()


def test_a_step_that_does_not_begin_leaves_no_helper_behind() -> None:
    """The caller fails before it joins; helpers that wait for it to begin must not come into the next step."""
    doing = Doing(3)
    for _ in range(20):
        sums = np.zeros((PHASES + 1, ITEMS), np.int64)

        def task(rank: int, first: int, sums: Counts = sums) -> None:
            if rank == 0:
                raise MemoryError
            work(rank, first, doing.team.shared, -1, sums, doing.shares, doing.wrong)

        with pytest.raises(MemoryError):
            doing.team.run(task, 3)
        assert doing.step(3, left=1) == expected()
        assert not sums.any()
    assert doing.shares.sum() == 20 * PHASES * ITEMS and not doing.wrong.any()
    doing.team.close()


def test_nobody_waits_for_a_helper_that_does_not_come_and_one_that_comes_too_late_does_nothing() -> None:
    doing, gate = Doing(3), threading.Event()
    for _ in range(5):
        assert doing.step(3, gate) == expected()
    assert doing.shares.tolist() == [5 * PHASES * ITEMS, 0, 0]
    gate.set()
    for _ in range(200):
        assert doing.step(3) == expected()
    assert doing.shares.sum() == 205 * PHASES * ITEMS and not doing.wrong.any()
    doing.team.close()


def test_only_as_many_are_called_as_are_wanted() -> None:
    three, seen, called = Team(3, 1), [0, 0, 0], threading.Semaphore(0)

    def task(rank: int, first: int) -> None:
        seen[rank] += 1
        called.release()

    for threads in (3, 1, 2, 3):
        three.run(task, threads)
        for _ in range(threads):
            assert called.acquire(timeout=30)
    three.close()
    assert seen == [4, 3, 2]


def test_a_helper_that_fails_fails_the_next_step() -> None:
    two, failed = Team(2, 1), threading.Event()

    def task(rank: int, first: int) -> None:
        if rank > 0:
            failed.set()
            raise ValueError("broken")

    two.run(task, 2)
    assert failed.wait(timeout=30)
    with pytest.raises(RuntimeError, match="a thread of the cpu device failed") as error:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # it may still be on its way out
            two.run(lambda rank, first: None, 1)
            time.sleep(0.001)
    assert str(error.value.__cause__) == "broken"
    two.close()


@numba.njit
def joins(shared: Shared, first: int) -> bool:
    return join(shared, 1, first, 3)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("phase", "may"), [(9, False), (10, True), (12, True), (13, False)])
def test_who_joins_is_counted_and_only_while_the_step_lasts(phase: int, may: bool) -> None:
    shared = Shared(np.array([phase * PHASE + 2 * JOINED + 1]), np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert joins(shared, 10) is may
    assert shared.state[0] == phase * PHASE + (2 + may) * JOINED + 1


def test_nobody_joins_while_a_phase_ends() -> None:
    """All have arrived and the next phase is about to begin: who came in now would be counted as having arrived in that."""
    shared = Shared(np.array([10 * PHASE + 2 * JOINED + 2]), np.zeros(1, np.int64), np.zeros(1, np.int64))
    done: list[bool] = []

    @numba.njit(nogil=True)
    def enter(shared: Shared) -> bool:
        return join(shared, 1, 10, 3)  # type: ignore[no-any-return]

    enter.compile((numba.typeof(shared),))
    thread = threading.Thread(target=lambda: done.append(enter(shared)))
    thread.start()
    thread.join(timeout=0.05)
    assert thread.is_alive() and shared.state[0] == 10 * PHASE + 2 * JOINED + 2
    shared.state[0] = 11 * PHASE + 2 * JOINED
    thread.join(timeout=30)
    assert done == [True] and shared.state[0] == 11 * PHASE + 3 * JOINED


@numba.njit
def exchange(array: NDArray[np.int64], expected: int, value: int) -> bool:
    return compare_exchange(array, 1, expected, value)  # type: ignore[no-any-return]


def test_compare_exchange() -> None:
    array = np.array([1, 2, 3])
    assert exchange(array, 9, 5) is False and array.tolist() == [1, 2, 3]
    assert exchange(array, 2, 5) is True and array.tolist() == [1, 5, 3]
