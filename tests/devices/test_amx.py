"""Sets with tiles add in the order that Intel documents for tdpbf16ps, for a few rows by vectors and for many by tiles."""

import platform

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.amx import STEP, close_tiles, open_tiles
from reckon.devices.cpu.codes import SPAN
from reckon.devices.cpu.intrinsics import PANEL
from reckon.devices.cpu.isa import TILE_ROWS, Amx, AmxEmulated, available
from reckon.devices.cpu.multiply import multiply_near
from reckon.errors import BadSetting
from reckon.models.weights import round_bf16, widen_bf16

TILED = {name: isa for name, isa in available().items() if isinstance(isa, Amx)}


@numba.njit
def product(isa, weights, x, out, rows, pairs):  # type: ignore[no-untyped-def]
    before, at = open_tiles(isa), np.int64(0)
    pair = np.int64(2 * PANEL)
    multiply_near(isa, weights, at, x, at, x.shape[1], out, at, np.int64(PANEL), pairs, rows, weights, at, pair)
    close_tiles(isa, before)


def documented(x: NDArray[np.float32], weights: NDArray[np.float32], out: NDArray[np.float32]) -> NDArray[np.float32]:
    """x [rows, K], weights [K, PANEL]: for every 32 k, sums of the even ones and of the odd ones, from 0; then both together.

    A product of two bf16 is exact in float32.
    """
    for first in range(0, x.shape[1], 2 * STEP):
        even, odd = (np.zeros_like(out) for _ in range(2))
        for k in range(first, min(first + 2 * STEP, x.shape[1]), 2):
            even += x[:, k, None] * weights[k]
            odd += x[:, k + 1, None] * weights[k + 1]
        out = out + (even + odd)
    return out


def numbers(*shape: int, seed: int) -> NDArray[np.uint16]:
    """bf16 of very different sizes, so that another order would have other bits."""
    rng = np.random.default_rng(seed)
    return round_bf16((rng.standard_normal(shape) * np.exp2(rng.integers(-8, 8, shape))).astype(np.float32))


def panel(weights: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """[K, PANEL] -> [K / 2, PANEL, 2], flat."""
    return np.ascontiguousarray(weights.reshape(-1, 2, PANEL).transpose(0, 2, 1)).reshape(-1)


@pytest.mark.parametrize("pairs", [5, 16, 32, 45, 448])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 15, 16, 17, 18, 33, 40])
@pytest.mark.parametrize("name", TILED)
def test_sums_are_those_documented(name: str, rows: int, pairs: int) -> None:
    x, weights = numbers(rows + TILE_ROWS - 1, 2 * pairs, seed=rows), numbers(2 * pairs, PANEL, seed=pairs)
    start = np.random.default_rng(0).standard_normal((len(x), PANEL)).astype(np.float32)
    out = start.copy()
    product(TILED[name], panel(weights), x, out, rows, pairs)
    expected = documented(widen_bf16(x), widen_bf16(weights), start)
    assert np.array_equal(out[:rows].view(np.uint32), expected[:rows].view(np.uint32))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="vectors are told so by a register of x86")
@pytest.mark.parametrize("rows", [4, 5])
@pytest.mark.parametrize("name", TILED)
def test_tiny_numbers_are_zero_on_either_way(name: str, rows: int) -> None:
    tiny, least = np.float32(2.0**-130), np.float32(2.0**-126)
    x, weights = np.ones((rows + TILE_ROWS - 1, 2), np.float32), np.ones((2, PANEL), np.float32)
    x[:, 1] = 0
    x[0], weights[:, 1] = [tiny, 0], 2 * least
    x[1, 0] = 0.25
    out = np.zeros((len(x), PANEL), np.float32)
    product(TILED[name], panel(round_bf16(weights)), round_bf16(x), out, rows, 1)
    assert not out[0].any()  # an operand
    assert out[1, 1] == 0  # a result
    assert out[1, 0] == 0.25 and out[2, 1] == 2 * least


@pytest.mark.parametrize("name", TILED)
def test_a_sum_may_stay_minus_zero(name: str) -> None:
    """What fills a last step up adds nothing at all."""
    for rows in (4, 5):
        x, weights = np.full((rows + TILE_ROWS - 1, 10), 2.0**-100), np.full((10, PANEL), -(2.0**-100))
        out = np.full((len(x), PANEL), np.float32(-0.0))
        product(TILED[name], panel(round_bf16(weights.astype(np.float32))), round_bf16(x.astype(np.float32)), out, rows, 5)
        assert not out[:rows].any()
        assert np.signbit(out[:rows]).all() == (platform.machine() == "x86_64")


def test_a_thread_has_its_tiny_numbers_again() -> None:
    x, weights = numbers(TILE_ROWS, 2, seed=1), numbers(2, PANEL, seed=2)
    product(AmxEmulated(), panel(weights), x, np.zeros((TILE_ROWS, PANEL), np.float32), 1, 1)
    assert np.float32(2.0**-130) * np.float32(0.5) == np.float32(2.0**-131) != 0


@pytest.mark.parametrize("isa", [Amx(), AmxEmulated()], ids=["amx", "amx-emulated"])
def test_k_is_cut_at_whole_steps(isa: Amx) -> None:
    assert SPAN % STEP == 0 and isa.strip_pairs % (2 * STEP) == 0


def test_amx_is_not_there_when_the_system_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    every = {need: True for needs in sets._NEEDS.values() for need in needs}
    monkeypatch.setattr(sets.llvmlite.binding, "get_host_cpu_features", lambda: every)
    for refused, best in ((False, "amx"), (True, "avx512bf16")):
        monkeypatch.setattr(sets, "_may_use_tiles", lambda refused=refused: not refused)
        assert sets.choose()[0] == best
    with pytest.raises(BadSetting, match="on this machine, not 'amx'"):
        sets.choose("amx")
