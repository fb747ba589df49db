"""Arrays that lie together in huge pages of memory. Called by layout.py, step.py and device.py.

A product reads a few numbers of each of its rows, then a few pairs of weights: with pages of 4 KB the processor looks for pages
as often as for numbers. numpy asks for huge pages for arrays of 4 MB and more, each by itself; a tiny model and a step's
buffers have none so large.
"""

import contextlib
import math
import mmap
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

HUGE_PAGE = 2 << 20
LINE = 64
"""Bytes: an array begins at a line of the cache."""

Plan: TypeAlias = tuple[tuple[int, ...], DTypeLike]
"""Shape and type of an array."""


def arena(**plans: Plan) -> dict[str, NDArray[Any]]:
    """Arrays of zeros, one after the other in one piece of memory, which lives as long as any of them.

    The system gives the memory as it is touched, in huge pages if it has any. Raises MemoryError.
    """
    sizes = {name: math.prod(shape) * np.dtype(kind).itemsize for name, (shape, kind) in plans.items()}
    # A page more to begin at one, and another so that the last one is whole.
    whole = np.frombuffer(_memory(sum(map(_in_lines, sizes.values())) + 2 * HUGE_PAGE), np.uint8)
    at = -whole.ctypes.data % HUGE_PAGE
    arrays = {}
    for name, (shape, kind) in plans.items():
        arrays[name] = whole[at : at + sizes[name]].view(kind).reshape(shape)
        at += _in_lines(sizes[name])
    return arrays


def _memory(size: int) -> mmap.mmap:
    # Private: shared memory has huge pages only where the administrator asked for them separately.
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"{size} bytes of memory are refused: {error}") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _in_lines(size: int) -> int:
    return -(-size // LINE) * LINE
