"""The written methods: column addition and column subtraction, one line per digit.

Each line uses only digits that stand in the question or on the line before, so that every token is a small
step: that is what lets a model of this size be right.
"""

PLACES = ("Ones", "Tens", "Hundreds", "Thousands")


def digits(number: int, width: int) -> list[int]:
    """The decimal digits from the ones upwards, with zeros up to ``width``."""
    return [number // 10**place % 10 for place in range(width)]


def add_steps(a: int, b: int) -> list[str]:
    """Lines that work out a + b from the ones upwards. A carry is named only where there is one."""
    width = len(str(max(a, b)))
    lines, carry = [], 0
    for place, x, y in zip(PLACES, digits(a, width), digits(b, width), strict=False):
        total = x + y + carry
        line = f"{place}: {x} + {y}{' + 1' if carry else ''} = {total}"
        carry = total // 10
        lines.append(f"{line}, write {total % 10}{', carry 1' if carry else ''}.")
    if carry:
        lines.append(f"{PLACES[width]}: write the carried 1.")
    return lines


def subtract_steps(a: int, b: int) -> list[str]:
    """Lines that work out a - b for a >= b >= 0, the same way. A borrow is named only where there is one."""
    width = len(str(a))
    lines, borrow = [], 0
    for place, x, y in zip(PLACES, digits(a, width), digits(b, width), strict=False):
        taken = y + borrow
        short = x < taken
        line = f"{place}: {x}{' + 10' if short else ''} - {y}{' - 1' if borrow else ''}"
        borrow = int(short)
        lines.append(f"{line} = {x + 10 * borrow - taken}{', borrow 1' if borrow else ''}.")
    return lines
