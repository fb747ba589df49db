"""Mistakes on purpose: a digit that abacus must see and mend, but never learn to write.

A slipped digit is one character of Unicode's private use. It is shown to the model as the digit it stands for and
left out of what is learnt; everything that follows from it is learnt, above all that the check finds it. Digits are
single tokens, so cutting a reply at a slip cuts no token.
"""

import re
from random import Random

FIRST = 0xE000
SLIPPED = re.compile(f"([{chr(FIRST)}-{chr(FIRST + 9)}])")
TO_DIGITS = {FIRST + digit: str(digit) for digit in range(10)}


def plain(text: str) -> str:
    """The text as the model sees it."""
    return text.translate(TO_DIGITS)


def slip(rng: Random, number: int, least: int = 0, most: int = 10**9) -> int:
    """Another number that differs in the last digit and stays in the bounds, or the number itself where none does.

    Never by nine: casting out nines would not see it.
    """
    base = number - number % 10
    others = [base + digit for digit in range(10) if abs(base + digit - number) not in (0, 9)]
    return rng.choice([other for other in others if least <= other <= most] or [number])


def written(number: int, shown: int) -> str:
    """``shown``, with its last digit marked when it is not the ``number`` that should stand there."""
    text = str(shown)
    return text if shown == number else text[:-1] + chr(FIRST + shown % 10)
