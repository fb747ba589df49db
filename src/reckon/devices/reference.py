"""The oracle: a Qwen2 in numpy float32, as short and general as it gets, and slow. Every other device is tested against it.

It never sees a batch: each row goes through all layers alone (matrix times vector, attention over exactly the tokens before
it), so nothing but its own sequence can reach its bits. Products are einsum's, for BLAS (``@``) sums in another order for
another number of rows or threads. Sampling is in ``sampling.py``; the worker and the tests call this.
"""

import math
import platform
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Progress
from reckon.devices.batch import BLOCK_SIZE, Batch, Sampled
from reckon.devices.memory import available_bytes
from reckon.devices.sampling import sample
from reckon.models.arch import Arch
from reckon.models.weights import EMBEDDING, FINAL_NORM, Weights, expected_shapes, head_name, layer_names

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's weights, widened from bf16 to float32, which is exact. Matrices are [out, in]."""

    input_norm: Floats
    q_proj: Floats
    q_bias: Floats
    k_proj: Floats
    k_bias: Floats
    v_proj: Floats
    v_bias: Floats
    o_proj: Floats
    post_norm: Floats
    gate_proj: Floats
    up_proj: Floats
    down_proj: Floats


class ReferenceDevice:
    """``devices/base.py`` in numpy. ``keys`` and ``values`` are the KV blocks, open to tests that spoil them on purpose."""

    name = "reference"
    numeric_path = "reference/float32"
    weights = "float32"
    repeatable = True

    keys: Floats  # [layers, blocks, BLOCK_SIZE, kv_heads, head_dim], rotated
    values: Floats  # like keys

    def __init__(self) -> None:
        found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
        self.toolchain = (f"numpy {np.__version__}", "".join(platform.libc_ver()), platform.machine(), *found)

    def load(self, arch: Arch, weights: Weights, progress: Progress) -> None:
        self._arch = arch
        self._frequencies = rope_frequencies(arch.head_dim, arch.rope_theta)
        self._embedding = weights.f32(EMBEDDING)
        self._norm = weights.f32(FINAL_NORM)
        self._head = self._embedding if arch.tied else weights.f32(head_name(arch))
        self._layers: list[Layer] = []
        for index in range(arch.layers):
            self._layers.append(_load_layer(arch, weights, index))
            progress("weights", index + 1, arch.layers)

    def free_bytes(self) -> int:
        return available_bytes()

    def weight_bytes(self, arch: Arch, weights: Weights) -> int:
        return sum(_bytes(arch).values())

    def step_bytes(self, rows: int) -> int:
        read = _bytes(self._arch)
        return sum(read.values()) - (0 if self._arch.tied else read[EMBEDDING])

    def block_bytes(self) -> int:
        arch = self._arch
        return 2 * arch.layers * BLOCK_SIZE * arch.kv_heads * arch.head_dim * np.dtype(np.float32).itemsize

    def allocate(self, blocks: int) -> None:
        needed, free = blocks * self.block_bytes(), self.free_bytes()
        if needed > free:
            raise MemoryError(f"{blocks} KV blocks take {needed} bytes of {free} that are free")
        shape = (self._arch.layers, blocks, BLOCK_SIZE, self._arch.kv_heads, self._arch.head_dim)
        self.keys, self.values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def logits(self, batch: Batch) -> Floats:
        self.keys[:, batch.new_blocks] = 0
        self.values[:, batch.new_blocks] = 0
        sampled = {int(row): place for place, row in enumerate(batch.sample_rows)}
        logits = np.empty((len(sampled), self._arch.vocab_size), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # broken weights give NaN for their row, not an exception
            for row, (token, position, sequence) in enumerate(zip(batch.tokens, batch.positions, batch.sequences, strict=True)):
                hidden = self._forward(int(token), int(position), batch.block_tables[sequence])
                if row in sampled:
                    logits[sampled[row]] = times(self._head, rms_norm(hidden, self._norm, self._arch.rms_norm_eps))
        return logits

    def step(self, batch: Batch) -> Sampled:
        return sample(self.logits(batch), batch.sampling)

    def close(self) -> None:
        self._layers = []
        self._embedding = self._head = self._norm = self.keys = self.values = np.empty(0, np.float32)

    def _forward(self, token: int, position: int, table: NDArray[np.int32]) -> Floats:
        """The last hidden state of one token, [hidden]; its keys and values are written on the way."""
        arch = self._arch
        block, slot = table[position // BLOCK_SIZE], position % BLOCK_SIZE
        angles = np.float32(position) * self._frequencies
        hidden: Floats = self._embedding[token]
        for index, layer in enumerate(self._layers):
            inner = rms_norm(hidden, layer.input_norm, arch.rms_norm_eps)
            queries = (times(layer.q_proj, inner) + layer.q_bias).reshape(arch.heads, arch.head_dim)
            keys = (times(layer.k_proj, inner) + layer.k_bias).reshape(arch.kv_heads, arch.head_dim)
            values = (times(layer.v_proj, inner) + layer.v_bias).reshape(arch.kv_heads, arch.head_dim)
            self.keys[index, block, slot] = rotate(keys, angles)
            self.values[index, block, slot] = values
            attended = self._attend(rotate(queries, angles), index, table, position + 1)
            hidden = hidden + times(layer.o_proj, attended)
            inner = rms_norm(hidden, layer.post_norm, arch.rms_norm_eps)
            hidden = hidden + times(layer.down_proj, silu(times(layer.gate_proj, inner)) * times(layer.up_proj, inner))
        return hidden

    def _attend(self, queries: Floats, index: int, table: NDArray[np.int32], length: int) -> Floats:
        """One row's attention over the first ``length`` tokens of its sequence, [heads x head_dim]."""
        arch = self._arch
        blocks = table[: -(-length // BLOCK_SIZE)]
        keys = self.keys[index, blocks].reshape(-1, arch.kv_heads, arch.head_dim)[:length]
        values = self.values[index, blocks].reshape(-1, arch.kv_heads, arch.head_dim)[:length]
        grouped = queries.reshape(arch.kv_heads, -1, arch.head_dim)  # [kv_heads, heads of a group, head_dim]
        scores = np.einsum("kgd,lkd->kgl", grouped, keys) * np.float32(arch.head_dim**-0.5)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        attended: Floats = np.einsum("kgl,lkd->kgd", weights, values)
        return attended.reshape(-1)


def times(matrix: Floats, vector: Floats) -> Floats:
    """[out, in] times [in]: each output is one sum in an order that its length alone decides."""
    product: Floats = np.einsum("oi,i->o", matrix, vector)
    return product


def rms_norm(hidden: Floats, weight: Floats, eps: float) -> Floats:
    """Zhang and Sennrich 2019: scale to a root mean square of 1, then by ``weight``; one row, [hidden]."""
    result: Floats = weight * (hidden / np.sqrt(np.mean(hidden * hidden) + np.float32(eps)))
    return result


def silu(gate: Floats) -> Floats:
    result: Floats = gate / (1 + np.exp(-gate))
    return result


def rope_frequencies(head_dim: int, theta: float) -> Floats:
    """Radians per position of each pair, [head_dim / 2], rounded to float32 where transformers rounds.

    The power is taken in float64, for numpy's own float32 power is up to 2 units in the last place off: late positions feel it.
    """
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    periods: Floats = np.power(theta, exponents, dtype=np.float64).astype(np.float32)
    return np.reciprocal(periods)


def rotate(heads: Floats, angles: Floats) -> Floats:
    """Su et al. 2021: turn each pair (i, i + head_dim / 2) of each head by its angle; heads [n, head_dim]."""
    first, second = np.split(heads, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _bytes(arch: Arch) -> dict[str, int]:
    return {name: math.prod(shape) * np.dtype(np.float32).itemsize for name, shape in expected_shapes(arch).items()}


def _load_layer(arch: Arch, weights: Weights, index: int) -> Layer:
    names = layer_names(index)
    queries, keys = arch.heads * arch.head_dim, arch.kv_heads * arch.head_dim
    return Layer(
        input_norm=weights.f32(names.input_norm),
        q_proj=weights.f32(names.q_proj),
        q_bias=weights.f32(names.q_bias) if arch.qkv_bias else np.zeros(queries, np.float32),
        k_proj=weights.f32(names.k_proj),
        k_bias=weights.f32(names.k_bias) if arch.qkv_bias else np.zeros(keys, np.float32),
        v_proj=weights.f32(names.v_proj),
        v_bias=weights.f32(names.v_bias) if arch.qkv_bias else np.zeros(keys, np.float32),
        o_proj=weights.f32(names.o_proj),
        post_norm=weights.f32(names.post_norm),
        gate_proj=weights.f32(names.gate_proj),
        up_proj=weights.f32(names.up_proj),
        down_proj=weights.f32(names.down_proj),
    )
