"""Which problems are trained on and which are only asked in evaluation.

The split is a property of the problem, not of a list: a stable hash of its key decides. So the two sets
are disjoint however many conversations are drawn, on any machine, and stay so when families are added.
"""

import hashlib
from collections.abc import Callable
from random import Random
from typing import Literal, TypeVar

Split = Literal["train", "held-out"]
T = TypeVar("T")

HELD_OUT_ONE_IN = 10
# What the documentation asks first must be answered well, so it is trained on and never measured.
ALWAYS_TRAINED = frozenset(
    {"text:hello", "text:tellmemoreaboutthesecondmethod", "text:whoareyou", "text:whatcanyoudo", "sum:37+58"}
)
MOST_TRIES = 10_000


def split_of(key: str) -> Split:
    """The side a key falls on. ``hash()`` would not do: it differs from process to process."""
    if key in ALWAYS_TRAINED:
        return "train"
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return "held-out" if int.from_bytes(digest) % HELD_OUT_ONE_IN == 0 else "train"


def sum_key(a: int, b: int) -> str:
    """The key of the fact a + b = c, the same for b + a, c - a, c - b, a - c and b - c.

    One key for all of them, because a worked sum ends with the subtraction that undoes it: were c - a a
    key of its own, the check of a trained sum would show the answer to a held-out subtraction.
    """
    low, high = sorted((a, b))
    return f"sum:{low}+{high}"


def difference_key(a: int, b: int) -> str:
    """The key of a - b, of either sign: that of the addition which undoes it."""
    return sum_key(min(a, b), abs(a - b))


def text_key(text: str) -> str:
    """The key of a question in words. Case and punctuation do not make it another question."""
    letters = "".join(character for character in text.casefold() if character.isalnum())
    return f"text:{letters or text}"


def draw(rng: Random, split: Split, sample: Callable[[Random], T], key: Callable[[T], str]) -> T:
    """Sample until something of the wanted side comes up. Raises LookupError when there is too little."""
    for _ in range(MOST_TRIES):
        candidate = sample(rng)
        if split_of(key(candidate)) == split:
            return candidate
    raise LookupError(f"{MOST_TRIES} draws gave nothing for the {split} side")
