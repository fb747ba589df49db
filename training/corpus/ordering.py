"""Which of two numbers is larger, and lists of numbers put in order."""

from itertools import combinations
from random import Random

from training.corpus.calculation import final
from training.corpus.columns import compare, lined_up
from training.corpus.conversation import Talk, exchange
from training.corpus.operands import number
from training.corpus.phrasing import dress
from training.corpus.split import Split, draw, list_key, split_of

LARGER = (
    "Which is larger, {a} or {b}?", "Which is bigger, {a} or {b}?", "What is more, {a} or {b}?",
    "Which number is greater, {a} or {b}?", "Compare {a} and {b}. Which is larger?", "Is {a} or {b} larger?",
    "Which of {a} and {b} is the larger one?", "{a} or {b}, which is more?",
)  # fmt: skip
SMALLER = (
    "Which is smaller, {a} or {b}?", "What is less, {a} or {b}?", "Which number is smaller, {a} or {b}?",
    "Compare {a} and {b}. Which is smaller?", "Which of {a} and {b} is the smaller one?",
    "{a} or {b}, which is less?", "Which is lower, {a} or {b}?",
)  # fmt: skip
ASCENDING = (
    "Sort {l}.", "Sort these numbers: {l}", "Sort the numbers {l}.", "Put {l} in order.",
    "Put these numbers in order: {l}.", "Sort {l} from smallest to largest.", "Order these numbers: {l}",
    "Sort {l} in ascending order.", "Arrange {l} from small to large.", "Can you sort {l}?",
)  # fmt: skip
DESCENDING = (
    "Sort {l} from largest to smallest.", "Sort {l} in descending order.", "Sort {l} descending.",
    "Order these numbers from large to small: {l}.", "Arrange {l} from the largest to the smallest.",
    "Put {l} in order, largest first.",
)  # fmt: skip
MOST = (
    "What is the largest of {l}?", "Which of these is the largest: {l}?", "Find the maximum of {l}.",
    "Which number is the biggest: {l}?",
)  # fmt: skip
LEAST = (
    "What is the smallest of {l}?", "Which of these is the smallest: {l}?", "Find the minimum of {l}.",
    "Which number is the smallest: {l}?",
)  # fmt: skip


def comparison(rng: Random, split: Split) -> Talk:
    """Two numbers of up to four digits, often of the same length and alike at the front."""
    a, b = draw(rng, split, two, list_key)
    larger = rng.random() < 0.6
    question = rng.choice(LARGER if larger else SMALLER).replace("{a}", str(a)).replace("{b}", str(b))
    return exchange(dress(rng, question), compared(a, b, larger))


def two(rng: Random) -> tuple[int, int]:
    """Two different numbers."""
    while True:
        a = number(rng, rng.choice((1, 2, 2, 3, 3, 4, 4)))
        alike = int(str(a)[: rng.randrange(len(str(a)) + 1)].ljust(len(str(a)), "0"))
        b = (
            alike + rng.randrange(10 ** max(len(str(a)) - 1, 1))
            if rng.random() < 0.5
            else number(rng, rng.choice((1, 2, 3, 4)))
        )
        if a != b and b < 10_000:
            return (a, b) if rng.random() < 0.5 else (b, a)


def compared(a: int, b: int, larger: bool) -> str:
    """Written with equally many digits, then compared from the front until two differ."""
    answer = max(a, b) if larger else min(a, b)
    lines = (
        f"Lined up: {lined_up(a, b, ' and ')}.",
        f"From the front: {compare(a, b)}.",
        f"So {answer} is {'larger' if larger else 'smaller'} than {a + b - answer}.",
        final(answer),
    )
    return "\n".join(lines)


def sorting(rng: Random, split: Split) -> Talk:
    """Two to six numbers below 1000, or seven in training: all of them in order, or the one at an end."""
    numbers = draw(rng, split, several if split == "held-out" else without_held_out_pairs, list_key)
    kind = rng.random()
    down = kind > 0.65
    forms = ASCENDING if kind < 0.5 else LEAST if kind < 0.65 else MOST if kind < 0.8 else DESCENDING
    separator = rng.choice((", ", ", ", ", ", " ", ","))
    text = separator.join(map(str, numbers))
    if separator == ", " and rng.random() < 0.3:
        text = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    question = dress(rng, rng.choice(forms).replace("{l}", text))
    return exchange(question, in_order(numbers, down, whole=forms in (ASCENDING, DESCENDING)))


def several(rng: Random) -> tuple[int, ...]:
    """The numbers. Half the lists stay below 100; the same number rarely comes twice."""
    lengths = digits(rng)
    return numbers_of(rng, lengths, rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 6)))


def digits(rng: Random) -> tuple[int, ...]:
    """How many digits the numbers of a list may have."""
    return (1, 2, 2, 2) if rng.random() < 0.5 else (1, 2, 2, 3, 3)


def numbers_of(rng: Random, lengths: tuple[int, ...], count: int) -> tuple[int, ...]:
    """So many numbers, each with one of these numbers of digits."""
    return tuple(number(rng, rng.choice(lengths)) for _ in range(count))


def without_held_out_pairs(rng: Random) -> tuple[int, ...]:
    """Numbers no two of which are a held-out pair: the walks along a list compare most of its pairs.

    Up to one more than is ever asked: a list of six is then not the longest that was practised.
    """
    lengths, count = digits(rng), rng.choice((2, 3, 4, 4, 5, 5, 6, 6, 6, 7))
    while True:
        numbers = numbers_of(rng, lengths, count)
        if all(split_of(list_key(pair)) == "train" for pair in combinations(numbers, 2)):
            return numbers


def in_order(numbers: tuple[int, ...], down: bool, whole: bool) -> str:
    """The one at the end is looked for, put aside and looked for again among those that are left."""
    width = len(str(max(numbers)))
    left, done = list(numbers), []
    lines = [f"Lined up: {shown(left, width)}."]
    while len(left) > 1:
        line, best = at_the_end(left, down, width)
        lines.append(line)
        if not whole:
            return "\n".join((*lines, final(best)))
        left.remove(best)
        done.append(best)
        lines.append(f"Sorted: {shown(done, width)}. Left: {shown(left, width)}.")
    return "\n".join((*lines, final(", ".join(map(str, done + left)))))


def at_the_end(left: list[int], largest: bool, width: int) -> tuple[str, int]:
    """One walk along the numbers: each is compared with the best so far. Returns the line and the best."""
    best, parts = left[0], []
    for other in left[1:]:
        parts.append(f"{shown([best, other], width)}: {compare(best, other, width)}")
        best = max(best, other) if largest else min(best, other)
    return f"{'Largest' if largest else 'Smallest'}: {'; '.join(parts)}. So {best:0{width}}.", best


def shown(numbers: list[int], width: int) -> str:
    """Numbers with equally many digits."""
    return " ".join(f"{number:0{width}}" for number in numbers)
