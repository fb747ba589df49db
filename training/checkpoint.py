"""A training run on disk: everything that is needed to go on as if nothing had happened."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.optim import Optimizer
from transformers import Qwen2ForCausalLM

from training.recipe import Recipe


@dataclass
class Progress:
    """How far a run has come. The data needs no state of its own: it follows from the step."""

    step: int = 0
    tokens_seen: int = 0
    seconds: float = 0.0
    loss: float = 0.0


def save(path: Path, recipe: Recipe, progress: Progress, model: Qwen2ForCausalLM, optimizers: list[Optimizer]) -> None:
    """Write beside and rename: whoever is interrupted here keeps the checkpoint before."""
    state = {
        "recipe": asdict(recipe),
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    fresh.replace(path)


def recipe_of(path: Path) -> Recipe:
    """The recipe that a checkpoint was trained by."""
    return Recipe(**torch.load(path, map_location="cpu", weights_only=True)["recipe"])


def begin_from(path: Path, model: Qwen2ForCausalLM) -> Progress:
    """The weights of another run as a beginning: a second stage, whose steps are counted anew and whose tokens are not."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    earlier = Progress(**state["progress"])
    return Progress(tokens_seen=earlier.tokens_seen, seconds=earlier.seconds, loss=earlier.loss)


def load(path: Path, recipe: Recipe, model: Qwen2ForCausalLM, optimizers: Sequence[Optimizer] = ()) -> Progress:
    """Restore a run into the model and the optimizers. Raises ValueError when another recipe began it."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    progress = Progress(**state["progress"])
    if not recipe.goes_on_from(Recipe(**state["recipe"]), progress.step):
        raise ValueError(f"{path} is of another recipe, {state['recipe']}: remove it or name another folder")
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=False):
        optimizer.load_state_dict(saved)
    return progress
