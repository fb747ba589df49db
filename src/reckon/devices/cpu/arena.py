"""Arrays that lie together in huge pages of memory. Called by layout.py, step.py and device.py.

A product reads a few numbers of each of its rows, then a few pairs of weights: with pages of 4 KB the processor looks for pages
as often as for numbers. numpy asks for huge pages for arrays of 4 MB and more, each by itself; a tiny model and a step's
buffers have none so large.
"""

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

    The system gives the memory as it is touched, in huge pages if it has any (``MADV_HUGEPAGE``).
    """
    sizes = {name: _in_lines(math.prod(shape) * np.dtype(kind).itemsize) for name, (shape, kind) in plans.items()}
    memory = mmap.mmap(-1, sum(sizes.values()) + 2 * HUGE_PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(memory, np.uint8)
    at = -whole.ctypes.data % HUGE_PAGE
    arrays = {}
    for name, (shape, kind) in plans.items():
        count = math.prod(shape) * np.dtype(kind).itemsize
        arrays[name] = whole[at : at + count].view(kind).reshape(shape)
        at += sizes[name]
    return arrays


def _in_lines(size: int) -> int:
    return -(-size // LINE) * LINE
