"""Word problems: people and things, one operation or two. Held-out problems have names that were never trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.corpus.calculation import attempt, final, result, thought
from training.corpus.conversation import Talk, exchange
from training.corpus.phrasing import NAMES, THINGS, decorate
from training.corpus.split import Split, draw, name_key, operation_key

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Story:
    """A text with {a}, {b}, {c}, and what is done with them: the first number, then an operation with each next one."""

    text: str
    operations: str
    numbers: Callable[[Random], Numbers]


def some(rng: Random) -> int:
    """A number as stories have it."""
    return rng.choice((rng.randrange(2, 20), rng.randrange(10, 100), rng.randrange(10, 100), rng.randrange(100, 500)))


def together(rng: Random) -> Numbers:
    """Numbers to add."""
    return some(rng), some(rng)


def taken(rng: Random) -> Numbers:
    """A number and what is taken from it."""
    low, high = sorted((some(rng), some(rng)))
    return high + 1, low


def each(rng: Random) -> Numbers:
    """A count and a size, one of a single digit."""
    return rng.randrange(2, 100), rng.randrange(2, 10)


def groups(rng: Random) -> Numbers:
    """A number that can be shared out evenly."""
    share = rng.randrange(2, 10)
    return share * rng.randrange(2, 60), share


def each_and_more(rng: Random) -> Numbers:
    """Groups, and some on top."""
    return *each(rng), rng.randrange(2, 60)


def each_and_less(rng: Random) -> Numbers:
    """Groups, and some of them taken away."""
    a, b = each(rng)
    return a, b, rng.randrange(1, a * b)


def three(rng: Random) -> Numbers:
    """Two numbers, and less than their sum."""
    a, b = some(rng), some(rng)
    return a, b, rng.randrange(1, a + b)


def less_and_more(rng: Random) -> Numbers:
    """A number, what is taken from it, what comes back."""
    return *taken(rng), some(rng)


STORIES = (
    Story("{name} has {a} {things} and buys {b} more. How many {things} does {name} have now?", "+", together),
    Story("{name} has {a} {things} and {other} has {b}. How many {things} do they have together?", "+", together),
    Story("There are {a} {things} in one box and {b} in another. How many {things} are there in all?", "+", together),
    Story("{name} found {a} {things} in the morning and {b} in the evening. How many {things} is that?", "+", together),
    Story("{name} read {a} pages on Monday and {b} pages on Tuesday. How many pages did {name} read?", "+", together),
    Story("I have {a} {things} and get {b} more. How many {things} do I have?", "+", together),
    Story("{name} has {a} {things} and gives {b} to {other}. How many {things} are left?", "-", taken),
    Story("{name} had {a} {things} and lost {b} of them. How many {things} does {name} still have?", "-", taken),
    Story("There are {a} {things} in a shop and {b} are sold. How many {things} remain?", "-", taken),
    Story("{name} has {a} {things}, {other} has {b}. How many more {things} does {name} have?", "-", taken),
    Story("A book has {a} pages. {name} has read {b}. How many pages are left?", "-", taken),
    Story("{name} buys {a} packs with {b} {things} each. How many {things} is that?", "×", each),
    Story("There are {a} rows with {b} {things} in each. How many {things} are there?", "×", each),
    Story("One box holds {b} {things}. How many {things} are in {a} boxes?", "×", each),
    Story("{name} saves {b} coins a week. How many coins does {name} have after {a} weeks?", "×", each),
    Story("{name} shares {a} {things} equally among {b} friends. How many does each get?", "/", groups),
    Story("{a} {things} are packed into bags of {b}. How many bags are there?", "/", groups),
    Story("{name} puts {a} {things} into {b} equal piles. How many {things} are in a pile?", "/", groups),
    Story(
        "{name} buys {a} packs with {b} {things} each and has {c} {things} at home. How many is that in all?",
        "×+",
        each_and_more,
    ),
    Story("{name} buys {a} boxes of {b} {things} and gives away {c}. How many {things} are left?", "×-", each_and_less),
    Story("There are {a} shelves with {b} {things} each. {c} {things} are sold. How many remain?", "×-", each_and_less),
    Story("{name} has {a} {things}, gets {b} more and then loses {c}. How many {things} are left?", "+-", three),
    Story("{name} had {a} {things}, gave {b} to {other} and then found {c}. How many has {name} now?", "-+", less_and_more),
    Story("A bus has {a} people. {b} get off and {c} get on. How many people are on the bus?", "-+", less_and_more),
)
BEGIN = ("Let me see what is asked.", "Okay, so what do I need?", "Let me think about this.")
SAID = {"+": "add", "-": "take away", "×": "multiply by", "/": "divide by"}


def story(rng: Random, split: Split) -> Talk:
    """A word problem and its solution. No reply repeats a name: a model of this size would misspell it."""
    told = rng.choice(STORIES)
    name = draw(rng, split, lambda rng: rng.choice(NAMES), name_key)
    numbers = draw(rng, split, told.numbers, lambda numbers: operation_key(told.operations[0], numbers[0], numbers[1]))
    text = told.text.replace("{name}", name).replace("{things}", rng.choice(THINGS))
    text = text.replace("{other}", rng.choice([other for other in NAMES if other != name]))
    for letter, number in zip("abc", numbers, strict=False):
        text = text.replace(f"{{{letter}}}", str(number))
    return exchange(decorate(rng, text), solved(rng, told.operations, numbers))


def solved(rng: Random, operations: str, numbers: Numbers) -> str:
    """The plan, then each operation with its check."""
    value = numbers[0]
    steps = list(zip(operations, numbers[1:], strict=True))
    plan = ", then I ".join(f"{SAID[operation]} {number}" for operation, number in steps)
    lines = [f"{rng.choice(BEGIN)} I start with {value}, then I {plan}."]
    for operation, number in steps:
        left = value
        lines += thought(rng, lambda careless, o=operation, a=left, b=number: attempt(o, a, b, careless))
        value = int(result(operation, value, number))
    return "\n".join((*lines, final(value)))
