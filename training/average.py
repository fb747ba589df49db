"""The mean of the weights at the ends of several stages: what the last ones learnt with less of what they forgot.

Works where each run went on from the one before. Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
"""

from collections.abc import Sequence
from pathlib import Path

import click
import torch

from training.recipe import BUILD


def average(checkpoints: Sequence[Path], parts: Sequence[float], target: Path) -> None:
    """Write the last checkpoint with the mean of all weights, each counted by its part.

    Raises ValueError when they are of different shapes, parts are missing, or the mean would take the place of one of them.
    """
    if target.resolve() in {path.resolve() for path in checkpoints}:
        raise ValueError(f"{target} is one of those to be averaged: give their mean another place")
    if len(parts) != len(checkpoints) or not all(part > 0 for part in parts):
        raise ValueError(f"{len(checkpoints)} checkpoints need as many parts over 0, not {list(parts)}")
    states = [torch.load(path, map_location="cpu", weights_only=True) for path in checkpoints]
    shapes = [{name: weight.shape for name, weight in state["model"].items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("the checkpoints are of models of different shapes")
    shares = [part / sum(parts) for part in parts]
    mean = {name: sum(share * state["model"][name] for share, state in zip(shares, states, strict=True)) for name in shapes[0]}
    fresh = target.with_suffix(".new")
    torch.save(states[-1] | {"model": mean}, fresh)
    fresh.replace(target)


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--part", "parts", multiple=True, type=float, help="How much each counts, in their order; all the same if not given."
)
@click.option("--target", type=click.Path(path_type=Path), default=BUILD / "checkpoint.pt", help="Where the mean is written.")
def main(checkpoints: tuple[Path, ...], parts: tuple[float, ...], target: Path) -> None:
    """Write the mean of CHECKPOINTS, each of which went on from the one before."""
    average(checkpoints, parts or [1.0] * len(checkpoints), target)


if __name__ == "__main__":
    main()
