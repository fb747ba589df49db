"""A checkpoint's tensors by name, as numpy arrays over the memory-mapped files. Knows what a Qwen2 must have, computes nothing.

Devices call it while they load. The bytes of the files are never held twice: ``bf16`` is a view wherever the file is bf16.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from reckon.errors import UnsupportedModel
from reckon.models.arch import Arch
from reckon.models.safetensors import Tensor, open_tensors

EMBEDDING = "model.embed_tokens.weight"
FINAL_NORM = "model.norm.weight"
HEAD = "lm_head.weight"

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

Item = TypeVar("Item", bound=np.generic)


@dataclass(frozen=True, slots=True)
class LayerNames:
    """How a checkpoint calls the tensors of one layer. Matrices are [out, in]."""

    input_norm: str  # [hidden]
    q_proj: str  # [heads x head_dim, hidden]
    q_bias: str  # [heads x head_dim]
    k_proj: str  # [kv_heads x head_dim, hidden]
    k_bias: str  # [kv_heads x head_dim]
    v_proj: str  # [kv_heads x head_dim, hidden]
    v_bias: str  # [kv_heads x head_dim]
    o_proj: str  # [hidden, heads x head_dim]
    post_norm: str  # [hidden]
    gate_proj: str  # [intermediate, hidden]
    up_proj: str  # [intermediate, hidden]
    down_proj: str  # [hidden, intermediate]


def layer_names(layer: int) -> LayerNames:
    """The names of layer ``layer``, counted from 0."""
    prefix = f"model.layers.{layer}."
    return LayerNames(
        input_norm=prefix + "input_layernorm.weight",
        q_proj=prefix + "self_attn.q_proj.weight",
        q_bias=prefix + "self_attn.q_proj.bias",
        k_proj=prefix + "self_attn.k_proj.weight",
        k_bias=prefix + "self_attn.k_proj.bias",
        v_proj=prefix + "self_attn.v_proj.weight",
        v_bias=prefix + "self_attn.v_proj.bias",
        o_proj=prefix + "self_attn.o_proj.weight",
        post_norm=prefix + "post_attention_layernorm.weight",
        gate_proj=prefix + "mlp.gate_proj.weight",
        up_proj=prefix + "mlp.up_proj.weight",
        down_proj=prefix + "mlp.down_proj.weight",
    )


def head_name(arch: Arch) -> str:
    """The tensor that turns the last hidden state into logits, [vocab, hidden]: a tied model uses its embedding."""
    return EMBEDDING if arch.tied else HEAD


def expected_shapes(arch: Arch) -> dict[str, tuple[int, ...]]:
    """Every tensor that a model of this Arch has, in the order it is computed in."""
    hidden, inner = arch.hidden_size, arch.intermediate_size
    queries, keys = arch.heads * arch.head_dim, arch.kv_heads * arch.head_dim
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (arch.vocab_size, hidden)}
    for layer in range(arch.layers):
        names = layer_names(layer)
        shapes[names.input_norm] = (hidden,)
        shapes |= {names.q_proj: (queries, hidden), names.k_proj: (keys, hidden), names.v_proj: (keys, hidden)}
        if arch.qkv_bias:
            shapes |= {names.q_bias: (queries,), names.k_bias: (keys,), names.v_bias: (keys,)}
        shapes |= {names.o_proj: (hidden, queries), names.post_norm: (hidden,)}
        shapes |= {names.gate_proj: (inner, hidden), names.up_proj: (inner, hidden), names.down_proj: (hidden, inner)}
    shapes[FINAL_NORM] = (hidden,)
    shapes[head_name(arch)] = (arch.vocab_size, hidden)
    return shapes


class Weights:
    """Tensors by name. ``open`` is the only maker; an unknown name is a KeyError, for ``check`` has come first."""

    def __init__(self, directory: Path, tensors: dict[str, Tensor]) -> None:
        self._directory = directory
        self._tensors = tensors

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Map ``model.safetensors`` or the shards of its index. Raises UnsupportedModel naming the file and the tensor."""
        if (directory / SINGLE).exists():
            return cls(directory, open_tensors(directory / SINGLE))
        if (directory / INDEX).exists():
            return cls(directory, _open_shards(directory))
        raise UnsupportedModel(f"{directory} has neither {SINGLE} nor {INDEX}; other formats of weights are not read")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tensors)

    @property
    def total_bytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(tensor.data.size for tensor in self._tensors.values())

    def digest(self) -> str:
        """SHA-256 over every tensor's name, dtype, shape and bytes, in the order of names: the same however the files are cut.

        Reads all of the weights, with a thread per core: hashing lets go of Python's lock.
        """
        names = sorted(self._tensors)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            contents = list(pool.map(lambda name: hashlib.sha256(self._tensors[name].data.data).hexdigest(), names))
        digest = hashlib.sha256()
        for name, content in zip(names, contents, strict=True):
            tensor = self._tensors[name]
            digest.update(f"\n{name} {tensor.dtype} {tensor.shape} {content}".encode())
        return digest.hexdigest()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def bf16(self, name: str, rows: int | None = None) -> NDArray[np.uint16]:
        """The bits of the tensor in bfloat16, or of its first rows: a read-only view of the file if it is stored so, else a
        rounded new array."""
        tensor = self._tensors[name]
        if tensor.dtype == "BF16":
            return _items(tensor, np.uint16, rows)
        return round_bf16(self.f32(name, rows))

    def f32(self, name: str, rows: int | None = None) -> NDArray[np.float32]:
        """The tensor in float32, exactly, or its first rows, as a new array."""
        tensor = self._tensors[name]
        if tensor.dtype == "BF16":
            return widen_bf16(_items(tensor, np.uint16, rows))
        stored = np.float16 if tensor.dtype == "F16" else np.float32
        return _items(tensor, stored, rows).astype(np.float32)

    def check(self, arch: Arch) -> None:
        """Raise UnsupportedModel naming the first tensor that is missing, misshapen or unknown to a model of this Arch."""
        expected = expected_shapes(arch)
        for name, shape in expected.items():
            if name not in self._tensors:
                raise UnsupportedModel(f"{self._directory} lacks the tensor {name!r} of shape {list(shape)}")
            if self.shape(name) != shape:
                found = list(self.shape(name))
                raise UnsupportedModel(f"{self._directory}: tensor {name!r} has shape {found}; config.json says {list(shape)}")
        for name in self._tensors:
            if name not in expected and not _harmless(name, arch):
                raise UnsupportedModel(f"{self._directory} has the tensor {name!r}, which no {arch.layers}-layer Qwen2 uses")

    def close(self) -> None:
        """Let the files go. Arrays that ``bf16`` gave stay good: a file is unmapped when the last view of it is gone."""
        self._tensors = {}


