"""Arithmetic that abacus has not learnt: it must say so. A family that learns some takes it out of here."""

import re
from collections.abc import Callable
from random import Random

from training.corpus import voice
from training.corpus.conversation import Conversation
from training.corpus.courtesies import talk
from training.corpus.operands import number
from training.corpus.phrasing import QUESTIONS, dress
from training.corpus.split import Split


def out_of_reach(rng: Random, split: Split) -> Conversation:
    """Products, quotients, long numbers, fractions, equations and their like."""
    return talk(rng, split, ask, voice.beyond)


def ask(rng: Random) -> str:
    """A question of one kind or another."""
    if rng.random() < 0.75:
        return dress(rng, rng.choice(QUESTIONS).replace("{e}", rng.choice(EXPRESSIONS)(rng)))
    text = rng.choice(REQUESTS)
    for letter in "ab":
        text = text.replace(f"{{{letter}}}", str(small(rng)))
    return dress(rng, text)


def small(rng: Random) -> int:
    """A number as a learnt sum would have it."""
    return number(rng, rng.choice((1, 2, 2, 3)))


def large(rng: Random) -> int:
    """A number of more than three digits."""
    return number(rng, rng.randrange(4, 10))


def two_with(*operators: str) -> Callable[[Random], str]:
    """Two small numbers with one of the operators between them."""
    return lambda rng: f"{small(rng)}{rng.choice(operators)}{small(rng)}"


def long_sum(rng: Random) -> str:
    """A sum with at least one operand that is too long."""
    a, b = rng.choice(((large, large), (large, small), (small, large)))
    return f"{a(rng)}{rng.choice((' + ', ' - ', '+', '-', ' plus ', ' minus '))}{b(rng)}"


def chain(rng: Random) -> str:
    """Three or more operands."""
    text = str(small(rng))
    for _ in range(rng.randrange(2, 5)):
        text += f"{rng.choice((' + ', ' - ', '+', ' + ', ' * '))}{small(rng)}"
    return text


def decimals(rng: Random) -> str:
    """Numbers with a point."""
    text = f"{small(rng)}.{small(rng)}{rng.choice((' + ', ' - ', ' * '))}{small(rng)}"
    fraction = f".{small(rng)}"
    return text + rng.choice(("", fraction))


def puzzle(rng: Random) -> str:
    """Signs, brackets, functions, unknowns."""
    return rng.choice([re.sub("#", lambda _: str(small(rng)), shape) for shape in PUZZLES])


PUZZLES = (
    "(# + #) * #", "-# + #", "# - (-#)", "#/# + #/#", "sqrt(#)", "#!", "#^#", "#x + # = #", "x^2 = #", 
    "x + # = #", "#% of #", "log(#)", "the square root of #", "half of #",
)  # fmt: skip
PRODUCTS = two_with(" * ", "*", " x ", " times ", " × ", " multiplied by ")
QUOTIENTS = two_with(" / ", "/", " divided by ", " ÷ ", " over ")
POWERS = two_with("^", "**", " ** ", " to the power of ", " mod ", " % ")
EXPRESSIONS: tuple[Callable[[Random], str], ...] = (
    PRODUCTS, PRODUCTS, QUOTIENTS, POWERS, long_sum, long_sum, chain, chain, decimals, puzzle,
)  # fmt: skip
REQUESTS = (
    "Multiply {a} by {b}", "Divide {a} by {b}", "What is the product of {a} and {b}?",
    "What is the square of {a}?", "Is {a} a prime number?", "Is {a} bigger than {b}?",
    "What are the factors of {a}?", "Round {a}.{b} to a whole number.", "What is the average of {a} and {b}?",
    "Convert {a} kilometres to miles.", "Write {a} in binary.", "Write {a} in words.",
    "What is the derivative of {a}x^2 + {b}x?", "Solve for x: {a}x = {b}", "What is {a} percent of {b}?",
    "Double {a}.", "Count from {a} to {b}.", "What is the greatest common divisor of {a} and {b}?",
    "Is {a} even or odd?", "How many digits has {a}{b}?",
    "A train travels {a} km in {b} hours. How fast is it?", "What is the next prime after {a}?",
    "Factor x^2 + {a}x + {b}.", "What is the area of a rectangle {a} by {b}?",
    "How many minutes are {a} hours?", "What is sin({a})?", "What is {a} squared?",
    "How many ways are there to choose {b} of {a}?", "What is {a} in hexadecimal?",
    "Sort the numbers {b}, {a}, 12, 7.",
)  # fmt: skip
