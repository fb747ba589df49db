"""Percentiles of known numbers."""

from reckon.bench.percentiles import Spread


def test_of_a_hundred_and_one_steps() -> None:
    assert Spread.of([value / 2 for value in reversed(range(101))]) == Spread(101, 25.0, 47.5, 49.5, 50.0)


def test_between_neighbours_it_is_linear() -> None:
    assert Spread.of([0.0, 10.0]) == Spread(2, 5.0, 9.5, 9.9, 10.0)


def test_of_one_and_of_none() -> None:
    assert Spread.of([3.0]) == Spread(1, 3.0, 3.0, 3.0, 3.0)
    assert Spread.of([]) == Spread(0, 0.0, 0.0, 0.0, 0.0)
