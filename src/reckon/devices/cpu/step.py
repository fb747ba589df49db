"""One step of a Qwen2 as one compiled call that all threads enter together: embed, the layers, the head, the sampler.

A phase is a loop over tickets, and ``meet`` stands between a phase that writes and the next that reads. Called by device.py;
the arithmetic is in kernels.py and multiply.py, what the arrays hold in layout.py.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.amx import close_tiles, open_tiles
from reckon.devices.cpu.arena import arena
from reckon.devices.cpu.bf16 import from_bf16, to_bf16
from reckon.devices.cpu.builder import padded
from reckon.devices.cpu.codes import SPAN, WHOLE_PAIR
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import PANEL, SUM_LANES, ask_for_sums, cycles
from reckon.devices.cpu.isa import Isa, operand_dtype
from reckon.devices.cpu.kernels import Attention, Operands, attend, gate, rms_norm, rotate
from reckon.devices.cpu.layout import KV, Packed, Shape
from reckon.devices.cpu.matrix import Matrix, read_row
from reckon.devices.cpu.multiply import multiply
from reckon.devices.cpu.products import operand_bits
from reckon.devices.cpu.sampling import Choice, pick
from reckon.devices.cpu.team import Shared, join, joined, meet, tickets

ROWS_AHEAD = 8
"""Rows from the one that is taken up to the one that memory is asked for."""
ROW_BLOCK = 256
"""Rows multiplied by all panels before the next rows come, so that they stay in cache."""
NEIGHBOURS = 16
"""Rows of a prompt whose keys lie in the same lines of the cache: two threads that write there in turns wait for each other."""
GROUP_ITEMS = 48
"""Rows times heads that attend together: enough to use each loaded key many times, few enough for the first-level cache."""
FIRST = ("clear", "embed")
ATTENTION = ("norm", "qkv", "rotate", "attend")
MLP = ("out", "norm", "gate up", "down")
KEEP = ("keep",)
LAST = ("norm", "head", "sample")
PHASES_PER_LAYER = len(ATTENTION + MLP)


class Work(NamedTuple):
    """Buffers of a step, for up to T rows and R sampled rows. N' is N rounded up to PANEL.

    Where rows are multiplied or sums grow there are ``isa.rows`` - 1 more, which a set with tiles takes along.
    """

    hidden: NDArray[np.float32]  # [T, H']: the residual stream
    normed: Operands  # [T, H] bf16
    qkv: NDArray[np.float32]  # [T, N']
    queries: Operands  # [kv_heads, T, heads / kv_heads * D] bf16, rotated
    keys: Operands  # [threads, D]: one rotated key
    attended: Operands  # [T, heads * D] bf16
    gates: NDArray[np.float32]  # [threads, 2 * ROW_BLOCK, PANEL]
    strips: NDArray[np.uint16]  # [threads, (spans + 1) * SPAN * WHOLE_PAIR]: squeezed weights as they are expanded
    active: Operands  # [T, I'] bf16: after SwiGLU
    logits: NDArray[np.float32]  # [R, V']
    scores: NDArray[np.float32]  # [threads, items, PANEL]; this and the next four: Attention per thread
    weights: Operands
    sums: NDArray[np.float32]
    best: NDArray[np.float32]
    total: NDArray[np.float32]


class Rows(NamedTuple):
    """The batch as the step takes it."""

    tokens: NDArray[np.int32]  # [T]
    positions: NDArray[np.int32]  # [T]
    sequences: NDArray[np.int32]  # [T]
    tables: NDArray[np.int32]  # [S, W]
    new_blocks: NDArray[np.int32]  # [N]
    groups: NDArray[np.int32]  # [G, 2]: first row and number of rows that attend together
    sampled: NDArray[np.int32]  # [R], ascending
    sampled_groups: NDArray[np.int32]  # the same of the sampled rows alone


def make_work(isa: Isa, shape: Shape, rows: int, sampled: int, threads: int) -> Work:
    """Buffers for at most ``rows`` rows, ``sampled`` of them sampled."""
    group = shape.heads // shape.kv_heads
    behind = isa.rows - 1
    items, width = max(GROUP_ITEMS, group) + behind, padded(shape.head_dim)
    operands = operand_dtype(isa)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return Work(
        **arena(
            hidden=((rows, padded(shape.hidden)), np.float32),
            normed=((rows + behind, shape.hidden), operands),
            qkv=((rows, padded(queries + 2 * keys)), np.float32),
            queries=((shape.kv_heads, rows + behind, group * shape.head_dim), operands),
            keys=((threads, shape.head_dim), operands),
            attended=((rows + behind, queries), operands),
            gates=((threads, 2 * ROW_BLOCK + behind, PANEL), np.float32),
            # What lies behind a strip is read ahead by the processor, and must not be what another thread writes.
            strips=((threads, (isa.strip_spans + 1) * SPAN * WHOLE_PAIR), np.uint16),
            active=((rows + behind, padded(shape.intermediate)), operands),
            logits=((sampled, padded(shape.vocab)), np.float32),
            scores=((threads, items, PANEL), np.float32),
            weights=((threads, items, PANEL), operands),
            sums=((threads, items, width), np.float32),
            best=((threads, items), np.float32),
            total=((threads, items, SUM_LANES), np.float32),
        )
    )


def phases(layers: int) -> int:
    """How many phases a step has, each with its own tickets. The last one is nobody's: it only marks the end."""
    return len(phase_names(layers)) + 1