def widen_bf16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 of the same value: bfloat16 is its upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def round_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16, ties to even. NaN stays NaN (made quiet), what lies beyond the largest becomes infinite."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    upper = bits >> 16
    rounded = ((bits & 0xFFFF) + (upper & 1) + 0x7FFF) >> 16  # 0 or 1
    return np.where(np.isnan(values), upper | 0x40, upper + rounded).astype(np.uint16)


def _items(tensor: Tensor, dtype: type[Item], rows: int | None = None) -> NDArray[Item]:
    """A view, except in files whose header has an odd length: there the numbers lie unaligned and are copied."""
    items = tensor.data.view(dtype).reshape(tensor.shape)[:rows]
    return items if items.flags.aligned else items.copy()


def _open_shards(directory: Path) -> dict[str, Tensor]:
    path = directory / INDEX
    try:
        shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedModel(f"{path} is not an index of shards: {error!r}") from None
    if not isinstance(shards, dict):
        raise UnsupportedModel(f"{path}: weight_map must be an object, not {shards!r}")
    tensors: dict[str, Tensor] = {}
    for file in sorted(set(map(str, shards.values()))):
        if Path(file).name != file:
            raise UnsupportedModel(f"{path}: weight_map names {file!r}, which does not lie in the same directory")
        for name, tensor in open_tensors(directory / file).items():
            if shards.get(name) != file:
                raise UnsupportedModel(
                    f"{directory / file} has the tensor {name!r}, which the index puts into {shards.get(name)!r}"
                )
            tensors[name] = tensor
    for name, file in shards.items():
        if name not in tensors:
            raise UnsupportedModel(f"{directory / str(file)} lacks the tensor {name!r}, which the index puts there")
    return tensors


def _harmless(name: str, arch: Arch) -> bool:
    """Buffers that old versions of transformers saved, and the copy of a tied head."""
    return name.endswith("rotary_emb.inv_freq") or (arch.tied and name == HEAD)
