"""``reckon bench engine`` on a small random checkpoint: a row per batch size, and clean refusals."""

import json
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.desk import Type, refusal
from models.files import write_tensors
from reckon.bench import guessing
from reckon.bench.guessing import Played, Question, play
from reckon.config import load
from reckon.errors import SetupError
from reckon.worker.scheduler import Plan, Scheduler
from reckon.worker.sequence import Pick

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 48,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
SHAPES = {
    "embed_tokens.weight": (50, 32),
    "norm.weight": (32,),
    "layers.0.input_layernorm.weight": (32,),
    "layers.0.post_attention_layernorm.weight": (32,),
    "layers.0.self_attn.q_proj.weight": (32, 32),
    "layers.0.self_attn.q_proj.bias": (32,),
    "layers.0.self_attn.k_proj.weight": (16, 32),
    "layers.0.self_attn.k_proj.bias": (16,),
    "layers.0.self_attn.v_proj.weight": (16, 32),
    "layers.0.self_attn.v_proj.bias": (16,),
    "layers.0.self_attn.o_proj.weight": (32, 32),
    "layers.0.mlp.gate_proj.weight": (48, 32),
    "layers.0.mlp.up_proj.weight": (48, 32),
    "layers.0.mlp.down_proj.weight": (32, 48),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory, random = tmp_path_factory.mktemp("random"), np.random.default_rng(0)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    numbers = {f"model.{name}": random.standard_normal(shape, np.float32) for name, shape in SHAPES.items()}
    halves = {name: (array.view(np.uint32) >> 16).astype(np.uint16) for name, array in numbers.items()}  # bf16
    write_tensors(directory / "model.safetensors", halves)
    return str(directory)


def rows(output: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if re.match(r"│ [\d,]+ ", line)
    ]


@pytest.mark.parametrize("drafts", ["--drafts", "--no-drafts"])
@pytest.mark.parametrize(("contexts", "steps"), [("20,130", "4"), ("1", "2")])
def test_a_row_per_context_and_batch(
    contexts: str, steps: str, drafts: str, checkpoint: str, reckon: Type, tmp_path: Path
) -> None:
    sizes = ("--batches", "1,3, 5", "--contexts", contexts, "--steps", steps, "--json", str(tmp_path / "engine.json"), drafts)
    result = reckon("bench", "engine", checkpoint, "--device", "reference", "--step-tokens", "16", *sizes)
    assert result.exit_code == 0, result.output
    assert f"{checkpoint} on reference/float32, 1 threads, weights float32: loaded in " in result.stdout
    wanted = [(context, batch) for context in contexts.split(",") for batch in ("1", "3", "5")]
    assert [tuple(row[:2]) for row in rows(result.stdout)] == wanted
    record = json.loads((tmp_path / "engine.json").read_text())
    numbers = record["numbers"]
    assert (record["bench"], numbers["path"]) == ("engine", "reference/float32")
    assert [(str(row["context"]), str(row["batch"])) for row in numbers["decode"]] == wanted
    assert [str(row["context"]) for row in numbers["prefill"]] == contexts.split(",")
    assert all(row["tokens_per_second"] > 0 for row in numbers["prefill"] + numbers["decode"])
    assert all(row["step_ms"] > 0 and row["tokens_per_step"] >= row["batch"] for row in numbers["decode"])
    if drafts == "--no-drafts":
        assert all(row["tokens_per_step"] == row["batch"] for row in numbers["decode"])


def test_the_cpu_device_says_where_its_time_goes(checkpoint: str, reckon: Type, tmp_path: Path) -> None:
    sizes = ("--batches", "2", "--contexts", "70", "--steps", "4", "--threads", "2", "--json", str(tmp_path / "engine.json"))
    result = reckon("bench", "engine", checkpoint, "--device", "cpu", *sizes)
    assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "engine.json").read_text())["numbers"]["decode"]
    if platform.machine() == "x86_64":
        assert sum(row["phases"].values()) == pytest.approx(1)
        assert {"qkv", "attend", "gate up", "down", "head", "sample"} <= row["phases"].keys()
        assert min(row["phases"].values()) >= 0


def test_more_than_the_context(checkpoint: str, reckon: Type) -> None:
    bench = ("bench", "engine", checkpoint, "--device", "reference")
    assert refusal(reckon(*bench, "--contexts", "8,4096", "--steps", "2", "--no-drafts")) == (
        "a prompt and what is said after it must be at most 4096 tokens here, not 4107"
    )


