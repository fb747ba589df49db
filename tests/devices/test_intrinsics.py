"""Sums and maxima over a panel's width, each against plain numpy."""

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.devices.cpu.intrinsics import PANEL, SUM_LANES, add_up, largest


@numba.njit
def _largest(scores):  # type: ignore[no-untyped-def]
    return largest(scores)


@numba.njit
def _add_up(totals, scores):  # type: ignore[no-untyped-def]
    add_up(totals, scores)


def scores(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(PANEL).astype(np.float32)


@pytest.mark.parametrize("place", range(PANEL))
def test_the_largest_is_found_wherever_it_stands(place: int) -> None:
    values = scores() - np.float32(100)
    values[place] = -90
    assert _largest(values) == -90


def test_the_largest_where_most_is_not_to_be_seen() -> None:
    values = np.full(PANEL, -np.inf, np.float32)
    assert _largest(values) == -np.inf
    values[0] = -1e30
    assert _largest(values) == np.float32(-1e30)


def test_four_are_added_to_a_lane_in_one_order() -> None:
    totals, values = np.arange(SUM_LANES, dtype=np.float32), scores(1)
    a, b, c, d = values.reshape(4, SUM_LANES)
    wanted = totals + ((a + b) + (c + d))
    _add_up(totals, values)
    assert totals.tobytes() == wanted.tobytes()
