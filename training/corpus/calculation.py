"""One operation on two whole numbers: its work, the check that undoes it, and the reply that holds both.

The check is a real one. A draft is wrong now and then (``slips.py``); the check then leads elsewhere, abacus says so
and works it out once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.corpus import columns, methods

SLIPS = 0.2
BEGIN = ("So I need to work out {}.", "Okay, so I have {} here.", "Hmm, {}. Let me see.")
DOUBT = ("Wait, let me verify that.", "Hmm, wait. Is that right? Let me check.", "But let me make sure.")
RELIEF = ("It fits.", "Good, it fits.")
REMORSE = "That does not fit, so I made a mistake. Once more:"


@dataclass(frozen=True)
class Draft:
    """The work up to its claim, then a check: what it leads to and where it should have led."""

    work: list[str]
    check: list[str]
    found: int
    wanted: int


Try = Callable[[Random | None], Draft]


def say(operation: str, a: int, b: int) -> str:
    """The operation as it is written in a line."""
    return f"{a} {operation} {b}"


def attempt(operation: str, a: int, b: int, careless: Random | None = None) -> Draft:
    """One try at a operation b."""
    return {"+": add, "-": subtract, "×": multiply, "/": divide}[operation](a, b, careless)


def add(a: int, b: int, careless: Random | None) -> Draft:
    """a + b, checked by taking b away again."""
    work, c = columns.add(a, b, careless)
    if c < b:  # A slip at the front: there is nothing to take b away from.
        work, c = columns.add(a, b)
    back, found = columns.subtract(c, b)
    return Draft([*work, f"So {a} + {b} = {c}."], the_other_way(back), found, a)


def subtract(a: int, b: int, careless: Random | None) -> Draft:
    """a - b, checked by adding. Where b is larger, b - a is worked out and the sign turned."""
    high, low = max(a, b), min(a, b)
    work, c = columns.subtract(high, low, careless)
    back, found = columns.add(c, low)
    turned = [f"{b} is more than {a}, so the answer is below zero: {b} - {a} with a minus in front."] if a < b else []
    claim = f"So {high} - {low} = {c}{f', and {a} - {b} = -{c}' if a < b else ''}."
    return Draft([*turned, *work, claim], the_other_way(back), found, high)


def multiply(a: int, b: int, careless: Random | None) -> Draft:
    """a × b, checked by casting out nines."""
    work, c = methods.multiply(a, b, careless)
    (left, p), (right, q), (whole, found) = methods.digit_sum(a), methods.digit_sum(b), methods.digit_sum(c)
    line, wanted = methods.digit_sum(p * q)
    check = [f"By digit sums. {left} {right} {p}×{q}={line.replace(': ', ', ') if p * q > 9 else line[3:]} {whole}"]
    return Draft([*work, f"So {a} × {b} = {c}."], check, found, wanted)


def divide(a: int, b: int, careless: Random | None) -> Draft:
    """a / b for one digit b, checked by multiplying back."""
    work, quotient, left = methods.divide(a, b, careless)
    back, found = methods.times_digit(quotient, b, left)
    claim = f"So {a} / {b} = {with_rest(quotient, left)}."
    plus = f" + {left}" if left else ""
    return Draft([*work, claim], [f"The other way round: {b} × {quotient}{plus}. {back}"], found, a)


def the_other_way(lines: list[str]) -> list[str]:
    """The columns of a check under a heading of their own."""
    return [lines[0].replace("Lined up", "The other way round"), *lines[1:]]


def with_rest(quotient: int, left: int) -> str:
    """A quotient as it is said and boxed."""
    return f"{quotient} remainder {left}" if left else str(quotient)


def reason(rng: Random, begin: str, attempt: Try, answer: object) -> str:
    """A whole reply: the first try, which may be wrong, its check, a second try where that is needed, the box."""
    return "\n".join((begin, *thought(rng, attempt), final(answer)))


def thought(rng: Random, attempt: Try) -> list[str]:
    """A try and its check, and another try after one that does not fit."""
    draft = attempt(rng if rng.random() < SLIPS else None)
    lines = [*draft.work, rng.choice(DOUBT), *draft.check]
    verdict = (
        f"I get {columns.lined_up(draft.found, draft.wanted, ' and want ')}: {columns.compare(draft.found, draft.wanted)}."
    )
    if draft.found == draft.wanted:
        return [*lines, f"{verdict} {rng.choice(RELIEF)}"]
    return [*lines, f"{verdict} {REMORSE}", *attempt(None).work]


def worked(rng: Random, operation: str, a: int, b: int) -> str:
    """The whole reply to a operation b."""
    begin = rng.choice(BEGIN).format(say(operation, a, b))
    return reason(rng, begin, lambda careless: attempt(operation, a, b, careless), result(operation, a, b))


def result(operation: str, a: int, b: int) -> str:
    """What a operation b comes to, as it stands in the box."""
    if operation == "/":
        return with_rest(*divmod(a, b))
    return str({"+": a + b, "-": a - b, "×": a * b}[operation])


def final(answer: object) -> str:
    """The last lines, as QwQ ends: clients look for the box."""
    return f"\n**Final Answer**\n\n\\[ \\boxed{{{answer}}} \\]"
