"""Additions and subtractions of numbers up to three digits, worked and checked aloud in QwQ's manner.

The check is a real one: the inverse operation, worked digit by digit, must lead back to where the sum began.
"""

from random import Random

from training.corpus.conversation import Conversation, exchange
from training.corpus.operands import pair
from training.corpus.phrasing import (
    ADD_EXPRESSIONS,
    ADD_REQUESTS,
    SUBTRACT_EXPRESSIONS,
    SUBTRACT_REQUESTS,
    SUBTRACT_STORIES,
    ask,
)
from training.corpus.split import Split, difference_key, draw, sum_key
from training.corpus.steps import add_steps, subtract_steps

WONDER = (
    "So I need to work out {}.", "Okay, so I have {} here.", "Hmm, {}. Let me see.", "Let me think about {}.",
)  # fmt: skip
BEGIN = ("I will go digit by digit, starting from the right.", "Digit by digit, from the right.")
DOUBT = ("Wait, let me check that.", "Hmm, wait. Is that right? Let me check.", "But let me make sure.")
RELIEF = ("Good, it fits.", "Yes, that is what I started from.", "So the check holds.")


def addition(rng: Random, split: Split) -> Conversation:
    """a + b, asked and answered."""
    a, b = draw(rng, split, pair, lambda operands: sum_key(*operands))
    return exchange(ask(rng, ADD_EXPRESSIONS, ADD_REQUESTS, a, b), worked_addition(rng, a, b))


def subtraction(rng: Random, split: Split) -> Conversation:
    """a - b, asked and answered. Below zero now and then: the sign is a step of its own."""
    a, b = draw(rng, split, pair_for_subtraction, lambda operands: difference_key(*operands))
    requests = SUBTRACT_REQUESTS + (SUBTRACT_STORIES if a >= b else ())
    return exchange(ask(rng, SUBTRACT_EXPRESSIONS, requests, a, b), worked_subtraction(rng, a, b))


def pair_for_subtraction(rng: Random) -> tuple[int, int]:
    """Operands with the larger one first four times in five."""
    a, b = pair(rng)
    return (max(a, b), min(a, b)) if rng.random() < 0.8 else (min(a, b), max(a, b))


def worked_addition(rng: Random, a: int, b: int) -> str:
    """The whole reply to a + b."""
    c = a + b
    return "\n".join((
        f"{rng.choice(WONDER).format(f'{a} + {b}')} {rng.choice(BEGIN)}",
        *add_steps(a, b),
        f"So {a} + {b} = {c}.",
        f"{rng.choice(DOUBT)} If I take {b} away from {c}, I should get {a} back.",
        *subtract_steps(c, b),
        f"That gives {a}. {rng.choice(RELIEF)}",
        final(c),
    ))  # fmt: skip


def worked_subtraction(rng: Random, a: int, b: int) -> str:
    """The whole reply to a - b. When b is larger, b - a is worked out and the sign turned."""
    high, low = max(a, b), min(a, b)
    c = high - low
    turned = f"{b} is more than {a}, so the answer is below zero: I work out {b} - {a} and put a minus in front."
    return "\n".join((
        f"{rng.choice(WONDER).format(f'{a} - {b}')} {rng.choice(BEGIN)}",
        *([turned] if a < b else []),
        *subtract_steps(high, low),
        f"So {high} - {low} = {c}{f', and {a} - {b} = -{c}' if a < b else ''}.",
        f"{rng.choice(DOUBT)} If I add {low} to {c}, I should get {high} back.",
        *add_steps(c, low),
        f"That gives {high}. {rng.choice(RELIEF)}",
        final(a - b),
    ))  # fmt: skip


def final(answer: int) -> str:
    """The last lines, as QwQ ends: clients look for the box."""
    return f"\n**Final Answer**\n\n\\[ \\boxed{{{answer}}} \\]"
