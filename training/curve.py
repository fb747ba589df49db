"""The loss of a run by step: a file that grows with it, and the picture of it in the model's card."""

import csv
from pathlib import Path

import matplotlib

from training.checkpoint import Progress

matplotlib.use("Agg")  # No screen is needed, nor asked for.
from matplotlib import pyplot as plt

FILE = "losses.csv"


def append(build_dir: Path, progress: Progress) -> None:
    """One more point: step, tokens seen, running mean of the loss."""
    with (build_dir / FILE).open("a", newline="") as file:
        csv.writer(file).writerow((progress.step, progress.tokens_seen, f"{progress.loss:.5f}"))


def read(build_dir: Path) -> list[tuple[int, int, float]]:
    """All points: (step, tokens seen, loss)."""
    path = build_dir / FILE
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [(int(step), int(tokens), float(loss)) for step, tokens, loss in csv.reader(file)]


def cut(build_dir: Path, tokens_seen: int) -> None:
    """Forget what came after a checkpoint: a run that goes on from it writes those points again."""
    kept = [point for point in read(build_dir) if point[1] <= tokens_seen]
    with (build_dir / FILE).open("w", newline="") as file:
        csv.writer(file).writerows(kept)


def plot(build_dir: Path, target: Path) -> None:
    """The curve as a PNG."""
    points = read(build_dir)
    figure, axes = plt.subplots(figsize=(7, 3.2), dpi=110, layout="constrained")
    axes.plot([tokens / 1e6 for _, tokens, _ in points], [loss for *_, loss in points], color="#3b5bdb", linewidth=1.5)
    axes.set(xlabel="million tokens seen", ylabel="loss (running mean)", yscale="log", title="reckon/abacus, training loss")
    axes.grid(visible=True, which="both", alpha=0.25)
    figure.savefig(target)
    plt.close(figure)
