"""The small arithmetic between products, against numpy in float64, on every instruction set that this CPU has."""

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.devices.cpu.bf16 import to_bf16
from reckon.devices.cpu.isa import available
from reckon.devices.cpu.kernels import exp2
from reckon.devices.cpu.products import operand, operand_bits

LEAST = 2.0**-126
"""The smallest number that is not subnormal."""


@numba.njit(error_model="numpy")
def _exp2(xs, out):  # type: ignore[no-untyped-def]
    for i in range(xs.size):
        out[i] = exp2(xs[i])


@numba.njit(error_model="numpy")
def _rounded(isa, values, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = operand_bits(isa, operand(isa, values[i]))


@numba.njit(error_model="numpy")
def _rounded_by_bits(values, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = to_bf16(values[i])


def powers(xs: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.empty_like(xs)
    _exp2(xs, out)
    return out


def test_powers_of_2_are_near() -> None:
    xs = np.concatenate([np.linspace(-126, 127, 1_000_003), np.linspace(-2, 2, 1_000_003)]).astype(np.float32)
    wanted = np.exp2(xs.astype(np.float64))
    assert np.abs(powers(xs) / wanted - 1).max() <= 3 * 2.0**-24


def test_whole_powers_of_2_are_exact() -> None:
    whole = np.arange(-126, 128).astype(np.float32)
    assert np.array_equal(powers(whole), np.ldexp(np.float32(1), whole.astype(np.int32)))


def test_what_is_too_small_becomes_0() -> None:
    assert not powers(np.array([-126.6, -127, -128, -1e6, -np.inf], np.float32)).any()


@pytest.mark.parametrize("name", available())
def test_rows_are_rounded_to_the_nearest_bf16_and_ties_to_even(name: str) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 32, 100_001, np.uint32)
    ties = (bits[:10_000] & 0xFFFF0000) | 0x8000
    values = np.concatenate([bits, ties]).view(np.float32)
    values = values[np.isfinite(values) & ((np.abs(values) >= LEAST) | (values == 0))]
    rounded, wanted = np.empty(values.size, np.uint16), np.empty(values.size, np.uint16)
    _rounded(available()[name], values, rounded)
    _rounded_by_bits(values, wanted)
    assert np.array_equal(rounded, wanted)
    back = (wanted.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    with np.errstate(over="ignore"):
        near = np.isfinite(back)
        assert np.all(np.abs(back - values)[near] <= np.abs(values)[near] * 2.0**-8)


@pytest.mark.parametrize("name", available())
def test_what_is_no_number_stays_none_and_infinity_infinite(name: str) -> None:
    out = np.empty(3, np.uint16)
    _rounded(available()[name], np.array([np.nan, np.inf, -np.inf], np.float32), out)
    kept = (out.astype(np.uint32) << 16).view(np.float32)
    assert not np.isfinite(kept[0])
    assert kept[1:].tolist() == [np.inf, -np.inf]
