"""Random numbers without a state: the number of (seed, choice, position) is a function, the same in any batch and process.

Whoever builds a Batch takes them from ``Draws``. Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011, section 4.3 and table 2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ROUNDS = 10

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)

Words = NDArray[np.uint64]
"""32-bit words, kept in 64 bits so that a product of two loses nothing."""


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, Words, Words, Words]:
    """The four output words of every counter under its key; all arrays have one shape."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        left, right = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (right >> _HALF) ^ c1 ^ k0, right & _LOW, (left >> _HALF) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + KEY_STEPS[0]) & _LOW, (k1 + KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def uniform(seeds: ArrayLike, choices: ArrayLike, positions: ArrayLike) -> NDArray[np.float64]:
    """One number in [0, 1) per row, with all 53 bits of a float64; the three arrays broadcast to one shape.

    The key is the seed (uint64), the counter is (position, choice, 0, 0); position and choice are below 2**32.
    """
    seed, choice, position = np.broadcast_arrays(*(np.asarray(part, np.uint64) for part in (seeds, choices, positions)))
    zero = np.zeros_like(seed)
    high, low, _, _ = philox((position, choice, zero, zero), (seed & _LOW, seed >> _HALF))
    bits = (high >> np.uint64(5)) << np.uint64(26) | low >> np.uint64(6)  # 27 bits of one word, 26 of the next
    return bits * 2.0**-53


class Draws:
    """The numbers of one choice, SPAN positions at a time: with numpy, those cost what a single one costs."""

    SPAN = 64
    BEHIND = 16
    """Positions before the one that is asked for: guesses look ahead, and then those before them are asked for again."""

    def __init__(self, seed: int, choice: int) -> None:
        self._seed, self._choice = seed, choice
        self._first = 0
        self._numbers: list[float] = []

    def at(self, position: int) -> float:
        """In [0, 1)."""
        if not self._first <= position < self._first + len(self._numbers):
            self._first = max(0, position - self.BEHIND)
            positions = np.arange(self._first, self._first + self.SPAN, dtype=np.uint64)
            self._numbers = uniform(self._seed, self._choice, positions).tolist()
        return self._numbers[position - self._first]
