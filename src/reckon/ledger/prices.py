"""Nano-dollars for readers. Knows numbers only; what a token costs is ``catalog.card.Price``. Called by the API and the CLI."""

NANO = 1_000_000_000


def usd(nano: int) -> float:
    """Dollars as a number, for JSON."""
    return nano / NANO


def dollars(nano: int) -> str:
    """Dollars as text, exact, with at least two decimals: 1500 is "$0.0000015", 2 * NANO is "$2.00"."""
    whole, part = divmod(abs(nano), NANO)
    decimals = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}${whole}.{decimals}"
