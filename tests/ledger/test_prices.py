"""Nano-dollars as numbers and as text."""

import pytest

from reckon.ledger.prices import NANO, dollars, usd


def test_usd_is_the_number_of_dollars() -> None:
    assert usd(1_560) == 0.00000156
    assert usd(3 * NANO) == 3.0


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_500, "$0.0000015"),
        (NANO // 2, "$0.50"),
        (2 * NANO, "$2.00"),
        (-NANO - 1, "-$1.000000001"),
        (2**63 - 1, "$9223372036.854775807"),
    ],
)
def test_dollars_are_exact(nano: int, text: str) -> None:
    assert dollars(nano) == text
