"""Random checkpoints in published shapes: read by our own engine and by transformers, the same for a seed."""

import json
from pathlib import Path

import numpy as np
import pytest
import transformers

from reckon.bench.checkpoint import DEVIATION, SHAPES, Shape, count, write
from reckon.errors import BadSetting
from reckon.models.arch import read_arch, read_generation
from reckon.models.weights import Weights

TINY = Shape(64, 48, 2, 4, 2, vocab=1100, context=256)
FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


@pytest.mark.parametrize(("name", "published"), [("0.5b", 494_032_768), ("1.5b", 1_543_714_304)])
def test_shapes_have_as_many_weights_as_the_published_models(name: str, published: int) -> None:
    assert count(SHAPES[name]) == published


def test_our_engine_reads_it(tmp_path: Path) -> None:
    assert write(tmp_path / "a", TINY, 0, None) == count(TINY)
    assert {path.name for path in (tmp_path / "a").iterdir()} == FILES
    arch, weights = read_arch(tmp_path / "a"), Weights.open(tmp_path / "a")
    weights.check(arch)
    assert (arch.hidden_size, arch.layers, arch.heads, arch.kv_heads, arch.tied, arch.context) == (64, 2, 4, 2, True, 256)
    assert weights.total_bytes == 2 * count(TINY)
    assert read_generation(tmp_path / "a").eos_token_ids == (1021, 1019)


def test_transformers_reads_it_and_the_numbers_are_normal(tmp_path: Path) -> None:
    write(tmp_path / "a", TINY, 0, None)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    embedding = model.get_input_embeddings().weight.float().detach().numpy()
    assert embedding.shape == (1100, 64)
    assert abs(embedding.mean()) < 3 * DEVIATION / np.sqrt(embedding.size)
    assert embedding.std() == pytest.approx(DEVIATION, rel=0.02)
    assert set(model.model.norm.weight.tolist()) == {1.0}
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "a")("Hello!").input_ids


def test_a_seed_repeats(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / name, TINY, seed, None)
    first, again, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert first == again != other


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path, tmp_path / "file"):
        with pytest.raises(BadSetting, match=f"{directory} must be a new or an empty directory"):
            write(directory, TINY, 0, None)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{}", "cannot be read as a tokenizer.json: KeyError('added_tokens')"),
        ("[", "cannot be read as a tokenizer.json: JSONDecodeError"),
        (json.dumps({"added_tokens": [], "model": {"vocab": {"a": 1}}}), "lacks <|endoftext|>, <|im_end|>"),
        (
            json.dumps({"added_tokens": [{"id": 1, "content": "<|im_end|>"}, {"id": 1100, "content": "<|endoftext|>"}],
                        "model": {"vocab": {}}}),
            "must have ids below 1100, not 1100",
        ),
    ],
)  # fmt: skip
def test_a_tokenizer_that_does_not_fit_is_refused(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(BadSetting) as caught:
        write(tmp_path / "new", TINY, 0, tmp_path / "tokenizer.json")
    assert caught.value.message.startswith(f"{tmp_path}/tokenizer.json ") and sentence in caught.value.message
    assert not (tmp_path / "new").exists()
