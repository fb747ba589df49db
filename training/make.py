"""Everything in order: tokenizer, training, export, evaluation. What is done is not done again."""

import json
from pathlib import Path

import click
import torch

from training import card, checkpoint, tokenizer
from training.evaluate import evaluate
from training.export import export
from training.model import can_compile
from training.recipe import BUILD, FINISH, SHIPPED, Recipe
from training.train import train


def make(school: Recipe, finish: Recipe, build_dir: Path, target: Path, device: str) -> None:
    """Make the shipped folder from nothing but the two recipes."""
    click.echo("tokenizer")
    tokenizer.write(school, build_dir)
    click.echo("training")
    schooled = build_dir / "school.pt"
    if schooled.exists() and checkpoint.recipe_of(schooled) != school:
        raise ValueError(f"{schooled} is of another recipe: remove it and checkpoint.pt, or name another folder")
    if not schooled.exists():
        train(school, build_dir, device, can_compile(device))
        (build_dir / "checkpoint.pt").replace(schooled)
    train(finish, build_dir, device, can_compile(device), schooled)
    click.echo("export")
    click.echo(f"{export(finish, build_dir, target):,} bytes in {target}")
    click.echo("evaluation")
    click.echo(json.dumps(evaluate(target, build_dir), indent=2))
    click.echo("card")
    card.write(build_dir, target)


@click.command()
@click.option("--build-dir", type=click.Path(path_type=Path), default=BUILD, help="Checkpoints, logs and records.")
@click.option("--target", type=click.Path(path_type=Path), default=SHIPPED, help="The folder that ships.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--threads", type=int, help="CPU threads for torch; by default torch decides.")
def main(build_dir: Path, target: Path, device: str, threads: int | None) -> None:
    """Make abacus: learn the tokenizer, train, export, measure."""
    if threads:
        torch.set_num_threads(threads)
    make(Recipe(), FINISH, build_dir, target, device)


if __name__ == "__main__":
    main()
