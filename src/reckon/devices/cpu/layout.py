"""How weights and KV blocks lie in memory: panels of 64 columns that one kernel multiplies. Packs once, at load.

A matrix [N, K] becomes ceil(N / 64) panels [K / 2, 64, 2] of bf16, zero where there is no weight, or the same squeezed
(``matrix.py``). A KV block of 64 tokens is
made of panels too: keys as [D / 2, 64 tokens, 2], values as [D' / 64, 32 token pairs, 64, 2] with D' = D rounded up to 64.
The last axis of an array of panels is always a whole panel, flat: kernels take a panel and an offset.
"""

from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Progress
from reckon.devices.batch import BLOCK_SIZE
from reckon.devices.cpu.arena import arena
from reckon.devices.cpu.builder import SAMPLE_ROWS, Builder, Forms, MatrixPlan, padded, worth_squeezing
from reckon.devices.cpu.matrix import Matrix
from reckon.models.arch import Arch
from reckon.models.weights import EMBEDDING, FINAL_NORM, Weights, head_name, layer_names


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

    qkv: Matrix  # [N', H]: queries, keys and values one after the other
    qkv_bias: NDArray[np.float32]  # [L, panels * 64]
    out: Matrix  # [H, heads * D]
    gate_up: Matrix  # [2 * I', H]: a panel of gates, then its panel of ups
    down: Matrix  # [H, intermediate]
    attention_norm: NDArray[np.float32]  # [L, H]
    mlp_norm: NDArray[np.float32]  # [L, H]
    last_norm: NDArray[np.float32]  # [H]
    head: Matrix  # [V, H], one layer
    head_bias: NDArray[np.float32]  # [V']: zeros, for no model has one
    embedding: NDArray[np.uint16]  # [V, H]; empty when tied: rows are then read out of ``head``
    cosine: NDArray[np.float32]  # [context, D / 2]
    sine: NDArray[np.float32]  # [context, D / 2]


class KV(NamedTuple):
    """The cache. All of a block lies together, so that the system gives memory to blocks only as they come into use."""

    keys: NDArray[np.uint16]  # [blocks, L, kv_heads, D * 64]
    values: NDArray[np.uint16]  # [blocks, L, kv_heads, D' * 64]


def shape_of(arch: Arch) -> Shape:
    scale = np.float32(np.log2(np.e) / np.sqrt(arch.head_dim))
    return Shape(
        arch.layers, arch.heads, arch.kv_heads, arch.head_dim, arch.hidden_size, arch.intermediate_size, arch.vocab_size,
        np.float32(arch.rms_norm_eps), scale,
    )  # fmt: skip


def matrix_plans(arch: Arch, weights: Weights, forms: Forms) -> dict[str, MatrixPlan]:
    """The matrices of ``Packed``, by name, in these forms; those whose weights are too far apart to squeeze stay whole."""
    hidden, middle, layers = arch.hidden_size, arch.intermediate_size, arch.layers
    queries, keys, names = arch.heads * arch.head_dim, arch.kv_heads * arch.head_dim, list(map(layer_names, range(layers)))

    def plan(layers: int, rows: int, columns: int, tensors: Iterable[str]) -> MatrixPlan:
        squeezed = forms.squeezed and worth_squeezing(np.concatenate([weights.bf16(name, SAMPLE_ROWS) for name in tensors]))
        return MatrixPlan(layers, rows, columns, Forms(forms.whole or not squeezed, squeezed))

    return {
        "qkv": plan(layers, queries + 2 * keys, hidden, (name for n in names for name in (n.q_proj, n.k_proj, n.v_proj))),
        "out": plan(layers, hidden, queries, (n.o_proj for n in names)),
        "gate_up": plan(layers, 2 * padded(middle), hidden, (name for n in names for name in (n.gate_proj, n.up_proj))),
        "down": plan(layers, hidden, middle, (n.down_proj for n in names)),
        "head": plan(1, arch.vocab_size, hidden, [head_name(arch)]),
    }


def pack(arch: Arch, plans: dict[str, MatrixPlan], weights: Weights, pool: Executor, progress: Progress) -> Packed:
    """Read every tensor once, in the order of the layers, and put it where the kernels want it."""
    half, hidden, layers = arch.head_dim // 2, arch.hidden_size, arch.layers
    parts = {f"{name} {part}": getattr(plan, part) for name, plan in plans.items() for part in ("whole", "squeezed", "spans")}
    arrays: dict[str, Any] = arena(
        **parts,
        qkv_bias=((layers, padded(plans["qkv"].rows)), np.float32),
        attention_norm=((layers, hidden), np.float32),
        mlp_norm=((layers, hidden), np.float32),
        last_norm=((hidden,), np.float32),
        head_bias=((padded(arch.vocab_size),), np.float32),
        embedding=((0 if arch.tied else arch.vocab_size, hidden), np.uint16),
        cosine=((arch.context, half), np.float32),
        sine=((arch.context, half), np.float32),
    )
    builders = {
        name: Builder(plan, pool, *(arrays.pop(f"{name} {part}") for part in ("whole", "squeezed", "spans")))
        for name, plan in plans.items()
    }
    arrays["last_norm"][:] = weights.f32(FINAL_NORM)
    if not arch.tied:
        arrays["embedding"][:] = weights.bf16(EMBEDDING)
    arrays["cosine"][:] = _angles(arch, np.cos)
    arrays["sine"][:] = _angles(arch, np.sin)
    for layer in range(layers):
        progress("weights", layer, layers + 1)
        _pack_layer(arch, weights, builders, arrays, layer)
    progress("weights", layers, layers + 1)
    builders["head"].fill(0, [weights.bf16(head_name(arch))])
    progress("weights", layers + 1, layers + 1)
    arrays.update((name, builder.matrix()) for name, builder in builders.items())
    return Packed(**arrays)


def _pack_layer(arch: Arch, weights: Weights, builders: dict[str, Builder], arrays: dict[str, Any], layer: int) -> None:
    names = layer_names(layer)
    builders["qkv"].fill(layer, [weights.bf16(name) for name in (names.q_proj, names.k_proj, names.v_proj)])
    builders["out"].fill(layer, [weights.bf16(names.o_proj)])
    builders["gate_up"].fill(layer, [weights.bf16(names.gate_proj)], slice(0, None, 2))
    builders["gate_up"].fill(layer, [weights.bf16(names.up_proj)], slice(1, None, 2))
    builders["down"].fill(layer, [weights.bf16(names.down_proj)])
    if arch.qkv_bias:
        biases = np.concatenate([weights.f32(name) for name in (names.q_bias, names.k_bias, names.v_bias)])
        arrays["qkv_bias"][layer, : biases.size] = biases
    arrays["attention_norm"][layer] = weights.f32(names.input_norm)
    arrays["mlp_norm"][layer] = weights.f32(names.post_norm)


def _angles(arch: Arch, function: np.ufunc) -> NDArray[np.float32]:
    """[context, D / 2]. The angle is a float32 product, as the published models were trained with it."""
    inverse = np.float32(1) / np.float32(arch.rope_theta) ** (np.arange(0, arch.head_dim, 2, dtype=np.float32) / arch.head_dim)
    angles = np.arange(arch.context, dtype=np.float32)[:, None] * inverse.astype(np.float32)
    return np.asarray(function(angles.astype(np.float64)), np.float32)


def kv_block_elements(arch: Arch) -> tuple[int, int]:
    """bf16 elements of one block of one layer and KV head: keys, values."""
    return arch.head_dim * BLOCK_SIZE, padded(arch.head_dim) * BLOCK_SIZE
