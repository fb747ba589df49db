"""How weights and KV blocks lie in memory: panels of 64 columns that one kernel multiplies. Packs once, at load.

A matrix [N, K] becomes ceil(N / 64) panels [K / 2, 64, 2] of bf16, zero where there is no weight. A KV block of 64 tokens is
made of panels too: keys as [D / 2, 64 tokens, 2], values as [D' / 64, 32 token pairs, 64, 2] with D' = D rounded up to 64.
The last axis of an array of panels is always a whole panel, flat: kernels take a panel and an offset.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Progress
from reckon.devices.batch import BLOCK_SIZE
from reckon.devices.cpu.arena import Plan, arena
from reckon.devices.cpu.intrinsics import PANEL
from reckon.models.arch import Arch
from reckon.models.weights import EMBEDDING, FINAL_NORM, Weights, head_name, layer_names

Panels = NDArray[np.uint16]


class Shape(NamedTuple):
    """The numbers of the architecture that the step needs."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    intermediate: int
    vocab: int
    eps: np.float32
    scale: np.float32
    """1 / sqrt(head_dim) * log2(e): scores are exponents of two."""


class Packed(NamedTuple):
    """All weights. L = layers; matrices are panels, norms and biases float32."""

    qkv: Panels  # [L, panels, H * 64]: queries, keys and values one after the other
    qkv_bias: NDArray[np.float32]  # [L, panels * 64]
    out: Panels  # [L, panels, heads * D * 64]
    gate_up: Panels  # [L, 2 * panels, H * 64]: a panel of gates, then its panel of ups
    down: Panels  # [L, panels, intermediate * 64]
    attention_norm: NDArray[np.float32]  # [L, H]
    mlp_norm: NDArray[np.float32]  # [L, H]
    last_norm: NDArray[np.float32]  # [H]
    head: Panels  # [panels, H * 64]
    embedding: NDArray[np.uint16]  # [V, H]; empty when tied: rows are then read out of ``head``
    cosine: NDArray[np.float32]  # [context, D / 2]
    sine: NDArray[np.float32]  # [context, D / 2]


class KV(NamedTuple):
    """The cache. All of a block lies together, so that the system gives memory to blocks only as they come into use."""

    keys: NDArray[np.uint16]  # [blocks, L, kv_heads, D * 64]
    values: NDArray[np.uint16]  # [blocks, L, kv_heads, D' * 64]


def padded(size: int) -> int:
    """``size`` rounded up to whole panels."""
    return -(-size // PANEL) * PANEL


def shape_of(arch: Arch) -> Shape:
    scale = np.float32(np.log2(np.e) / np.sqrt(arch.head_dim))
    return Shape(
        arch.layers, arch.heads, arch.kv_heads, arch.head_dim, arch.hidden_size, arch.intermediate_size, arch.vocab_size,
        np.float32(arch.rms_norm_eps), scale,
    )  # fmt: skip


def _panels(rows: int, columns: int, *lead: int) -> Plan:
    return (*lead, padded(rows) // PANEL, columns * PANEL), np.uint16


def _fill(panels: Panels, matrix: NDArray[np.uint16], at: int = 0) -> None:
    """Write a matrix [N, K] into panels [P, K * 64], its first row at column ``at``."""
    words = panels.view(np.uint32).reshape(len(panels), -1, PANEL)  # [P, K / 2, 64]: a pair of k is one word
    source = matrix.view(np.uint32)
    first = 0
    while first < len(source):
        panel, column = divmod(at + first, PANEL)
        count = min(PANEL - column, len(source) - first)
        words[panel, :, column : column + count] = source[first : first + count].T
        first += count


def pack(arch: Arch, weights: Weights, progress: Progress) -> Packed:
    """Read every tensor once, in the order of the layers, and put it where the kernels want it."""
    head_dim, hidden, middle = arch.head_dim, arch.hidden_size, arch.intermediate_size
    q_rows, kv_rows = arch.heads * head_dim, arch.kv_heads * head_dim
    packed = Packed(
        **arena(
            qkv=_panels(q_rows + 2 * kv_rows, hidden, arch.layers),
            qkv_bias=((arch.layers, padded(q_rows + 2 * kv_rows)), np.float32),
            out=_panels(hidden, q_rows, arch.layers),
            gate_up=_panels(2 * padded(middle), hidden, arch.layers),
            down=_panels(hidden, middle, arch.layers),
            attention_norm=((arch.layers, hidden), np.float32),
            mlp_norm=((arch.layers, hidden), np.float32),
            last_norm=((hidden,), np.float32),
            head=_panels(arch.vocab_size, hidden),
            embedding=((0 if arch.tied else arch.vocab_size, hidden), np.uint16),
            cosine=((arch.context, head_dim // 2), np.float32),
            sine=((arch.context, head_dim // 2), np.float32),
        )
    )
    packed.last_norm[:] = weights.f32(FINAL_NORM)
    if not arch.tied:
        packed.embedding[:] = weights.bf16(EMBEDDING)
    packed.cosine[:] = _angles(arch, np.cos)
    packed.sine[:] = _angles(arch, np.sin)
    for layer in range(arch.layers):
        progress("weights", layer, arch.layers + 1)
        _pack_layer(arch, weights, packed, layer)
    progress("weights", arch.layers, arch.layers + 1)
    _fill(packed.head, weights.bf16(head_name(arch)))
    progress("weights", arch.layers + 1, arch.layers + 1)
    return packed


def _pack_layer(arch: Arch, weights: Weights, packed: Packed, layer: int) -> None:
    names = layer_names(layer)
    at = 0
    for matrix, bias in ((names.q_proj, names.q_bias), (names.k_proj, names.k_bias), (names.v_proj, names.v_bias)):
        tensor = weights.bf16(matrix)
        _fill(packed.qkv[layer], tensor, at)
        if arch.qkv_bias:
            packed.qkv_bias[layer, at : at + len(tensor)] = weights.f32(bias)
        at += len(tensor)
    _fill(packed.out[layer], weights.bf16(names.o_proj))
    _fill(packed.gate_up[layer][0::2], weights.bf16(names.gate_proj))
    _fill(packed.gate_up[layer][1::2], weights.bf16(names.up_proj))
    _fill(packed.down[layer], weights.bf16(names.down_proj))
    packed.attention_norm[layer] = weights.f32(names.input_norm)
    packed.mlp_norm[layer] = weights.f32(names.post_norm)


def _angles(arch: Arch, function: np.ufunc) -> NDArray[np.float32]:
    """[context, D / 2]. The angle is a float32 product, as the published models were trained with it."""
    inverse = np.float32(1) / np.float32(arch.rope_theta) ** (np.arange(0, arch.head_dim, 2, dtype=np.float32) / arch.head_dim)
    angles = np.arange(arch.context, dtype=np.float32)[:, None] * inverse.astype(np.float32)
    return np.asarray(function(angles.astype(np.float64)), np.float32)


def kv_block_elements(arch: Arch) -> tuple[int, int]:
    """bf16 elements of one block of one layer and KV head: keys, values."""
    return arch.head_dim * BLOCK_SIZE, padded(arch.head_dim) * BLOCK_SIZE