def phase_names(layers: int) -> list[str]:
    """What is done in each, but for the last."""
    return [*FIRST, *(ATTENTION + MLP) * (layers - 1), *ATTENTION, *KEEP, *MLP, *LAST]


@kernel()
def _clear(shared: Shared, phase: int, kv: KV, rows: Rows) -> None:
    """Zero the blocks that changed hands: a weight of 0 times what an earlier owner left (NaN, say) must be 0."""
    for ticket in tickets(shared, phase, rows.new_blocks.size):
        block = rows.new_blocks[ticket]
        kv.keys[block] = 0
        kv.values[block] = 0


@kernel()
def _embed(shared: Shared, phase: int, shape: Shape, weights: Packed, work: Work, rows: Rows) -> None:
    """The residual stream starts as the token's embedding, read out of the head's panels where the two are one."""
    for row in tickets(shared, phase, rows.tokens.size):
        token = rows.tokens[row]
        if weights.embedding.shape[0] > 0:
            for i in range(shape.hidden):
                work.hidden[row, i] = from_bf16(weights.embedding[token, i])
        else:
            read_row(weights.head, token, work.hidden[row, : shape.hidden])


@kernel()
def _product(
    isa: Isa, rank: int, shared: Shared, phase: int, matrix: Matrix, layer, work: Work, x, out, rows: int, bias
) -> None:
    """out[:rows] = bias + x[:rows] . the matrix, or added to what is there if no bias is. One ticket: a panel, a block of rows.

    The sums grow side by side and not in ``out``, whose rows are so far apart that they push each other out of the cache.
    """
    room, strip, panels, width = work.gates[rank], work.strips[rank], matrix.whole.shape[1], np.int64(PANEL)
    blocks = (rows + ROW_BLOCK - 1) // ROW_BLOCK
    for ticket in tickets(shared, phase, panels * blocks):
        panel, first = ticket % panels, ticket // panels * ROW_BLOCK
        count = min(ROW_BLOCK, rows - first)
        columns = out[first : first + count, panel * PANEL : (panel + 1) * PANEL]
        _begin_sums(columns, bias[panel * PANEL : (panel + 1) * PANEL], room)
        after = joined(shared)
        multiply(isa, matrix, layer, panel, x, first * x.shape[1], x.shape[1], room, np.int64(0), width, count, after, strip)
        for row in range(count):
            for column in range(PANEL):
                columns[row, column] = room[row, column]


@kernel()
def _begin_sums(columns, bias, room) -> None:
    """room[:n] = the bias [PANEL], or if there is none columns [n, PANEL], whose rows lie too far apart to be foreseen."""
    for row in range(len(columns)):
        if bias.size > 0:
            for column in range(PANEL):
                room[row, column] = bias[column]
        else:
            ask_for_sums(columns[min(row + ROWS_AHEAD, len(columns) - 1)])
            for column in range(PANEL):
                room[row, column] = columns[row, column]


@kernel()
def _norm(isa: Isa, shared: Shared, phase: int, shape: Shape, weight, work: Work, count: int) -> None:
    for row in tickets(shared, phase, count):
        rms_norm(isa, work.hidden[row, : shape.hidden], weight, shape.eps, work.normed[row])


