"""The written methods for products and quotients, and casting out nines, the check of a product."""

from random import Random

from training.corpus.columns import Work, add
from training.corpus.slips import slip, written


def times_digit(number: int, digit: int, start: int = 0, careless: Random | None = None) -> tuple[str, int]:
    """One line for digit × number + start, from the ones upwards, and what it comes to."""
    parts, carry, result = [], start, 0
    text = str(number)[::-1]
    wrong = careless.randrange(len(text)) if careless else None
    for place, x in enumerate(map(int, text)):
        total = digit * x + carry
        shown = slip(careless, total) if careless and place == wrong else total
        part = f"{digit}×{x}{f'+{carry}' if carry else ''}={written(total, shown)}"
        carry = shown // 10
        last = place == len(text) - 1
        parts.append(f"{part}{f', carry {carry}' if carry and not last else ''}")
        result += (shown if last else shown % 10) * 10**place
    return f"{'; '.join(parts)}. So {result}.", result


def multiply(a: int, b: int, careless: Random | None = None) -> Work:
    """Lines for a × b, at least one of at most two digits, and what they come to."""
    if a < 10 <= b:
        a, b = b, a
    if b < 10:
        line, result = times_digit(a, b, careless=careless)
        return [line], result
    tens, ones = divmod(b, 10)
    spot = careless.randrange(3) if careless else None
    upper, by_tens = times_digit(a, tens, careless=careless if spot == 0 else None)
    if not ones:
        return [f"{a}×{tens}: {upper} With a zero {by_tens * 10}."], by_tens * 10
    lower, by_ones = times_digit(a, ones, careless=careless if spot == 1 else None)
    lines, result = add(by_ones, by_tens * 10, careless if spot == 2 else None)
    return [f"{a}×{ones}: {lower}", f"{a}×{tens}: {upper} With a zero {by_tens * 10}.", *lines], result


def divide(number: int, divisor: int, careless: Random | None = None) -> tuple[list[str], int, int]:
    """Long division by one digit: the lines, the quotient and what is left."""
    lines, left, quotient = [], 0, 0
    text = str(number)
    wrong = careless.randrange(len(text)) if careless else None
    for place, x in enumerate(map(int, text)):
        part = left * 10 + x
        count = part // divisor
        product = count * divisor
        # What is left stays below the divisor, or the division could not go on.
        shown = slip(careless, product, part - divisor + 1, part) if careless and place == wrong else product
        left = part - shown
        quotient = quotient * 10 + count
        lines.append(f"{part}: {divisor}×{count}={written(product, shown)}, {part}-{shown}={left}.")
    return lines, quotient, left


def digit_sum(number: int) -> tuple[str, int]:
    """The number's digits added until one is left: the line and the digit."""
    first, *rest = map(int, str(number))
    total, parts = first, []
    for digit in rest:
        parts.append(f"{total}+{digit}={total + digit}")
        total += digit
        if total > 9:
            parts.append(f"1+{total - 10}={total - 9}")
            total -= 9
    return f"{number}: {', '.join(parts) or total}.", total
