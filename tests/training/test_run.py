"""A run in miniature: it goes on where it was stopped, and exports what transformers loads unchanged."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from training.corpus.mixture import FAMILIES, FINISHING, one_family
from training.corpus.ordering import sorting
from training.export import export
from training.make import make
from training.model import new_model
from training.recipe import Recipe
from training.train import make_optimizers, train
from transformers import AutoModelForCausalLM

from training import checkpoint, tokenizer

TINY = Recipe(
    steps=6, tokens_per_step=300, longest=300, warmup_steps=2, decay_steps=2,
    hidden=32, layers=2, heads=2, kv_heads=1, intermediate=48,
)  # fmt: skip


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder with a tokenizer from few conversations."""
    folder = tmp_path_factory.mktemp("tokens")
    built = tokenizer.build(TINY, conversations=400)
    built.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer.tokenizer_config(built, TINY)))
    return folder


def build_dir(tokens: Path, target: Path) -> Path:
    target.mkdir(exist_ok=True)
    for file in tokens.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


class Stopped(Exception):
    """Stands for a power cut."""


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(
    tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    straight = train(TINY, build_dir(tokens, whole), "cpu")
    monkeypatch.setattr("training.train.CHECKPOINT_EVERY", 3)
    monkeypatch.setattr("training.train.REPORT_EVERY", 4)

    def cut(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as power:
        power.setattr("training.train.Reporter.report", cut)
        with pytest.raises(Stopped):
            train(TINY, build_dir(tokens, parts), "cpu")
    resumed = train(TINY, parts, "cpu")
    assert (resumed.step, resumed.tokens_seen, resumed.loss) == (
        straight.step,
        straight.tokens_seen,
        straight.loss,
    )
    record = json.loads((parts / "training_run.json").read_text())
    assert record["recipe"]["seed"] == TINY.seed
    assert record["tokens_seen"] == straight.tokens_seen


def test_both_stages_in_one_command(tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, finish = build_dir(tokens, tmp_path / "build"), replace(TINY, seed=9, steps=3, finishing=True)
    stages: list[tuple[Recipe, int]] = []

    def noted(recipe: Recipe, *more: Any) -> checkpoint.Progress:
        progress = train(recipe, *more)
        stages.append((recipe, progress.tokens_seen))
        return progress

    monkeypatch.setattr("training.make.train", noted)
    monkeypatch.setattr("training.make.tokenizer.write", lambda *_: None)
    monkeypatch.setattr("training.make.evaluate", lambda *_: {})
    monkeypatch.setattr("training.make.card.write", lambda *_: None)
    make(TINY, finish, build, tmp_path / "shipped", "cpu")
    assert [recipe for recipe, _ in stages] == [TINY, finish]
    assert stages[1][1] > stages[0][1]
    assert (tmp_path / "shipped" / "model.safetensors").exists()
    make(TINY, finish, build, tmp_path / "shipped", "cpu")
    assert [recipe for recipe, _ in stages] == [TINY, finish, finish]
    with pytest.raises(ValueError, match=r"school\.pt is of another recipe"):
        make(replace(TINY, steps=7), finish, build, tmp_path / "shipped", "cpu")


def test_the_last_stage_has_a_mixture_of_its_own() -> None:
    def share(finishing: bool) -> float:
        rng = Random(1)
        return sum(one_family(rng, finishing) is sorting for _ in range(500)) / 500

    assert set(FINISHING) < set(FAMILIES)
    assert share(True) > 0.12 > share(False)


def test_export_is_what_transformers_loads(tokens: Path, tmp_path: Path) -> None:
    build = build_dir(tokens, tmp_path)
    trained = train(TINY, build, "cpu")
    assert trained.loss > 0
    size = export(TINY, build, tmp_path / "shipped")
    assert size == sum(file.stat().st_size for file in (tmp_path / "shipped").iterdir())
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "shipped", dtype=torch.bfloat16)
    ours = new_model(TINY, tokenizer.special_ids(tokenizer.Tokenizer.from_file(str(build / "tokenizer.json"))))
    checkpoint.load(build / "checkpoint.pt", TINY, ours)
    for name, weight in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], weight.to(torch.bfloat16)), name


def test_a_checkpoint_of_another_recipe_is_refused(tokens: Path, tmp_path: Path) -> None:
    model = new_model(TINY, {"<|endoftext|>": 0, "<|im_end|>": 1})
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, TINY, checkpoint.Progress(), model, make_optimizers(model, TINY))
    with pytest.raises(ValueError, match="seed"):
        checkpoint.load(path, replace(TINY, seed=99), model)


def test_only_what_lies_ahead_may_change() -> None:
    assert replace(TINY, steps=9).goes_on_from(TINY, step=4)
    assert not replace(TINY, steps=9).goes_on_from(TINY, step=6)
    assert not replace(TINY, hidden=64).goes_on_from(TINY, step=0)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [Recipe().rate(step) for step in range(Recipe().steps)]
    assert max(rates) == Recipe().learning_rate
    assert rates[0] == Recipe().learning_rate / Recipe().warmup_steps
    assert 0 < rates[-1] < Recipe().learning_rate / 100
