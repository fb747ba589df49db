"""Bar charts as numbers for a template to draw: where each bar stands, and round numbers for the axis. Knows no SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 66, 356, 12, 126
"""Where the bars are, in the picture's units."""
TICKS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """``label`` is the time, ``text`` the value in words."""

    x: float
    y: float
    width: float
    height: float
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    total: str
    summary: str
    bars: tuple[Bar, ...]
    levels: tuple[Tick, ...]
    times: tuple[Tick, ...]


def chart(
    title: str, total: str, values: Sequence[float], labels: Sequence[str], text: Callable[[float], str], *, whole: bool = False
) -> Chart:
    """``values`` from left to right with a label each; ``whole`` ones get an axis of integers."""
    top = ceiling(max(values, default=0), whole=whole)
    step = (RIGHT - LEFT) / len(values)
    scale = (BOTTOM - TOP) / top
    bars = tuple(
        Bar(LEFT + step * place + step * 0.12, BOTTOM - value * scale, step * 0.76, value * scale, label, text(value))
        for place, (value, label) in enumerate(zip(values, labels, strict=True))
    )
    levels = tuple(Tick(BOTTOM - top * part / TICKS * scale, text(top * part / TICKS)) for part in range(TICKS + 1))
    every = max(1, len(labels) // 4)
    times = tuple(Tick(LEFT + step * (place + 0.5), labels[place]) for place in range(every // 2, len(labels), every))
    highest = max(range(len(values)), key=lambda place: values[place])
    summary = (
        f"{title}: {total} in all; most, {text(values[highest])}, at {labels[highest]}." if any(values) else f"{title}: none."
    )
    return Chart(title, total, summary, tuple(bar for bar in bars if bar.height > 0), levels, times)


def ceiling(highest: float, *, whole: bool = False) -> float:
    """A round number at least as high that divides well by TICKS; something above 0 for nothing at all."""
    if highest <= 0:
        return float(TICKS)
    unit = 10.0 ** math.floor(math.log10(highest / TICKS))
    top = next(unit * round_one * TICKS for round_one in (1, 2, 3, 5, 10) if unit * round_one * TICKS >= highest * (1 - 1e-9))
    return max(top, TICKS) if whole else top
