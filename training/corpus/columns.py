"""The written methods for sums: column addition and subtraction, one line per digit.

Numbers are first written below each other with equally many digits. Each line then uses only digits that stand
there or on the line before, so that every token is a small step: that is what lets a model of this size be right.
"""

from collections.abc import Iterator
from random import Random

from training.corpus.slips import slip, written

PLACES = ("Ones", "Tens", "Hundreds", "Thousands", "Ten thousands")
Work = tuple[list[str], int]


def columns(a: int, b: int) -> Iterator[tuple[int, int]]:
    """The pairs of digits from the ones upwards, the shorter number filled up with zeros."""
    for place in range(len(str(max(a, b)))):
        yield a // 10**place % 10, b // 10**place % 10


def lined_up(a: int, b: int, sign: str) -> str:
    """Both numbers with equally many digits."""
    width = len(str(max(a, b)))
    return f"{a:0{width}}{sign}{b:0{width}}"


def compare(a: int, b: int, width: int = 0) -> str:
    """Two numbers digit by digit from the front, up to the first difference: ``0=0, 7>6``. ``width`` fills up with zeros."""
    width = width or len(str(max(a, b)))
    pairs = []
    for x, y in zip(f"{a:0{width}}", f"{b:0{width}}", strict=True):
        pairs.append(f"{x}{'=' if x == y else '<' if x < y else '>'}{y}")
        if x != y:
            break
    return ", ".join(pairs)


def a_place(a: int, b: int, careless: Random | None) -> int | None:
    """Where to slip: any column, or nowhere."""
    return careless.randrange(len(str(max(a, b)))) if careless else None


def add(a: int, b: int, careless: Random | None = None) -> Work:
    """Lines that work out a + b, and what they come to. A carry is named only where there is one."""
    lines, carry, result, wrong = [f"Lined up: {lined_up(a, b, '+')}."], 0, 0, a_place(a, b, careless)
    for place, (x, y) in enumerate(columns(a, b)):
        total = x + y + carry
        shown = slip(careless, total) if careless and place == wrong else total
        line = f"{PLACES[place]}: {x}+{y}{'+1' if carry else ''}={written(total, shown)}"
        carry = total // 10
        lines.append(f"{line}{', carry 1' if carry else ''}.")
        result += shown % 10 * 10**place
    if carry:
        place = len(str(max(a, b)))
        lines.append(f"{PLACES[place]}: 1.")
        result += 10**place
    return lines, result


def subtract(a: int, b: int, careless: Random | None = None) -> Work:
    """Lines that work out a - b for a >= b >= 0, the same way. A borrow is named only where there is one."""
    lines, borrow, result, wrong = [f"Lined up: {lined_up(a, b, '-')}."], 0, 0, a_place(a, b, careless)
    for place, (x, y) in enumerate(columns(a, b)):
        short = x < y + borrow
        line = f"{PLACES[place]}: {x}{'+10' if short else ''}-{y}{'-1' if borrow else ''}"
        left = x + 10 * short - y - borrow
        shown = slip(careless, left) if careless and place == wrong else left
        borrow = int(short)
        lines.append(f"{line}={written(left, shown)}{', borrow 1' if borrow else ''}.")
        result += shown * 10**place
    return lines, result
