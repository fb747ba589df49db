"""Repeat after me: words, names and numbers in any order, given back as they came.

Copying is what everything else rests on: operands, a city in a call, a list to be sorted. Here every token of the
reply is a copy, so the model learns it early; without, it was the last thing that it learnt.
"""

from random import Random

from training.corpus.conversation import Talk, exchange
from training.corpus.letters import any_word
from training.corpus.operands import number
from training.corpus.phrasing import NAMES
from training.corpus.pieces import BEGINNINGS, INSIDE
from training.corpus.split import Split, draw, text_key
from training.corpus.toolbox import CITIES

ASKS = (
    "Repeat after me: {}", "Repeat: {}", "Say this: {}", "Copy this: {}", "Write this again: {}", "Repeat this: {}",
    "Say it after me: {}", "Echo: {}",
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def repetition(rng: Random, split: Split) -> Talk:
    """Some things, and the same again."""
    text = draw(rng, split, things, text_key)
    return exchange(rng.choice(ASKS).format(text), text)


def things(rng: Random) -> str:
    """One to sixteen things with one separator."""
    kind = rng.choice((word, word, digits, digits, place, person, letter, anything, anything))
    return rng.choice((" ", " ", ", ", ", ", ",", " | ", "-")).join(kind(rng) for _ in range(rng.randrange(1, 17)))


def word(rng: Random) -> str:
    """A word, what sounds like one, or a piece that seldom stands alone."""
    kind = rng.random()
    return rng.choice(BEGINNINGS) if kind < 0.2 else rng.choice(INSIDE) if kind < 0.3 else any_word(rng)


def digits(rng: Random) -> str:
    """A number of up to four digits."""
    return str(number(rng, rng.randrange(1, 5)))


def place(rng: Random) -> str:
    """A city."""
    return rng.choice(CITIES)


def person(rng: Random) -> str:
    """A name."""
    return rng.choice(NAMES)


def letter(rng: Random) -> str:
    """A letter."""
    return rng.choice(LETTERS)


def anything(rng: Random) -> str:
    """Any of these."""
    return rng.choice((word, digits, place, person, letter))(rng)
