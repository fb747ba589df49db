"""Pictures of what was measured. Nothing else here needs matplotlib, which the extra ``plots`` installs."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reckon.bench import engine
from reckon.bench.serve import Measured
from reckon.errors import BadSetting

LEAST_MS = 0.001
"""What is drawn of less, such as two pieces that came together: the axis is logarithmic."""


def draw_load(path: Path, title: str, measured: Sequence[Measured]) -> None:
    """Of ``reckon bench serve``: shares of requests below a time to the first token, of tokens below a gap, and the throughput
    at each rate.

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
    _save(figure, path)


def draw_contexts(path: Path, measured: engine.Measured) -> None:
    """Of ``reckon bench engine``: a step's time by the tokens before it, for each number of answers, and beside it what reading
    its bytes would take at the speed of memory.

    Raises BadSetting when the file cannot be written.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for batch in sorted({row.batch for row in measured.decode}):
        rows = [row for row in measured.decode if row.batch == batch]
        contexts = [row.context for row in rows]
        (line,) = axes.plot(contexts, [row.step_ms for row in rows], "o-", label=f"{batch} answer{'s' * (batch > 1)}")
        limits = [row.step_ms * row.read_gb_per_second / measured.memory_gb_per_second for row in rows]
        axes.plot(contexts, limits, ":", color=line.get_color())
    axes.plot([], [], ":", color="gray", label=f"its bytes at {measured.memory_gb_per_second:.1f} GB/s")
    axes.set(title=f"{measured.model}, {measured.path}, {measured.threads} threads", xlabel="tokens before", ylabel="ms a step")
    axes.set(xscale="log", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise BadSetting(f"{path} cannot be written: {error.strerror}") from None


def _share(axes: Axes, seconds: Sequence[float], label: str) -> None:
    """The share of values at or below each."""
    count = len(seconds)
    milliseconds = [max(value * 1e3, LEAST_MS) for value in seconds]
    axes.plot(milliseconds or [1.0], [(place + 1) / count for place in range(count)] or [0.0], label=label)