def test_what_has_no_room_is_named(checkpoint: str, reckon: Type) -> None:
    sizes = ("--batches", "1,32", "--contexts", "100", "--steps", "2", "--kv-memory-gb", "0.0001")
    result = reckon("bench", "engine", checkpoint, "--device", "reference", *sizes)
    assert result.exit_code == 0, result.output
    small, large = rows(result.stdout)
    assert float(small[2]) > 0
    assert large[:3] == ["100", "32", "no room for its KV blocks"]


def test_no_such_model(reckon: Type, tmp_path: Path) -> None:
    assert refusal(reckon("bench", "engine", str(tmp_path))) == f"{tmp_path} is not a checkpoint: it has no config.json"


SUITE = """{"suite": "two", "model": "reckon/abacus", "bars": {}}
{"kind": "long", "messages": [{"role": "user", "content": "What is 37 + 58?"}], "expect": {"boxed": "95"}}
{"kind": "short", "messages": [{"role": "user", "content": "Hello!"}], "expect": {"says": [["hello"]]}}
"""


@pytest.mark.parametrize("temperature", ["0", "0.7"])
def test_what_guesses_gain(temperature: str, reckon: Type, tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text(SUITE)
    options = ("--suite", str(tmp_path / "two.jsonl"), "--rounds", "2", "--limit", "1", "--json", str(tmp_path / "gain.json"))
    result = reckon("bench", "drafts", "--device", "reference", "--temperature", temperature, *options)
    assert result.exit_code == 0, result.output
    gains = json.loads((tmp_path / "gain.json").read_text())["numbers"]["gains"]
    assert [gain["what"] for gain in gains] == ["answers of 64 tokens or more", "the same at once again", "lists to repeat"]
    assert [gain["answers"] for gain in gains] == [1, 1, 1]
    new, again, _ = gains
    assert new["tokens"] >= 63
    # What was said before is guessed, with at most 15 tokens a step; how much of it depends on how long steps take here.
    assert again["tokens"] <= new["tokens"]
    assert 1 < again["tokens_per_step"] <= 16
    assert 1 <= new["tokens_per_step"] <= 16
    assert all(len(gain["ratios"]) == 2 for gain in gains)
    assert "the same at once again" in result.stdout


class Told:
    """A bench whose steps take the seconds that it is told, whatever they compute."""

    def __init__(self, answer: list[int]) -> None:
        self.blocks, self.config, self.stop_tokens = 8, load({}), [0]
        self._answer = iter([*answer, 0])

    def step(self, scheduler: Scheduler) -> tuple[Plan, float]:
        plan = scheduler.schedule()
        (piece,) = plan.pieces
        scheduler.advance(plan, [[Pick(next(self._answer))]] if piece.samples else [])
        return plan, 100.0 if piece.start == 0 else 1.0


def test_prompts_and_first_tokens_are_not_timed() -> None:
    bench: Any = Told([5, 6, 7])
    played = play(bench, [Question([1, 2, 3], seed=0)], 0.0, drafts=False)
    # Two tokens after the first, and the one that ends the answer.
    assert (played.answers, played.tokens, played.steps, played.seconds) == ([[5, 6, 7, 0]], 3, 3, 3.0)
    bench = Told([5, 6, 7])
    played = play(bench, [Question([1, 2, 3], seed=0, timed=False)], 0.0, drafts=False)
    assert (played.answers, played.tokens, played.steps, played.seconds) == ([[5, 6, 7, 0]], 0, 0, 0.0)


def test_an_answer_that_has_no_room() -> None:
    bench: Any = Told([])
    with pytest.raises(SetupError, match="the prompt has 512 tokens; it must have 1 to 511"):
        play(bench, [Question([1] * 512, seed=0)], 0.0, drafts=False)


def test_a_device_whose_answers_depend_on_guesses_is_found_out(
    reckon: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "two.jsonl").write_text(SUITE)

    def differs(*args: object, drafts: bool) -> Played:
        return Played([[1] * 63 + [int(drafts)]] * 2, tokens=64, steps=64, seconds=1.0)

    monkeypatch.setattr(guessing, "play", differs)
    result = reckon("bench", "drafts", "--device", "reference", "--suite", str(tmp_path / "two.jsonl"), "--limit", "1")
    assert "guesses changed an answer" in refusal(result)


@pytest.mark.parametrize("sizes", ["", "0", "1,,2", "1,x", "-1"])
def test_bad_batches(sizes: str, reckon: Type) -> None:
    result = reckon("bench", "engine", "--batches", sizes)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert f"{sizes!r} must be numbers of at least 1, divided by commas" in result.stderr
