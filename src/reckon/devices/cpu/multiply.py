"""Rows times a panel: how many rows a tile takes, which piece of the panel, and what memory is asked for meanwhile.

Called from step.py and, for panels of keys and values, from kernels.py. Cutting a product changes no bit: a sum takes its
products in an order of k (``tile``), and between two pieces of k it rests in ``out``; pieces are whole steps of AMX
(``amx.STEP``). A set with tiles reads and writes up to TILE_ROWS - 1 rows behind the last one of x and out: they must be there,
and nobody may need them.

Who calls gives constants as np.int64: any other is a type of its own to numba, for which all of this is compiled again.
"""

import numpy as np

from reckon.devices.cpu.codes import BASE_BITS, SPAN, SQUEEZED_PAIR, WHOLE_PAIR
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.isa import EXPANDED_ROWS, MOST_ROWS, Isa
from reckon.devices.cpu.matrix import Matrix, expand, reads_squeezed
from reckon.devices.cpu.tile import expanding_tile, tile

ASKING_ROWS = 8
"""For up to so many rows memory is already asked for more while a strip is expanded. Products with more have time for that."""
MANY_ROWS = 16
"""More rows are done with a strip only when memory has brought the next; of fewer, strips must be short for that. Twice as many
and more do not wait for memory: longer strips spare them sums that are put down and taken up again. Squeezed weights are
expanded a span at a time, and one more for each so many rows."""


@kernel()
def multiply(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip):
    """out[rows, PANEL] += x[rows, K] . a panel of the matrix; offsets and strides in elements, as in ``tile``.

    ``after``: how many panels behind this one lies what will probably be multiplied next; strip [isa.strip_spans spans]: room
    for squeezed weights to be expanded.
    """
    if reads_squeezed(isa, matrix.whole.shape[0] > 0, matrix.squeezed.shape[0] > 0, rows):
        _multiply_squeezed(isa, matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip)
    else:
        _multiply_whole(isa, matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after)


@kernel()
def _multiply_whole(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after):
    """k is cut so that a piece of the panel stays in cache for all rows, and memory is asked for the next piece meanwhile."""
    w, pairs, size = matrix.whole[layer, panel], matrix.pairs, isa.strip_pairs
    if rows <= MANY_ROWS:
        size //= 2
    elif rows > 2 * MANY_ROWS:
        size *= 2
    for k in range(0, pairs, size):
        soon = k + size if k + size < pairs else pairs * after
        multiply_near(
            isa, w, k * WHOLE_PAIR, x, x_at + 2 * k, x_stride, out, out_at, out_stride, min(size, pairs - k), rows,
            w, soon * WHOLE_PAIR, np.int64(WHOLE_PAIR),
        )  # fmt: skip


@kernel()
def _multiply_squeezed(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip):
    """A few rows expand a span on the way, if there are no exceptions in it; else spans are expanded before."""
    w, spans, pairs, each = matrix.squeezed[layer, panel], matrix.spans[layer, panel], matrix.pairs, np.int64(SQUEEZED_PAIR)
    size = SPAN * max(1, min(isa.strip_spans, rows // MANY_ROWS))
    ahead = max(isa.ahead_pairs, size)
    for k in range(0, pairs, size):
        count, span, w_at, xa = min(size, pairs - k), k // SPAN, k * SQUEEZED_PAIR, x_at + 2 * k
        soon = (k + ahead if k + ahead < pairs else k + ahead - pairs + pairs * after) * SQUEEZED_PAIR
        exceptions, base = spans[span] >> BASE_BITS != spans[span + 1] >> BASE_BITS, np.uint8(spans[span] & 0xFF)
        if rows <= EXPANDED_ROWS and not exceptions:
            expanding_tile(isa, rows, w, w_at, base, x, xa, x_stride, out, out_at, out_stride, count, w, soon, each)
        else:
            asked = soon if rows <= ASKING_ROWS else w_at  # what is there already costs nothing
            _expand_spans(isa, matrix, layer, panel, k, count, strip, asked)
            multiply_near(isa, strip, np.int64(0), x, xa, x_stride, out, out_at, out_stride, count, rows, w, soon, each)


@kernel()
def _expand_spans(isa: Isa, matrix: Matrix, layer, panel, k, count, strip, asked):
    for first in range(0, count, SPAN):
        room, more = strip[first * WHOLE_PAIR :], asked + first * SQUEEZED_PAIR
        expand(isa, matrix, layer, panel, k + first, min(SPAN, count - first), room, more)


@kernel()
def multiply_near(isa: Isa, w, w_at, x, x_at, x_stride, out, out_at, out_stride, pairs, rows, soon, soon_at, soon_pair):
    """out[rows, PANEL] += x[rows, 2 * pairs] . panel, all of k at once: for as much of a panel as a cache holds.

    Meanwhile memory is asked for ``pairs`` pairs of ``soon`` from ``soon_at`` on, of ``soon_pair`` elements each. About every
    group of rows asks for its share, so that memory has something to do throughout.
    """
    groups = (rows + isa.rows - 1) // isa.rows
    halvings = 0 if groups <= 1 else 1 if groups <= 3 else 2 if groups <= 7 else 3
    row, each, end = 0, soon_pair >> halvings, soon_at + pairs * soon_pair
    while row < rows:
        left, xa, oa = rows - row, x_at + row * x_stride, out_at + row * out_stride
        count = min(isa.rows, left)
        if isa.rows == MOST_ROWS and MOST_ROWS < left <= MOST_ROWS + 2:
            # One or two rows at the end would be too few sums to keep the multipliers busy. Tiles always have the same work.
            count = (left + 1) // 2
        tile(isa, count, w, w_at, x, xa, x_stride, out, oa, out_stride, pairs, soon, soon_at, each)
        row += count
        # What has been asked for is asked for again, at the price of the instruction alone.
        soon_at = soon_at + pairs * each if soon_at + pairs * each < end else soon_at
