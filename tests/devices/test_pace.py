"""How many threads enter a step, by what steps took. Times are made up here; the bits do not depend on any of it."""

from collections import Counter
from collections.abc import Callable

from reckon.devices.cpu.pace import SHORT_SECONDS, STEPS_BETWEEN, Pace

ALL = 4


def drive(pace: Pace, steps: int, seconds: Callable[[int], float], rows: int = 1) -> Counter[int]:
    """Steps that take ``seconds`` of their number of threads: how often each number was chosen."""
    chosen: Counter[int] = Counter()
    for _ in range(steps):
        threads = pace.choose(rows)
        pace.took(rows, threads, seconds(threads))
        chosen[threads] += 1
    return chosen


def test_one_thread_alone_is_always_one() -> None:
    assert drive(Pace(1), 200, lambda threads: 0.001) == {1: 200}


def test_long_steps_are_for_all_and_one_alone_is_never_tried() -> None:
    assert drive(Pace(ALL), 500, lambda threads: 2 * SHORT_SECONDS) == {ALL: 500}


def test_steps_that_have_grown_long_are_for_all_whatever_was_tried_before() -> None:
    pace = Pace(ALL)
    assert drive(pace, 100, lambda threads: 0.004 if threads == ALL else 0.006)[1] >= 1
    drive(pace, 10, lambda threads: 0.02 if threads == ALL else 0.25)
    assert drive(pace, 2000, lambda threads: 0.02 if threads == ALL else 0.25) == {ALL: 2000}


def test_short_steps_are_for_all_while_that_is_faster() -> None:
    chosen = drive(Pace(ALL), 1000, lambda threads: 0.001 if threads == ALL else 0.002)
    assert chosen[1] <= 1 + 1000 / (2 * STEPS_BETWEEN)


def test_a_neighbour_makes_it_one_thread_and_its_end_makes_it_all_again() -> None:
    pace = Pace(ALL)
    drive(pace, 100, lambda threads: 0.001 if threads == ALL else 0.002)
    disturbed = drive(pace, 500, lambda threads: 0.008 if threads == ALL else 0.003)
    assert disturbed[1] > 450
    drive(pace, 500, lambda threads: 0.001 if threads == ALL else 0.002)
    assert drive(pace, 500, lambda threads: 0.001 if threads == ALL else 0.002)[ALL] > 450


def test_one_slow_step_changes_nothing() -> None:
    pace = Pace(ALL)
    drive(pace, 100, lambda threads: 0.001 if threads == ALL else 0.002)
    pace.took(1, ALL, 0.1)
    assert drive(pace, 30, lambda threads: 0.001 if threads == ALL else 0.002)[1] <= 1


def test_steps_of_many_rows_are_known_apart_from_steps_of_one() -> None:
    pace = Pace(ALL)
    assert drive(pace, 200, lambda threads: 0.004 if threads == ALL else 0.001)[1] > 150
    assert drive(pace, 200, lambda threads: 0.002 if threads == ALL else 0.004, rows=256)[ALL] > 150
    assert drive(pace, 200, lambda threads: 0.004 if threads == ALL else 0.001)[1] > 150
