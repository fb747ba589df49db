"""What ``reckon bench checkpoint`` does: writes a Qwen2 checkpoint with random weights in a published shape, for timing.

Weights are N(0, 0.02) in bf16, seeded. It is as fast as the real model and says nothing of worth.
"""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from reckon.catalog.card import CHECKPOINTS
from reckon.errors import BadSetting

DEVIATION = 0.02
CHUNK = 1 << 24
"""Numbers drawn at a time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of Qwen2.5's published models; embedding and head are one matrix. ``rope_theta`` and the like are the same in all."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int = 151_936
    context: int = 32_768


SHAPES = {
    "0.5b": Shape(896, 4864, 24, 14, 2),
    "1.5b": Shape(1536, 8960, 28, 12, 2),
}


def write(directory: Path, shape: Shape, seed: int, tokenizer: Path | None) -> int:
    """Write the files of a checkpoint and return how many weights it has. Without a ``tokenizer`` it gets that of abacus.

    Raises BadSetting when ``directory`` has something in it, or ``tokenizer`` is no tokenizer.json for this vocabulary.
    """
    tokenizer = tokenizer or CHECKPOINTS / "abacus" / "tokenizer.json"
    ids = _added_ids(tokenizer, shape.vocab)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BadSetting(f"{directory} must be a new or an empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(tokenizer, directory / "tokenizer.json")
    template = json.loads((CHECKPOINTS / "abacus" / "tokenizer_config.json").read_text(encoding="utf-8"))["chat_template"]
    end, pad = ids["<|im_end|>"], ids["<|endoftext|>"]
    _write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": None,
        "model_max_length": shape.context, "chat_template": template,
    })  # fmt: skip
    _write_json(directory / "generation_config.json", {"bos_token_id": pad, "pad_token_id": pad, "eos_token_id": [end, pad]})
    _write_json(directory / "config.json", _config(shape, pad, end))
    _write_tensors(directory / "model.safetensors", shape, seed)
    return count(shape)


def _added_ids(tokenizer: Path, vocab: int) -> dict[str, int]:
    """The special tokens by name."""
    try:
        content = json.loads(tokenizer.read_text(encoding="utf-8"))
        ids = {str(added["content"]): int(added["id"]) for added in content["added_tokens"]}
        most = max([*ids.values(), *content["model"]["vocab"].values()])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{tokenizer} cannot be read as a tokenizer.json: {error!r}") from None
    if missing := {"<|im_end|>", "<|endoftext|>"} - ids.keys():
        raise BadSetting(f"{tokenizer} must have the tokens of Qwen2; it lacks {', '.join(sorted(missing))}")
    if most >= vocab:
        raise BadSetting(f"{tokenizer} must have ids below {vocab}, not {most}")
    return ids


def _config(shape: Shape, pad: int, end: int) -> dict[str, Any]:
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "torch_dtype": "bfloat16",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "vocab_size": shape.vocab,
        "max_position_embeddings": shape.context, "max_window_layers": shape.layers, "rope_theta": 1e6, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True, "attention_dropout": 0.0, "initializer_range": DEVIATION, "use_cache": True,
        "use_sliding_window": False, "bos_token_id": pad, "eos_token_id": end, "pad_token_id": pad,
    }  # fmt: skip


def _tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes in the published order."""
    kv = shape.hidden // shape.heads * shape.kv_heads
    yield "model.embed_tokens.weight", (shape.vocab, shape.hidden)
    for layer in range(shape.layers):
        name = f"model.layers.{layer}"
        yield f"{name}.input_layernorm.weight", (shape.hidden,)
        for part, width in (("q", shape.hidden), ("k", kv), ("v", kv)):
            yield f"{name}.self_attn.{part}_proj.weight", (width, shape.hidden)
            yield f"{name}.self_attn.{part}_proj.bias", (width,)
        yield f"{name}.self_attn.o_proj.weight", (shape.hidden, shape.hidden)
        yield f"{name}.post_attention_layernorm.weight", (shape.hidden,)
        for part in ("gate", "up"):
            yield f"{name}.mlp.{part}_proj.weight", (shape.intermediate, shape.hidden)
        yield f"{name}.mlp.down_proj.weight", (shape.hidden, shape.intermediate)
    yield "model.norm.weight", (shape.hidden,)


def count(shape: Shape) -> int:
    """How many weights a checkpoint of that shape has."""
    return sum(math.prod(sizes) for _, sizes in _tensors(shape))


def _write_tensors(path: Path, shape: Shape, seed: int) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, sizes in _tensors(shape):
        end = start + 2 * math.prod(sizes)
        header[name] = {"dtype": "BF16", "shape": list(sizes), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, sizes in _tensors(shape):
            _write_numbers(file, math.prod(sizes), None if "norm" in name else random)


def _write_numbers(file: BinaryIO, count: int, random: np.random.Generator | None) -> None:
    """``count`` numbers in bf16: normal ones, or 1 where there is no generator."""
    for begin in range(0, count, CHUNK):
        size = min(CHUNK, count - begin)
        numbers = (
            np.ones(size, np.float32) if random is None else random.standard_normal(size, np.float32) * np.float32(DEVIATION)
        )
        file.write(_bf16(numbers).tobytes())


def _bf16(numbers: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Rounded to the nearest, halves to the even one."""
    bits = numbers.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
