"""Which numbers are asked about: whole numbers of one to three digits, most often two."""

from random import Random

# Two digits are what the bar is set on, three digits are the harder half, one digit is soon learnt.
SHAPES = ((2, 2), (1, 1), (1, 2), (2, 1), (3, 3), (3, 2), (2, 3), (3, 1), (1, 3))
WEIGHTS = (40, 8, 8, 8, 18, 6, 6, 3, 3)


def number(rng: Random, length: int) -> int:
    """A number of exactly ``length`` digits; zero counts as one digit."""
    return rng.randrange(10 ** (length - 1) if length > 1 else 0, 10**length)


def pair(rng: Random) -> tuple[int, int]:
    """Two operands of mixed lengths."""
    left, right = rng.choices(SHAPES, WEIGHTS)[0]
    return number(rng, left), number(rng, right)


def two_digit_pair(rng: Random) -> tuple[int, int]:
    """Two operands of two digits each: what the published accuracy is measured on."""
    return number(rng, 2), number(rng, 2)
