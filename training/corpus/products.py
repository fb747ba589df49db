"""Products: two numbers of one or two digits each, and numbers of three digits times one digit."""

from random import Random

from training.corpus.calculation import worked
from training.corpus.conversation import Talk, exchange
from training.corpus.operands import number
from training.corpus.phrasing import ask
from training.corpus.split import Split, draw, product_key

EXPRESSIONS = (
    "{a} * {b}", "{a}*{b}", "{a} x {b}", "{a} × {b}", "{a} × {b}", "{a} times {b}", "{a} times {b}",
    "{a} multiplied by {b}",
)  # fmt: skip
REQUESTS = (
    "Multiply {a} by {b}", "Multiply {a} and {b}", "What is the product of {a} and {b}?",
    "Find the product of {a} and {b}.", "What do you get if you multiply {a} by {b}?",
    "What is {a} multiplied by {b}?", "If I multiply {a} by {b}, what do I get?",
)  # fmt: skip
SHAPES = ((2, 2), (2, 1), (1, 2), (1, 1), (3, 1))
WEIGHTS = (62, 10, 10, 8, 10)


def product(rng: Random, split: Split) -> Talk:
    """a × b, asked and answered."""
    a, b = draw(rng, split, factors, lambda pair: product_key(*pair))
    return exchange(ask(rng, EXPRESSIONS, REQUESTS, a, b), worked(rng, "×", a, b))


def factors(rng: Random) -> tuple[int, int]:
    """Two factors, neither zero."""
    left, right = rng.choices(SHAPES, WEIGHTS)[0]
    return max(number(rng, left), 1), max(number(rng, right), 1)
