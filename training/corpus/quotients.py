"""Quotients with what is left: a number of up to four digits by one digit."""

from random import Random

from training.corpus.calculation import worked
from training.corpus.conversation import Talk, exchange
from training.corpus.operands import number
from training.corpus.phrasing import ask
from training.corpus.split import Split, draw, quotient_key

EXPRESSIONS = (
    "{a} / {b}", "{a}/{b}", "{a} ÷ {b}", "{a} divided by {b}", "{a} divided by {b}", "{a} : {b}",
    "{a} over {b}",
)  # fmt: skip
REQUESTS = (
    "Divide {a} by {b}", "Divide {a} by {b} with remainder.", "How many times does {b} go into {a}?",
    "What do you get if you divide {a} by {b}?", "What is {a} divided by {b}, with the remainder?",
    "What is the quotient and remainder of {a} divided by {b}?", "Find the quotient of {a} and {b}.",
    "If I divide {a} by {b}, what do I get?", "Work out {a} / {b} and give the remainder.",
)  # fmt: skip
LENGTHS = (1, 2, 3, 4)
WEIGHTS = (4, 30, 50, 16)


def quotient(rng: Random, split: Split) -> Talk:
    """a / b, asked and answered."""
    a, b = draw(rng, split, operands, lambda pair: quotient_key(*pair))
    return exchange(ask(rng, EXPRESSIONS, REQUESTS, a, b), worked(rng, "/", a, b))


def operands(rng: Random) -> tuple[int, int]:
    """A number to divide and one digit to divide it by."""
    return max(number(rng, rng.choices(LENGTHS, WEIGHTS)[0]), 1), rng.randrange(2, 10)
