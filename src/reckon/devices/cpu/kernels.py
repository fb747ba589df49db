"""The arithmetic of a Qwen2 layer, row by row: products with panels, norms, rotation, attention. Called from step.py.

Bit identity rests on two habits. A sum over k is added in an order of k (``tile``), or by one loop whose trip count is that of
the row's own data; and nothing here reads another row of the batch. ``fastmath`` is granted flag by flag, to single loops:
"reassoc" only where a plain sum is all there is, because it breaks rounding tricks in anything else.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.codes import WHOLE_PAIR
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import PANEL, SUM_LANES, add_up, bits_float, float_bits, largest
from reckon.devices.cpu.isa import Isa
from reckon.devices.cpu.multiply import multiply_near
from reckon.devices.cpu.products import operand

LOG2_E = np.float32(math.log2(math.e))
NEVER = np.float32(-np.inf)
SHIFT = np.float32(1.5 * 2**23 + 127)
"""What is added to it becomes a whole number; its lowest bits are this number plus 127, the exponent of a power of 2."""


Operands = NDArray[np.uint16 | np.float32]
"""Rows of a product, in the instruction set's own form: ``isa.operand_dtype``."""


@kernel(inline=True, fastmath={"contract"})
def exp2(x: np.float32) -> np.float32:
    """2**x for x <= 127, with a relative error of at most 3 * 2**-24; 0 below -126.5.

    x is a whole number and r in [-1/2, 1/2], for which the polynomial is the one of its degree, with p(0) = 1, whose largest
    relative error is least: 9.1e-8 (Remez 1934).
    """
    x = max(x, np.float32(-127.0))
    shifted = x + SHIFT
    r = x - (shifted - SHIFT)
    p = np.float32(1.3264727290256718e-3)
    p = p * r + np.float32(9.6715127148761203e-3)
    p = p * r + np.float32(5.5507337437148085e-2)
    p = p * r + np.float32(2.4022242084227705e-1)
    p = p * r + np.float32(6.9314697759848598e-1)
    p = p * r + np.float32(1.0)
    return p * bits_float(float_bits(shifted) << np.uint32(23))


