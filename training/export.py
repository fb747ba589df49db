"""From a checkpoint to the folder that ships: the Hugging Face layout, weights in bf16."""

import json
import shutil
from pathlib import Path

import click
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from training import checkpoint
from training.model import new_model
from training.recipe import BUILD, SHIPPED, Recipe, generation_config, model_config
from training.tokenizer import special_ids

MOST_BYTES = 16_000_000


def export(recipe: Recipe, build_dir: Path, target: Path) -> int:
    """Write the folder and return its size in bytes. Raises ValueError when it would be too big to ship."""
    ids = special_ids(Tokenizer.from_file(str(build_dir / "tokenizer.json")))
    model = new_model(recipe, ids)
    checkpoint.load(build_dir / "checkpoint.pt", recipe, model)
    # The head is the embedding again; a tied checkpoint holds it once, under the embedding's name.
    weights = {
        name: tensor.to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items() if name != "lm_head.weight"
    }
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    write_json(target / "config.json", model_config(recipe, ids))
    write_json(target / "generation_config.json", generation_config(ids))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(build_dir / name, target / name)
    size = sum(file.stat().st_size for file in target.iterdir())
    if size > MOST_BYTES:
        raise ValueError(f"{target} holds {size:,} bytes, more than the {MOST_BYTES:,} that may ship")
    return size


def write_json(path: Path, value: dict[str, object]) -> None:
    """JSON as the Hugging Face files are written."""
    path.write_text(json.dumps(value, indent=2) + "\n")


@click.command()
@click.option(
    "--build-dir",
    type=click.Path(path_type=Path),
    default=BUILD,
    help="Holds the tokenizer and the checkpoint.",
)
@click.option("--target", type=click.Path(path_type=Path), default=SHIPPED, help="The folder that ships.")
def main(build_dir: Path, target: Path) -> None:
    """Write the checkpoint as a Hugging Face folder."""
    click.echo(f"{export(checkpoint.recipe_of(build_dir / 'checkpoint.pt'), build_dir, target):,} bytes")


if __name__ == "__main__":
    main()
