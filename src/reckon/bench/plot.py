"""A picture of what ``reckon bench serve`` measured. Nothing else here needs matplotlib, which the extra ``plots`` installs."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reckon.bench.serve import Measured
from reckon.errors import BadSetting

LEAST_MS = 0.001
"""What is drawn of less, such as two pieces that came together: the axis is logarithmic."""


def draw(path: Path, title: str, measured: Sequence[Measured]) -> None:
    """Shares of requests below a time to the first token, of tokens below a gap, and the throughput at each rate.

    Raises BadSetting when the file cannot be written.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    first, gap, rates = figure.subplots(1, 3)
    figure.suptitle(title)
    for row in measured:
        _share(first, row.firsts, f"{row.rate:g}/s")
        _share(gap, row.gaps, f"{row.rate:g}/s")
    first.set(title="time to the first token", xlabel="ms", ylabel="share of requests", xscale="log")
    gap.set(title="between two tokens", xlabel="ms", ylabel="share of gaps", xscale="log")
    offered = [row.rate for row in measured]
    rates.plot(offered, offered, ":", color="gray", label="offered")
    rates.plot(offered, [row.requests_per_second for row in measured], "o-", label="complete")
    rates.plot(offered, [row.good for row in measured], "s--", label="within the bounds")
    rates.set(title="requests per second", xlabel="offered", ylim=(0, None))
    for axes in (first, gap, rates):
        axes.grid(alpha=0.3)
        axes.legend()
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise BadSetting(f"{path} cannot be written: {error.strerror}") from None


def _share(axes: Axes, seconds: Sequence[float], label: str) -> None:
    """The share of values at or below each."""
    count = len(seconds)
    milliseconds = [max(value * 1e3, LEAST_MS) for value in seconds]
    axes.plot(milliseconds or [1.0], [(place + 1) / count for place in range(count)] or [0.0], label=label)