@kernel(fastmath={"reassoc", "contract"})
def _sum_of_squares(x: NDArray[np.float32]) -> np.float32:
    total = np.float32(0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


@kernel()
def rms_norm(isa: Isa, x: NDArray[np.float32], weight: NDArray[np.float32], eps: np.float32, out: Operands) -> None:
    """out[H] = bf16(x / sqrt(mean(x**2) + eps) * weight). Zhang and Sennrich 2019."""
    scale = np.float32(1) / np.sqrt(_sum_of_squares(x) / np.float32(x.size) + eps)
    for i in range(x.size):
        out[i] = operand(isa, x[i] * scale * weight[i])


@kernel()
def rotate(isa: Isa, x, cosine, sine, out) -> None:
    """Rotary embedding of one head, the halves paired as in the published checkpoints: x, cosine, sine [D] -> out [D] bf16."""
    half = x.size // 2
    for i in range(half):
        out[i] = operand(isa, x[i] * cosine[i] - x[i + half] * sine[i])
        out[i + half] = operand(isa, x[i + half] * cosine[i] + x[i] * sine[i])


@kernel()
def gate(isa: Isa, gates: NDArray[np.float32], ups: NDArray[np.float32], out: Operands) -> None:
    """SwiGLU of one row of a panel: out = bf16(silu(gates) * ups), all [PANEL]."""
    for i in range(PANEL):
        g = gates[i]
        out[i] = operand(isa, g / (np.float32(1) + exp2(min(-g * LOG2_E, np.float32(126.0)))) * ups[i])


@kernel(inline=True)
def keep_up(scores, visible, scale, best, total, out):
    """One row looks at its scores [PANEL] for a block, of which ``visible`` stand before the row or at it.

    When the row's running maximum grows, ``out`` [D] and the running ``total`` [SUM_LANES] are scaled down to it (Milakov and
    Gimelshein 2018). Returns the maximum.
    """
    for i in range(visible, PANEL):
        scores[i] = NEVER
    top = max(best, largest(scores) * scale)
    if top > best:
        shrink = exp2(best - top)
        for i in range(SUM_LANES):
            total[i] *= shrink
        for i in range(out.size):
            out[i] *= shrink
    return top


@kernel(inline=True, fastmath={"contract"})
def weigh(isa: Isa, scores, scale, top, total, weights) -> None:
    """Scores [PANEL] become weights [PANEL] bf16 relative to the row's maximum ``top``, and are added to its ``total``."""
    for i in range(PANEL):
        scores[i] = exp2(scores[i] * scale - top)
        weights[i] = operand(isa, scores[i])
    add_up(total, scores)


class Attention(NamedTuple):
    """One thread's room for a group of items: rows times the query heads that share a KV head."""

    scores: NDArray[np.float32]  # [items, PANEL]
    weights: Operands  # [items, PANEL] bf16
    sums: NDArray[np.float32]  # [items, D'], D' = head_dim rounded up to PANEL
    best: NDArray[np.float32]  # [items]: running maximum of the scores
    total: NDArray[np.float32]  # [items, SUM_LANES]: running sums of the weights


@kernel(inline=True)
def _elements_on(panels, now, then):
    """How many elements lie between two blocks and KV heads, of the same layer; panels: keys or values of a KV."""
    blocks, heads = then[0] - now[0], then[1] - now[1]
    return (blocks * panels.shape[1] * panels.shape[2] + heads) * panels.shape[3]


@kernel()
def attend(isa, queries, query_at, kv, layer, head, table, after, position, rows, heads, head_dim, scale, room, out):
    """Causal attention of ``rows`` neighbouring rows of one sequence, the first at ``position``, for ``heads`` query heads
    that share one KV head.

    queries: bf16, the items' vectors of head_dim one after the other from ``query_at``; kv: layout.KV, of which this is a
    ``layer`` and KV ``head``; table: the sequence's blocks; after: the block and the KV head that will probably be met next;
    out [rows, heads * head_dim] bf16.
    A row walks its blocks in order and stops at itself, so its bits do not depend on the rows it is grouped with. Products
    with a block ask memory for the next one, which the processor cannot foresee.
    """
    items = rows * heads
    columns, width, pair = room.sums.shape[1], np.int64(PANEL), np.int64(WHOLE_PAIR)
    room.best[:items] = NEVER
    room.total[:items] = 0
    room.sums[:items] = 0
    last = (position + rows - 1) // PANEL
    for block in range(last + 1):
        # Rows that stand before this block are done: those still walking are the last ones.
        first = max(0, block * PANEL - position) * heads
        active = items - first
        key, value = kv.keys[table[block], layer, head], kv.values[table[block], layer, head]
        now, then = (table[block], head), (table[block + 1], head) if block < last else after
        room.scores[first:items] = 0
        multiply_near(
            isa, key, np.int64(0), queries, query_at + first * head_dim, head_dim,
            room.scores, first * PANEL, width, head_dim // 2, active, key, _elements_on(kv.keys, now, then), pair,
        )  # fmt: skip
        _weigh_block(isa, room, first, items, position - block * PANEL, heads, scale)
        for column in range(0, columns, PANEL):
            multiply_near(
                isa, value, column * PANEL, room.weights, first * PANEL, width, room.sums, first * columns + column, columns,
                width // 2, active, value, column * PANEL + _elements_on(kv.values, now, then), pair,
            )  # fmt: skip
    for item in range(items):
        at = item % heads * head_dim
        _average(isa, room.sums[item], room.total[item], out[item // heads, at : at + head_dim])


@kernel(inline=True)
def _weigh_block(isa: Isa, room: Attention, first, items, before, heads, scale) -> None:
    """The scores of items [first, items) for a block become weights; ``before`` of its tokens stand before the first row."""
    # Two loops, because each row's maximum is long in coming and its weights wait for it.
    for item in range(first, items):
        visible = before + item // heads + 1
        room.best[item] = keep_up(room.scores[item], visible, scale, room.best[item], room.total[item], room.sums[item])
    for item in range(first, items):
        weigh(isa, room.scores[item], scale, room.best[item], room.total[item], room.weights[item])


@kernel()
def _average(isa: Isa, sums: NDArray[np.float32], total: NDArray[np.float32], out: Operands) -> None:
    """What a row has seen, over the sum of its weights: sums [D'], total [SUM_LANES] -> out [D]."""
    weight = np.float32(0)
    for lane in range(SUM_LANES):
        weight += total[lane]
    share = np.float32(1) / weight
    for i in range(out.size):
        out[i] = operand(isa, sums[i] * share)
