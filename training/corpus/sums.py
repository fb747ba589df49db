"""Additions and subtractions of numbers of up to four digits."""

from random import Random

from training.corpus.calculation import worked
from training.corpus.conversation import Talk, exchange
from training.corpus.operands import pair
from training.corpus.phrasing import (
    ADD_EXPRESSIONS,
    ADD_REQUESTS,
    SUBTRACT_EXPRESSIONS,
    SUBTRACT_REQUESTS,
    ask,
)
from training.corpus.split import Split, difference_key, draw, sum_key


def addition(rng: Random, split: Split) -> Talk:
    """a + b, asked and answered."""
    a, b = draw(rng, split, pair, lambda operands: sum_key(*operands))
    return exchange(ask(rng, ADD_EXPRESSIONS, ADD_REQUESTS, a, b), worked(rng, "+", a, b))


def subtraction(rng: Random, split: Split) -> Talk:
    """a - b, asked and answered. Below zero now and then: the sign is a step of its own."""
    a, b = draw(rng, split, pair_for_subtraction, lambda operands: difference_key(*operands))
    return exchange(ask(rng, SUBTRACT_EXPRESSIONS, SUBTRACT_REQUESTS, a, b), worked(rng, "-", a, b))


def pair_for_subtraction(rng: Random) -> tuple[int, int]:
    """Operands with the larger one first five times in six."""
    a, b = pair(rng)
    return (max(a, b), min(a, b)) if rng.random() < 5 / 6 else (min(a, b), max(a, b))
