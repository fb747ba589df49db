"""The mean of the weights at the ends of two stages: what the later one learnt with less of what it forgot.

Works where one run went on from the other. Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
"""

from pathlib import Path

import click
import torch

from training.recipe import BUILD


def average(earlier: Path, later: Path, target: Path) -> None:
    """Write the later checkpoint with the mean of both weights. Raises ValueError when they are of different shapes."""
    first, last = (torch.load(path, map_location="cpu", weights_only=True) for path in (earlier, later))
    shapes = [{name: weight.shape for name, weight in state["model"].items()} for state in (first, last)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{earlier} and {later} are checkpoints of models of different shapes")
    last["model"] = {name: (first["model"][name] + weight) / 2 for name, weight in last["model"].items()}
    torch.save(last, target)


@click.command()
@click.argument("earlier", type=click.Path(path_type=Path, exists=True))
@click.argument("later", type=click.Path(path_type=Path, exists=True))
@click.option("--target", type=click.Path(path_type=Path), default=BUILD / "checkpoint.pt", help="Where the mean is written.")
def main(earlier: Path, later: Path, target: Path) -> None:
    """Write the mean of two checkpoints, of which LATER went on from EARLIER."""
    average(earlier, later, target)


if __name__ == "__main__":
    main()
