"""The training loop. Runs on a CPU or a CUDA device and goes on from its last checkpoint."""

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from tokenizers import Tokenizer
from torch.optim import AdamW, Optimizer
from transformers import Qwen2ForCausalLM

from training import checkpoint, curve
from training.batches import Batch, Batches
from training.checkpoint import Progress
from training.model import Body, body_of, can_compile, has_fast_bf16, loss_of, new_model
from training.muon import Muon
from training.recipe import BUILD, FINISH, Recipe
from training.tokenizer import special_ids

CHECKPOINT_EVERY = 100
REPORT_EVERY = 10
COLUMNS = (
    TextColumn("step {task.completed}/{task.total}"),
    BarColumn(),
    TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:,.0f} tokens/s  {task.fields[tokens]:.2f} M tokens"),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


def make_optimizers(model: Qwen2ForCausalLM, recipe: Recipe) -> list[Optimizer]:
    """Muon for the layers' matrices, AdamW for the embedding, norms and biases.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) learns to copy digits from about
    half as many tokens as AdamW alone did here; its steps are scaled to AdamW's size, so both share one
    learning rate.
    """
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    rest = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    return [
        Muon(matrices, lr=rate, weight_decay=decay),
        AdamW(rest, lr=rate, weight_decay=0.0, betas=(0.9, 0.95), fused=True),
    ]


def train_step(
    model: Qwen2ForCausalLM, body: Body, optimizers: list[Optimizer], batch: Batch, rate: float, bf16: bool
) -> float:
    """One batch forwards, backwards and into the weights. Returns the loss."""
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        loss = loss_of(model, body, torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.targets).to(device))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.item()


def train(recipe: Recipe, build_dir: Path, device: str, compiled: bool = False, first_stage: Path | None = None) -> Progress:
    """Train to the recipe's last step, from the checkpoint in the build folder if there is one."""
    tokenizer = Tokenizer.from_file(str(build_dir / "tokenizer.json"))
    model = new_model(recipe, special_ids(tokenizer)).to(device)
    optimizers = make_optimizers(model, recipe)
    saved = build_dir / "checkpoint.pt"
    if saved.exists():
        progress = checkpoint.load(saved, recipe, model, optimizers)
    else:
        progress = checkpoint.begin_from(first_stage, model) if first_stage else Progress()
    batches = Batches(recipe, tokenizer)
    body = body_of(model, compiled)
    bf16 = has_fast_bf16(device)
    curve.cut(build_dir, progress.tokens_seen)
    started, earlier = time.monotonic(), progress.seconds
    model.train()
    with Reporter(recipe, progress) as reporter:
        for step in range(progress.step, recipe.steps):
            batch = batches[step]
            loss = train_step(model, body, optimizers, batch, recipe.rate(step), bf16)
            progress.loss = loss if step == 0 else 0.95 * progress.loss + 0.05 * loss
            progress.step = step + 1
            progress.tokens_seen += batch.tokens
            progress.seconds = earlier + time.monotonic() - started
            last = progress.step == recipe.steps
            if progress.step % REPORT_EVERY == 0 or last:
                reporter.report(progress)
                curve.append(build_dir, progress)
            if progress.step % CHECKPOINT_EVERY == 0 or last:
                checkpoint.save(saved, recipe, progress, model, optimizers)
    write_record(recipe, progress, build_dir, device, bf16, sum(weight.numel() for weight in model.parameters()))
    return progress


class Reporter:
    """Progress as a bar on a terminal, and as lines where there is none: a log is read, a bar in it is not."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        self.steps = recipe.steps
        self.tokens, self.seconds = progress.tokens_seen, progress.seconds
        console = Console()
        self.bar = Bar(*COLUMNS, console=console) if console.is_terminal else None
        self.task = TaskID(0)

    def __enter__(self) -> "Reporter":
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("training", total=self.steps, loss=0.0, speed=0.0, tokens=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def report(self, progress: Progress) -> None:
        """How far it is, and how fast since the last report."""
        speed = (progress.tokens_seen - self.tokens) / max(progress.seconds - self.seconds, 1e-9)
        self.tokens, self.seconds = progress.tokens_seen, progress.seconds
        millions = progress.tokens_seen / 1e6
        if self.bar:
            self.bar.update(self.task, completed=progress.step, loss=progress.loss, speed=speed, tokens=millions)
            return
        click.echo(
            f"step {progress.step:5d}/{self.steps}  loss {progress.loss:.4f}  {speed:7,.0f} tokens/s  "
            f"{millions:6.2f} M tokens  {progress.seconds / 60:5.1f} min"
        )


def write_record(recipe: Recipe, progress: Progress, build_dir: Path, device: str, bf16: bool, parameters: int) -> None:
    """``training_run.json``: what was done, for the README and for whoever wants to do it again."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    record = {
        "recipe": asdict(recipe),
        "device": f"{device} ({name}, {torch.get_num_threads()} threads)",
        "precision": "bfloat16 autocast" if bf16 else "float32",
        "torch": torch.__version__,
        "parameters": parameters,
        "tokens_seen": progress.tokens_seen,
        "wall_seconds": round(progress.seconds),
        "final_loss": round(progress.loss, 5),
    }
    (build_dir / "training_run.json").write_text(json.dumps(record, indent=2) + "\n")


@click.command()
@click.option(
    "--build-dir",
    type=click.Path(path_type=Path),
    default=BUILD,
    help="Holds the tokenizer and the checkpoint.",
)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--threads", type=int, help="CPU threads for torch; by default torch decides.")
@click.option(
    "--first-stage", type=click.Path(path_type=Path, exists=True), help="Train the last stage, from this checkpoint's weights."
)
def main(build_dir: Path, device: str, threads: int | None, first_stage: Path | None) -> None:
    """Train abacus, or go on training it."""
    if threads:
        torch.set_num_threads(threads)
    train(FINISH if first_stage else Recipe(), build_dir, device, can_compile(device), first_stage)


if __name__ == "__main__":
    main()
