"""Linear equations with one unknown, ax + b = c, whose solution is a whole number from 0 to 60."""

from random import Random

from training.corpus import columns, methods
from training.corpus.calculation import Draft, reason
from training.corpus.conversation import Talk, exchange
from training.corpus.phrasing import dress
from training.corpus.split import Split, draw, equation_key

QUESTIONS = (
    "Solve {e}", "Solve {e}.", "Solve {e} for {x}.", "Solve for {x}: {e}", "Solve the equation {e}.",
    "Find {x} if {e}.", "Find {x}: {e}", "What is {x} if {e}?", "If {e}, what is {x}?", "{e}, what is {x}?",
    "{e}", "{e}. Find {x}.", "Which {x} solves {e}?", "For which {x} is {e}?", "What does {x} have to be if {e}?",
    "Can you solve {e}?", "I have {e}. What is {x}?", "Let {e}. What is {x}?",
)  # fmt: skip
UNKNOWNS = ("x", "x", "x", "x", "y", "n", "z", "a", "t")
BEGIN = ("So I have {e}, and I look for {x}.", "Okay, {e}. I need {x}.", "Let me see: {e}.")


def equation(rng: Random, split: Split) -> Talk:
    """An equation, asked and solved."""
    a, b, x = draw(rng, split, numbers, lambda drawn: equation_key(*drawn))
    c = a * x + b
    unknown = rng.choice(UNKNOWNS)
    e = normal(unknown, a, b, c)
    question = rng.choice(QUESTIONS).replace("{e}", asked(rng, unknown, a, b, c)).replace("{x}", unknown)
    begin = rng.choice(BEGIN).replace("{e}", e).replace("{x}", unknown)
    return exchange(dress(rng, question), reason(rng, begin, lambda careless: solve(unknown, a, b, c, careless), x))


def numbers(rng: Random) -> tuple[int, int, int]:
    """a, b and the solution. One of a and b may do nothing, but not both."""
    x = rng.randrange(61) if rng.random() < 0.4 else rng.randrange(21)
    a, b = rng.randrange(2, 10), rng.choice((-1, 1, 1)) * rng.randrange(1, 100)
    kind = rng.random()
    a, b = (1, b) if kind < 0.1 else (a, 0) if kind < 0.2 else (a, b)
    return (a, b, x) if a * x + b >= 0 else (a, -b, x)


def term(unknown: str, a: int, times: str = "") -> str:
    """ax as it is written."""
    return unknown if a == 1 else f"{a}{times}{unknown}"


def normal(unknown: str, a: int, b: int, c: int) -> str:
    """The equation in the form that abacus works on."""
    shift = f" {'-' if b < 0 else '+'} {abs(b)}" if b else ""
    return f"{term(unknown, a)}{shift} = {c}"


def asked(rng: Random, unknown: str, a: int, b: int, c: int) -> str:
    """The equation as people write it."""
    times = rng.choice(("", "", "", "", "*", " * "))
    left = f"{term(unknown, a, times)}{f' {chr(45) if b < 0 else chr(43)} {abs(b)}' if b else ''}"
    if b > 0 and rng.random() < 0.2:
        left = f"{b} + {term(unknown, a, times)}"
    text = f"{c} = {left}" if rng.random() < 0.12 else f"{left} = {c}"
    return text.replace(" ", "") if rng.random() < 0.25 else text


def solve(unknown: str, a: int, b: int, c: int, careless: Random | None) -> Draft:
    """Both sides less b, then by a; checked by putting the solution in."""
    # The slip lies in the first of the two steps that has one.
    work, right = move(unknown, a, b, c, careless)
    left, rest = right, 0
    if a > 1:
        lines, left, rest = methods.divide(right, a, None if work else careless)
        work += [f"Now I divide both sides by {a}.", *lines, f"So {unknown} = {left}."]
    if rest:  # The slip left no whole solution: such a draft would not be checked but seen at once.
        return solve(unknown, a, b, c, None)
    back, found = put_in(a, b, left)
    return Draft(work, [f"I put {left} in for {unknown}.", *back], found, c)


def move(unknown: str, a: int, b: int, c: int, careless: Random | None) -> tuple[list[str], int]:
    """The shift taken to the other side."""
    if not b:
        return [], c
    step, method, sign = ("take {} from", columns.subtract, "-") if b > 0 else ("add {} to", columns.add, "+")
    lines, right = method(c, abs(b), careless)
    begin = f"I {step.format(abs(b))} both sides: {term(unknown, a)} = {c} {sign} {abs(b)}."
    return [begin, *lines, f"So {term(unknown, a)} = {right}."], right


def put_in(a: int, b: int, x: int) -> tuple[list[str], int]:
    """a × x + b, worked out."""
    lines, value = [], x
    if a > 1:
        line, value = methods.times_digit(x, a)
        lines = [f"{a}×{x}: {line}"]
    if b:
        more, value = columns.add(value, b) if b > 0 else columns.subtract(value, -b)
        lines += more
    return lines, value
