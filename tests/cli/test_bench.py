"""``reckon bench engine`` on a small random checkpoint: a row per batch size, and clean refusals."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cli.desk import Type, refusal
from models.files import write_tensors

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


def rows(output: str) -> list[list[float]]:
    cells = [re.findall(r"[\d.,]+", line) for line in output.splitlines() if re.match(r"│ +\d", line)]
    return [[float(cell.replace(",", "")) for cell in row] for row in cells]


@pytest.mark.parametrize(("prompt", "tokens"), [("20", "4"), ("1", "2")])
def test_a_row_per_batch_size(prompt: str, tokens: str, checkpoint: str, reckon: Type) -> None:
    sizes = ("--batches", "1,3, 5", "--prompt", prompt, "--tokens", tokens)
    result = reckon("bench", "engine", checkpoint, "--device", "reference", "--step-tokens", "16", *sizes)
    assert result.exit_code == 0, result.output
    assert f"{checkpoint} on reference/float32: loaded in " in result.stdout
    measured = rows(result.stdout)
    assert [row[0] for row in measured] == [1, 3, 5]
    assert all(number > 0 for row in measured for number in row)


def test_more_than_fits(checkpoint: str, reckon: Type) -> None:
    bench = ("bench", "engine", checkpoint, "--device", "reference")
    assert refusal(reckon(*bench, "--prompt", "4096", "--tokens", "2")) == (
        "prompt and tokens must be at most 4096 together here, not 4098"
    )
    assert re.fullmatch(
        r"prompt and tokens must be at most \d+ together here, not 320", refusal(reckon(*bench, "--kv-memory-gb", "0.00001"))
    )


def test_no_such_model(reckon: Type, tmp_path: Path) -> None:
    assert refusal(reckon("bench", "engine", str(tmp_path))) == f"{tmp_path} is not a checkpoint: it has no config.json"


@pytest.mark.parametrize("sizes", ["", "0", "1,,2", "1,x", "-1"])
def test_bad_batches(sizes: str, reckon: Type) -> None:
    result = reckon("bench", "engine", "--batches", sizes)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert f"{sizes!r} must be numbers of at least 1, divided by commas" in result.stderr
