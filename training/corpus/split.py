"""Which problems are trained on and which are only asked in evaluation.

The split is a property of the problem, not of a list: a stable hash of its key decides. So the two sets
are disjoint however many conversations are drawn, on any machine, and stay so when families are added.
"""

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, TypeVar

Split = Literal["train", "held-out"]
T = TypeVar("T")

HELD_OUT_ONE_IN = 10
# What the documentation asks first must be answered well, so it is trained on and never measured.
ALWAYS_TRAINED = frozenset(
    {
        "text:hello", "text:tellmemoreaboutthesecondmethod", "text:whoareyou", "text:whatcanyoudo", "sum:37+58",
        "word:strawberry", "product:47×86", "equation:3,7,15", "place:paris",
    }
)  # fmt: skip
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


def product_key(a: int, b: int) -> str:
    """The key of a × b, the same for b × a."""
    return f"product:{min(a, b)}×{max(a, b)}"


def quotient_key(a: int, b: int) -> str:
    """The key of a / b."""
    return f"quotient:{a}/{b}"


def operation_key(operation: str, a: int, b: int) -> str:
    """The key of any of the four operations."""
    return {"+": sum_key, "-": difference_key, "×": product_key, "/": quotient_key}[operation](a, b)


def equation_key(a: int, b: int, x: int) -> str:
    """The key of ax + b = c with the solution x, whatever the unknown is called."""
    return f"equation:{a},{b},{x}"


def list_key(numbers: Sequence[int]) -> str:
    """The key of some numbers, in whatever order they are given."""
    return f"list:{','.join(map(str, sorted(numbers)))}"


def word_key(word: str) -> str:
    """The key of a word whose letters are counted. What stands in longer words is said in ``pieces.py``."""
    return f"word:{word}"


def name_key(name: str) -> str:
    """The key of somebody in a word problem."""
    return f"name:{name.casefold()}"


def place_key(text: str) -> str:
    """The key of what a tool is called with: a city, a person, a word."""
    return f"place:{text.casefold()}"


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
