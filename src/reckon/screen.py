"""Where commands print for people. What is printed is text as it is: "[red]" in a name is no colour, ":key:" no picture."""

import sys

from rich.console import Console


def screen(piped_width: int) -> Console:
    """As wide as the terminal; ``piped_width`` where there is none, so that a table in a file is not folded."""
    return Console(width=None if sys.stdout.isatty() else piped_width, markup=False, emoji=False, highlight=False)
