"""Which numbers are added and subtracted: whole numbers of one to four digits."""

from random import Random

SHAPES = (
    (2, 2),
    (3, 3),
    (4, 4),
    (1, 1),
    (1, 2),
    (2, 1),
    (3, 2),
    (2, 3),
    (4, 3),
    (3, 4),
    (4, 2),
    (2, 4),
    (3, 1),
    (4, 1),
    (1, 4),
)
WEIGHTS = (25, 20, 22, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 1, 1)


def number(rng: Random, length: int) -> int:
    """A number of exactly ``length`` digits; zero counts as one digit."""
    return rng.randrange(10 ** (length - 1) if length > 1 else 0, 10**length)


def pair(rng: Random) -> tuple[int, int]:
    """Two operands of mixed lengths."""
    left, right = rng.choices(SHAPES, WEIGHTS)[0]
    return number(rng, left), number(rng, right)
