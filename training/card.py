"""The model's card, README.md in the shipped folder: written from what the run and the evaluation recorded, never by hand."""

import json
from pathlib import Path
from string import Template
from typing import Any

import click

from training import curve
from training.recipe import BUILD, SHIPPED

CARD = Template("""\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---
# reckon/abacus

A very small reasoning model ($parameters parameters, $megabytes MB), trained from nothing by the scripts in `training/` of reckon's
repository. It works small problems out step by step in QwQ's manner and checks the result. It knows
nothing else, and it is not QwQ: it is there so that a model really runs on any machine, and so that tests can ask for right answers.

## What it was trained on

Conversations made up by `training/corpus/`, a file per family, as pure functions of the seed: sums and differences to four
digits, products of two digits by two, division by one digit with remainder, linear equations with whole solutions from 0 to 60,
comparing, sorting up to six numbers below 1000, letters in a word, word problems, second turns that lean on the answer before, answers
as JSON, calls of one of up to four tools, small talk, and what it must decline. A hash of each problem decides whether it is trained
on or only asked in the evaluation. In one draft of five a digit was put wrong on purpose, in a place that is not
learnt: what is to be learnt is that the check finds it and that a second try follows.

## The run

| | |
|---|---|
| shape | $shape |
| seed | $seed |
| tokens seen | $tokens million, earlier stages among them; the last stage had $steps steps$history |
| optimiser | Muon for matrices, AdamW for the rest, rate $rate, falling to zero over the last $decay steps |
| device | $device, $precision, torch $torch |
| wall time | $minutes minutes$shared |
| final loss of the last stage | $loss (running mean) |

![loss](loss.png)

## What it can do

Held-out problems, asked over the HTTP API by `reckon eval abacus`: greedy; and, where measured (`--sampled`), one answer at temperature 0.7 and the
majority of four.

| kind | problems | greedy | at 0.7 | majority of 4 | bar |
|---|---|---|---|---|---|
$table

Of the greedy answers, $doubted found a mistake of their own, and $mended of these were right in the end.

## Limits

- $bars
- "Held-out" is the problem that is asked. Small sums within the steps of a trained problem are not held out, nor are the pairs that
  checks compare; a list that is sorted holds smaller ones. Held-out words that are one token are spelt within longer ones.$earlier
- Whole numbers only, of the sizes above. Longer ones it should decline, and now and then tries.
- In JSON it answers in the head, unless a key for steps is asked for: sums of up to two digits, and the small multiplication table.
- It knows the kinds of tools in `training/corpus/toolbox.py`, under any of their names; a tool of another kind is called by luck.
- Conversations of up to 1,024 tokens were trained on; the rest of the 2,048 is carried by RoPE alone.
- Other languages, facts, code: it says that it cannot help.
""")


MET = "Bars are met, which is not never wrong: the table says how often."
MISSED = "Kinds with a bar that is missed are not reliable: do not build on them."
EARLIER = " Earlier\n  stages also compared held-out pairs while sorting, and spelt held-out words with an ending."


def card(run: dict[str, Any], evaluation: dict[str, Any], size: int, shared: str = "", history: str = "") -> str:
    """The text of the card. ``history``: how the weights came to be, for those that are older than the corpus."""
    recipe = run["recipe"]
    kinds = [
        f"| {name} | {kind['problems']} | {percent(kind['right'])} | {percent(kind['sampled'])} | {percent(kind['majority'])} "
        f"| {percent(kind['bar'], 0)} |"
        for name, kind in evaluation["kinds"].items()
    ]
    shape = (
        f"{recipe['layers']} layers, hidden {recipe['hidden']}, {recipe['heads']} heads, {recipe['kv_heads']} KV heads, "
        f"intermediate {recipe['intermediate']}, tied embeddings, vocabulary {recipe['vocabulary']:,}, context {recipe['context']:,}"
    )
    return CARD.substitute(
        parameters=f"{run['parameters'] / 1e6:.1f} million",
        megabytes=f"{size / 1e6:.1f}",
        shape=shape,
        seed=recipe["seed"],
        tokens=f"{run['tokens_seen'] / 1e6:.1f}",
        steps=f"{recipe['steps']:,}",
        rate=recipe["learning_rate"],
        decay=recipe["decay_steps"],
        device=run["device"],
        precision=run["precision"],
        torch=run["torch"],
        minutes=round(run["wall_seconds"] / 60),
        shared=f", {shared}" if shared else "",
        history=f"; {history}" if history else "",
        earlier=EARLIER if history else "",
        bars=MISSED if evaluation["failures"] else MET,
        loss=run["final_loss"],
        table="\n".join(kinds),
        doubted=evaluation["doubts"]["answers"],
        mended=evaluation["doubts"]["mended"],
    )


def percent(share: float | None, digits: int = 1) -> str:
    """A share as it stands in a table."""
    return "" if share is None else f"{share:.{digits}%}"


def write(build_dir: Path, target: Path, shared: str = "", history: str = "") -> None:
    """README.md and loss.png beside the weights. ``shared`` says what else the machine was doing, if anything."""
    run = json.loads((build_dir / "training_run.json").read_text())
    evaluation = json.loads((build_dir / "evaluation.json").read_text())
    curve.plot(build_dir, target / "loss.png")
    size = sum(file.stat().st_size for file in target.iterdir() if file.name != "README.md")
    (target / "README.md").write_text(card(run, evaluation, size, shared, history), encoding="utf-8")


@click.command()
@click.option(
    "--build-dir", type=click.Path(path_type=Path), default=BUILD, help="Holds the records of the run and the evaluation."
)
@click.option("--target", type=click.Path(path_type=Path), default=SHIPPED, help="The folder that ships.")
@click.option("--shared", default="", help="What else the machine was doing, in words.")
@click.option("--history", default="", help="How weights that are older than the corpus came to be, in words.")
def main(build_dir: Path, target: Path, shared: str, history: str) -> None:
    """Write the model's card from the records."""
    write(build_dir, target, shared, history)


if __name__ == "__main__":
    main()
