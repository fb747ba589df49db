"""Logits by rank: an integer that orders as the logit does, so that a NaN has a place (the last) and poisons no comparison."""

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import float_bits

INFINITE = np.int32(0x7F800000)
"""The rank of +inf; NaNs of either sign lie outside the two infinities."""
LOWEST = np.int32(-0x7F800001)
"""The rank of -inf, which whatever is not finite gets: it is never chosen."""
RUN = 1024
"""Logits whose largest is looked for at a time, before it is asked where it is."""


@kernel(inline=True)
def rank_of(value: np.float32) -> np.int32:
    """An int32 that orders as the float does; LOWEST for what is not finite."""
    bits = np.int32(float_bits(value + np.float32(0)))  # -0 becomes 0
    # Numba's shifts and masks give int64, with which half as many fit into a register.
    rank = np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return rank if LOWEST < rank < INFINITE else LOWEST


@kernel()
def highest(logits: NDArray[np.float32]) -> np.int32:
    """The largest rank. The array is one of its own: a loop that begins in mid-array gathers, instead of reading neighbours."""
    top = LOWEST
    for i in range(logits.size):
        top = max(top, rank_of(logits[i]))
    return top


@kernel()
def best_of(logits: NDArray[np.float32]) -> int:
    """The first of the largest logits; -1 when none is finite."""
    best, where = LOWEST, -1
    for start in range(0, logits.size, RUN):
        top = highest(logits[start : start + RUN])
        if top > best:
            best, where = top, start
    if where < 0:
        return -1
    while rank_of(logits[where]) != best:
        where += 1
    return where
