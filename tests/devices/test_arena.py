"""Arrays that share one piece of memory."""

import gc
import mmap

import numpy as np
import pytest

from reckon.devices.cpu.arena import HUGE_PAGE, LINE, arena


def test_arrays_are_zeros_of_their_own_that_begin_at_lines() -> None:
    arrays = arena(odd=((3, 5), np.uint16), none=((0, 7), np.float32), more=((2, 2, 2), np.float32), last=((1,), np.int64))
    assert [(a.shape, a.dtype.name) for a in arrays.values()] == [
        ((3, 5), "uint16"), ((0, 7), "float32"), ((2, 2, 2), "float32"), ((1,), "int64"),
    ]  # fmt: skip
    assert all(not a.any() and a.flags.c_contiguous and a.flags.writeable and a.flags.aligned for a in arrays.values())
    assert all(a.ctypes.data % LINE == 0 for a in arrays.values())
    assert arrays["odd"].ctypes.data % HUGE_PAGE == 0
    for number, array in enumerate(arrays.values(), 1):
        array[...] = number
    assert [set(a.ravel().tolist()) for a in arrays.values()] == [{1}, set(), {3}, {4}]


def test_memory_lives_as_long_as_an_array_of_it() -> None:
    kept = arena(kept=((1 << 20,), np.uint8), other=((1 << 20,), np.uint8))["kept"]
    kept[:] = 7
    gc.collect()
    arena(elsewhere=((1 << 20,), np.uint8))["elsewhere"][:] = 9
    assert set(kept.tolist()) == {7}


def test_memory_that_is_refused_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match=f"{(1 << 62) + 2 * HUGE_PAGE} bytes of memory are refused"):
        arena(much=((1 << 62,), np.uint8))


def test_a_kernel_without_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses the advice, and the arrays are there all the same."""
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 12345, raising=False)
    assert not arena(numbers=((3,), np.float32))["numbers"].any()