@kernel()
def _rotate_and_store(
    isa: Isa, rank: int, shared: Shared, phase: int, layer: int, shape: Shape, weights: Packed, kv: KV, work: Work, rows: Rows
) -> None:
    """Queries and keys get their positions; keys and values go to their place in the row's block."""
    count = rows.tokens.size
    size = max(1, min(NEIGHBOURS, count // (4 * work.keys.shape[0])))
    for ticket in tickets(shared, phase, (count + size - 1) // size):
        for row in range(ticket * size, min(ticket * size + size, count)):
            _rotate_row(isa, row, layer, shape, weights, kv, work, rows, work.keys[rank])


@kernel()
def _rotate_row(isa: Isa, row: int, layer: int, shape: Shape, weights: Packed, kv: KV, work: Work, rows: Rows, key) -> None:
    size, group, position = shape.head_dim, shape.heads // shape.kv_heads, rows.positions[row]
    cosine, sine, qkv = weights.cosine[position], weights.sine[position], work.qkv[row]
    block, slot = rows.tables[rows.sequences[row], position // PANEL], position % PANEL
    for head in range(shape.heads):
        at = head % group * size
        rotate(isa, qkv[head * size : (head + 1) * size], cosine, sine, work.queries[head // group, row, at : at + size])
    for head in range(shape.kv_heads):
        at = (shape.heads + head) * size
        rotate(isa, qkv[at : at + size], cosine, sine, key)
        keys, values = kv.keys[block, layer, head], kv.values[block, layer, head]
        at += shape.kv_heads * size
        for i in range(size):
            keys[(i // 2 * PANEL + slot) * 2 + i % 2] = operand_bits(isa, key[i])
            values[((i // PANEL * (PANEL // 2) + slot // 2) * PANEL + i % PANEL) * 2 + slot % 2] = to_bf16(qkv[at + i])


@kernel()
def _attend(
    isa: Isa, rank: int, shared: Shared, phase: int, layer: int, shape: Shape, kv: KV, work: Work, rows: Rows, groups
) -> None:
    """One ticket is one KV head and one group of rows; the last groups first, for they have the longest way.

    All groups come to one head before the next: what they read of it may stay in the caches of the thread.
    """
    group = shape.heads // shape.kv_heads
    width = group * shape.head_dim
    room = Attention(work.scores[rank], work.weights[rank], work.sums[rank], work.best[rank], work.total[rank])
    count = groups.shape[0]
    items = count * shape.kv_heads
    for ticket in tickets(shared, phase, items):
        head, which = divmod(items - 1 - ticket, count)
        head_after, later = divmod(max(0, items - 1 - ticket - joined(shared)), count)
        first, together = groups[which, 0], groups[which, 1]
        after = rows.tables[rows.sequences[groups[later, 0]], 0], head_after
        attend(
            isa, work.queries[head], first * width, kv, layer, head, rows.tables[rows.sequences[first]], after,
            rows.positions[first], together, group, shape.head_dim, shape.scale, room,
            work.attended[first : first + together, head * width : (head + 1) * width],
        )  # fmt: skip


@kernel()
def _keep_sampled(shared: Shared, phase, work: Work, rows: Rows) -> None:
    """In the last layer, only sampled rows go on once keys and values are stored: nobody reads what the others would become.

    They move together, each to its place among the sampled. One ticket: a slice of columns.
    """
    sampled, wide = rows.sampled, max(work.hidden.shape[1], work.attended.shape[1])
    slices = 0 if sampled.size == rows.tokens.size else (wide + PANEL - 1) // PANEL
    for ticket in tickets(shared, phase, slices):
        first = ticket * PANEL
        for place in range(sampled.size):
            row = sampled[place]  # never above its place, so that nothing is lost that is still to be moved
            for column in range(first, min(first + PANEL, work.hidden.shape[1])):
                work.hidden[place, column] = work.hidden[row, column]
            for column in range(first, min(first + PANEL, work.attended.shape[1])):
                work.attended[place, column] = work.attended[row, column]


@kernel()
def _gate_up(isa: Isa, rank: int, shared: Shared, phase: int, matrix: Matrix, layer: int, work: Work, count: int) -> None:
    """Gates and ups of one panel side by side, so that SwiGLU needs no memory between them."""
    room, strip, x, width = work.gates[rank], work.strips[rank], work.normed, matrix.whole.shape[1] // 2
    blocks = (count + ROW_BLOCK - 1) // ROW_BLOCK
    for ticket in tickets(shared, phase, width * blocks):
        panel, first = ticket % width, ticket // width * ROW_BLOCK
        rows = min(ROW_BLOCK, count - first)
        for half in range(2):
            room[half * ROW_BLOCK : half * ROW_BLOCK + rows] = 0
            which, at = 2 * panel + half, half * ROW_BLOCK * PANEL
            after = 1 if half == 0 else 2 * joined(shared) - 1
            multiply(
                isa, matrix, layer, which, x, first * x.shape[1], x.shape[1], room, at, np.int64(PANEL), rows, after, strip
            )
        for row in range(rows):
            out = work.active[first + row, panel * PANEL : (panel + 1) * PANEL]
            gate(isa, room[row], room[ROW_BLOCK + row], out)


@kernel()
def _sample(rank: int, shared: Shared, phase: int, shape: Shape, work: Work, choice: Choice) -> None:
    for row in tickets(shared, phase, choice.temperature.size):
        pick(work.logits[row, : shape.vocab], row, rank, choice)


@kernel()
def _attention(
    isa: Isa, rank, first, shared: Shared, phase, layer, shape: Shape, weights: Packed, kv: KV, work: Work, rows, groups
):
    """The first half of a layer: keys and values of all rows are stored, and what these groups see is in ``work.attended``."""
    count = rows.tokens.size
    _norm(isa, shared, phase, shape, weights.attention_norm[layer], work, count)
    meet(shared, first + phase)
    _product(isa, rank, shared, phase + 1, weights.qkv, layer, work, work.normed, work.qkv, count, weights.qkv_bias[layer])
    meet(shared, first + phase + 1)
    _rotate_and_store(isa, rank, shared, phase + 2, layer, shape, weights, kv, work, rows)
    meet(shared, first + phase + 2)
    _attend(isa, rank, shared, phase + 3, layer, shape, kv, work, rows, groups)
    meet(shared, first + phase + 3)


@kernel()
def _mlp(isa: Isa, rank, first, shared: Shared, phase, layer, shape: Shape, weights: Packed, work: Work, count):
    """The second half: what was attended and then the MLP are added to the residual stream of the first ``count`` rows."""
    no_bias = weights.head_bias[:0]  # of a bias's type, so that products are compiled once
    _product(isa, rank, shared, phase, weights.out, layer, work, work.attended, work.hidden, count, no_bias)
    meet(shared, first + phase)
    _norm(isa, shared, phase + 1, shape, weights.mlp_norm[layer], work, count)
    meet(shared, first + phase + 1)
    _gate_up(isa, rank, shared, phase + 2, weights.gate_up, layer, work, count)
    meet(shared, first + phase + 2)
    _product(isa, rank, shared, phase + 3, weights.down, layer, work, work.active, work.hidden, count, no_bias)
    meet(shared, first + phase + 3)


@numba.njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def step(
    isa: Isa,
    rank: int,
    first: int,
    shared: Shared,
    shape: Shape,
    weights: Packed,
    kv: KV,
    work: Work,
    rows: Rows,
    choice: Choice,
) -> None:
    """Compute all rows, store their keys and values, leave the sampled rows' logits in ``work`` and their tokens in ``choice``.

    With an empty ``choice`` the sampler does nothing: that is how logits are asked for. ``first`` is the team's number of the
    first phase; a rank that comes when all is done does nothing.
    """
    sampled, final, phase = rows.sampled.size, shape.layers - 1, len(FIRST)
    last = len(FIRST) + PHASES_PER_LAYER * shape.layers + len(KEEP)
    if not join(shared, rank, first, last + len(LAST)):
        return
    before = open_tiles(isa)
    _clear(shared, 0, kv, rows)
    meet(shared, first)
    _embed(shared, 1, shape, weights, work, rows)
    meet(shared, first + 1)
    for layer in range(final):
        _attention(isa, rank, first, shared, phase, layer, shape, weights, kv, work, rows, rows.groups)
        _mlp(isa, rank, first, shared, phase + len(ATTENTION), layer, shape, weights, work, rows.tokens.size)
        phase += PHASES_PER_LAYER
    _attention(isa, rank, first, shared, phase, final, shape, weights, kv, work, rows, rows.sampled_groups)
    phase += len(ATTENTION)
    _keep_sampled(shared, phase, work, rows)
    meet(shared, first + phase)
    _mlp(isa, rank, first, shared, phase + 1, final, shape, weights, work, sampled)
    _norm(isa, shared, last, shape, weights.last_norm, work, sampled)
    meet(shared, first + last)
    _product(isa, rank, shared, last + 1, weights.head, np.int64(0), work, work.normed, work.logits, sampled, weights.head_bias)
    meet(shared, first + last + 1)
    close_tiles(isa, before)
    _sample(rank, shared, last + 2, shape, work, choice)
    meet(shared, first + last + 2)
    if rank == 0:
        shared.began[last + 3] = cycles()
