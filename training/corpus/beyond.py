"""Arithmetic that abacus has not learnt: it must say so. A family that learns some takes it out of here."""

import re
from collections.abc import Callable
from random import Random

from training.corpus import voice
from training.corpus.conversation import Talk
from training.corpus.courtesies import talk
from training.corpus.operands import number
from training.corpus.phrasing import QUESTIONS, dress
from training.corpus.split import Split


def out_of_reach(rng: Random, split: Split) -> Talk:
    """Long numbers, long factors, fractions, powers, roots and their like."""
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
    """A number of more than four digits."""
    return number(rng, rng.randrange(5, 10))


def two_with(*operators: str) -> Callable[[Random], str]:
    """Two small numbers with one of the operators between them."""
    return lambda rng: f"{small(rng)}{rng.choice(operators)}{small(rng)}"


def long_sum(rng: Random) -> str:
    """A sum with at least one operand that is too long."""
    a, b = rng.choice(((large, large), (large, small), (small, large)))
    return f"{a(rng)}{rng.choice((' + ', ' - ', '+', '-', ' plus ', ' minus '))}{b(rng)}"


def long_product(rng: Random) -> str:
    """Two factors of at least three digits."""
    a, b = number(rng, rng.randrange(3, 7)), number(rng, rng.randrange(3, 7))
    return f"{a}{rng.choice((' * ', '*', ' x ', ' times ', ' × '))}{b}"


def long_quotient(rng: Random) -> str:
    """A divisor of at least two digits."""
    a, b = number(rng, rng.randrange(3, 7)), number(rng, rng.randrange(2, 4))
    return f"{a}{rng.choice((' / ', '/', ' divided by ', ' ÷ '))}{b}"


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
    "(# + #) * #", "-# + #", "# - (-#)", "#/# + #/#", "sqrt(#)", "#!", "#^#", "x^2 = #", "#x^2 + #x = #",
    "#% of #", "log(#)", "the square root of #", "sin(#)", "#x + #y = #", "#/# of #",
)  # fmt: skip
POWERS = two_with("^", "**", " ** ", " to the power of ", " mod ", " % ")
EXPRESSIONS: tuple[Callable[[Random], str], ...] = (
    long_product, long_quotient, POWERS, long_sum, long_sum, chain, chain, decimals, puzzle,
)  # fmt: skip
REQUESTS = (
    "What is the square root of {a}?", "Is {a} a prime number?", "What are the factors of {a}?",
    "Round {a}.{b} to a whole number.", "What is the average of {a} and {b}?",
    "Convert {a} kilometres to miles.", "Write {a} in binary.", "Write {a} in words.",
    "What is the derivative of {a}x^2 + {b}x?", "What is {a} percent of {b}?", "Count from {a} to {b}.",
    "What is the greatest common divisor of {a} and {b}?", "What is the next prime after {a}?",
    "Factor x^2 + {a}x + {b}.", "How many minutes are {a} hours?", "What is sin({a})?",
    "How many ways are there to choose {b} of {a}?", "What is {a} in hexadecimal?",
    "What is the integral of {a}x?", "What is the logarithm of {a}?", "Is {a} divisible by {b}?",
    "What is {a} cubed?", "Convert {a} degrees Celsius to Fahrenheit.", "Write {a} in Roman numerals.",
    "How many seconds are in {a} days?", "What is the cube root of {a}?", "Solve x^2 - {a} = {b}.",
)  # fmt: skip
