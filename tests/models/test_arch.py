import json
from pathlib import Path
from typing import Any

import pytest

from reckon.errors import UnsupportedModel
from reckon.models.arch import Arch, Generation, read_arch, read_generation

# Qwen/QwQ-32B-Preview's config.json: the layout before transformers 5.
QWQ: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "eos_token_id": 151645,
    "hidden_act": "silu",
    "hidden_size": 5120,
    "initializer_range": 0.02,
    "intermediate_size": 27648,
    "max_position_embeddings": 32768,
    "max_window_layers": 64,
    "model_type": "qwen2",
    "num_attention_heads": 40,
    "num_hidden_layers": 64,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 152064,
}


def changed(**keys: Any) -> dict[str, Any]:
    return QWQ | keys


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in QWQ.items() if name != key}


def test_the_old_layout() -> None:
    assert Arch.from_config(QWQ) == Arch(
        vocab_size=152064,
        hidden_size=5120,
        layers=64,
        heads=40,
        kv_heads=8,
        head_dim=128,
        intermediate_size=27648,
        rms_norm_eps=1e-5,
        rope_theta=1e6,
        context=32768,
        tied=False,
        qkv_bias=True,
    )


def test_the_layout_of_transformers_5() -> None:
    config = without("rope_theta") | {
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "layer_types": ["full_attention"] * 64,
        "sliding_window": None,
        "dtype": "bfloat16",
    }
    assert Arch.from_config(config).rope_theta == 10000.0


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ({"head_dim": 64}, "head_dim", 64),
        ({"head_dim": None}, "head_dim", 128),
        ({"num_key_value_heads": None}, "kv_heads", 40),
        ({"rope_theta": 10000}, "rope_theta", 10000.0),
        ({"rope_scaling": None}, "rope_theta", 1e6),
        ({"rope_scaling": {"type": "default"}}, "rope_theta", 1e6),
        ({"tie_word_embeddings": True}, "tied", True),
        ({"qkv_bias": False}, "qkv_bias", False),
        ({"vocab_size": 1003}, "vocab_size", 1003),
        ({"use_sliding_window": True}, "layers", 64),  # from layer 64 on, that is never
        ({"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0}, "layers", 64),
        ({"quantization_config": None}, "layers", 64),
    ],
)
def test_what_is_read(keys: dict[str, Any], field: str, value: Any) -> None:
    found = getattr(Arch.from_config(changed(**keys)), field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "architectures is ['LlamaForCausalLM']"),
        ({"architectures": None}, "architectures is None"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; supported is 'silu'"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization_config is {'quant_method': 'awq'}"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "rope_scaling is {'type': 'yarn'"),
        ({"rope_scaling": {"rope_type": "linear"}}, "rope_scaling is"),
        ({"rope_scaling": "yarn"}, "rope_scaling is 'yarn'"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn"}}, "rope_parameters is"),
        ({"rope_parameters": {"rope_type": "default"}}, "rope_parameters.rope_theta is missing"),
        ({"rope_parameters": {"rope_theta": 0}}, "rope_parameters.rope_theta is 0"),
        ({"rope_parameters": 3}, "rope_parameters is 3"),
        ({"rope_theta": -1.0}, "rope_theta is -1.0"),
        ({"rope_theta": "big"}, "rope_theta is 'big'"),
        ({"use_sliding_window": True, "max_window_layers": 28}, "use_sliding_window is True"),
        ({"use_sliding_window": "yes"}, "use_sliding_window is 'yes'"),
        ({"layer_types": ["full_attention"] * 63 + ["sliding_attention"]}, "layer_types is"),
        ({"layer_types": ["full_attention"] * 63}, "layer_types is"),
        ({"num_key_value_heads": 7}, "num_key_value_heads is 7; supported is a divisor of num_attention_heads (40)"),
        ({"num_key_value_heads": 80}, "num_key_value_heads is 80"),
        ({"head_dim": 72}, "head_dim is 72; supported is a multiple of 16"),
        ({"hidden_size": 5100}, "hidden_size is 5100"),
        ({"hidden_size": 5121, "head_dim": 128}, "hidden_size is 5121; supported is an even number"),
        ({"intermediate_size": 27647}, "intermediate_size is 27647; supported is an even number"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
        ({"num_hidden_layers": -1}, "num_hidden_layers is -1"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_attention_heads": 40.0}, "num_attention_heads is 40.0"),
        ({"rms_norm_eps": 0}, "rms_norm_eps is 0"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
        ({"rms_norm_eps": float("inf")}, "rms_norm_eps is inf"),
        ({"max_position_embeddings": None}, "max_position_embeddings is None"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings is 1"),
        ({"qkv_bias": None}, "qkv_bias is None"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        Arch.from_config(changed(**keys))
    assert caught.value.message.startswith(named)


@pytest.mark.parametrize(
    "key",
    [
        "hidden_size",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "rope_theta",
        "vocab_size",
    ],
)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"^{key} is missing"):
        Arch.from_config(without(key))


def test_read_arch_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(QWQ))
    assert read_arch(tmp_path) == Arch.from_config(QWQ)
    path.write_text(json.dumps(changed(hidden_act="relu")))
    with pytest.raises(UnsupportedModel, match=r"config\.json: hidden_act is 'relu'"):
        read_arch(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is not valid JSON"), ("[]", "must hold a JSON object, not list"), ("\udcff", "is not valid JSON")]
)
def test_a_file_that_is_no_config(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UnsupportedModel, match=rf"config\.json {said}"):
        read_arch(tmp_path)


def test_a_directory_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"config\.json cannot be read: No such file"):
        read_arch(tmp_path)


def write_generation(directory: Path, generation: dict[str, Any] | None, **config: Any) -> Path:
    (directory / "config.json").write_text(json.dumps(config))
    if generation is not None:
        (directory / "generation_config.json").write_text(json.dumps(generation))
    return directory


def test_generation_defaults(tmp_path: Path) -> None:
    stored = {"eos_token_id": [151645, 151643], "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
    found = read_generation(write_generation(tmp_path, stored | {"do_sample": True}, eos_token_id=1))
    assert found == Generation((151645, 151643), temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05)


@pytest.mark.parametrize(
    ("generation", "config", "ids"),
    [
        ({"eos_token_id": 5}, {"eos_token_id": 6}, (5,)),
        ({"eos_token_id": None}, {"eos_token_id": 6}, (6,)),
        ({}, {"eos_token_id": [6, 7]}, (6, 7)),
        (None, {"eos_token_id": 6}, (6,)),
        (None, {"eos_token_id": None}, ()),
        (None, {}, ()),
    ],
)
def test_where_stop_tokens_come_from(
    tmp_path: Path, generation: dict[str, Any] | None, config: dict[str, Any], ids: tuple[int, ...]
) -> None:
    assert read_generation(write_generation(tmp_path, generation, **config)) == Generation(ids)


@pytest.mark.parametrize(
    ("generation", "named"),
    [
        ({"eos_token_id": "</s>"}, "eos_token_id is '</s>'"),
        ({"eos_token_id": [1, -1]}, r"eos_token_id is \[1, -1\]"),
        ({"eos_token_id": True}, "eos_token_id is True"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"top_k": 2.5}, "top_k is 2.5"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
    ],
)
def test_bad_generation_defaults_are_named(tmp_path: Path, generation: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedModel, match=rf"generation_config\.json: {named}"):
        read_generation(write_generation(tmp_path, generation))


def test_a_bad_stop_token_in_config_json_is_found_there(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"[/\\]config\.json: eos_token_id is 1\.5"):
        read_generation(write_generation(tmp_path, {}, eos_token_id=1.5))
