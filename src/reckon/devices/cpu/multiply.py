"""Rows times a panel: how many rows a tile takes, which piece of the panel, and what memory is asked for meanwhile.

Called from step.py and, for panels of keys and values, from kernels.py. Any way to cut a product is exact: a sum over k is one
accumulator that takes its products in order (``tile``), and between two pieces of k it rests in ``out``.

Who calls gives constants as np.int64: any other is a type of its own to numba, for which all of this is compiled again.
"""

import numpy as np

from reckon.devices.cpu.codes import BASE_BITS, SPAN, SQUEEZED_PAIR, WHOLE_PAIR
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.isa import Isa
from reckon.devices.cpu.matrix import SQUEEZED_ROWS, Matrix, expand
from reckon.devices.cpu.tile import expanding_tile, tile

MOST_ROWS = 6
"""Rows of a tile: each load of the weights serves them all, and their sums fill the registers."""
PAIRS_IN_CACHE = 608
"""Pairs of k multiplied before the next of many rows come: 608 * PANEL * 4 bytes stay in a core's second-level cache."""
MANY_ROWS = 16
"""More rows are done with a strip only when memory has brought the next; of fewer, strips must be short for that."""
AHEAD = 64
"""Pairs of k from a squeezed strip to the one that memory is asked for meanwhile: two strips."""


@kernel()
def multiply(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip):
    """out[rows, PANEL] += x[rows, K] . a panel of the matrix; offsets and strides in elements, as in ``tile``.

    ``after``: how many panels behind this one lies what will probably be multiplied next; strip [SPAN * WHOLE_PAIR]: room for
    squeezed weights to be expanded.
    """
    whole, squeezed = matrix.whole.shape[0] > 0, matrix.squeezed.shape[0] > 0
    if squeezed and (rows <= SQUEEZED_ROWS or not whole):
        _multiply_squeezed(isa, matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip)
    else:
        _multiply_whole(isa, matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after)


@kernel()
def _multiply_whole(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after):
    """k is cut so that a piece of the panel stays in cache for all rows, and memory is asked for the next piece meanwhile."""
    w, pairs = matrix.whole[layer, panel], matrix.pairs
    size, asks = PAIRS_IN_CACHE if rows > 8 else pairs, isa.strip > 0
    if asks:
        size = isa.strip if rows > MANY_ROWS else isa.strip // 2
    for k in range(0, pairs, size):
        count, soon = min(size, pairs - k), k
        if asks:
            soon = k + size if k + size < pairs else pairs * after
        multiply_near(
            isa, w, k * WHOLE_PAIR, x, x_at + 2 * k, x_stride, out, out_at, out_stride, count, rows,
            w, soon * WHOLE_PAIR, np.int64(WHOLE_PAIR),
        )  # fmt: skip


@kernel()
def _multiply_squeezed(isa: Isa, matrix: Matrix, layer, panel, x, x_at, x_stride, out, out_at, out_stride, rows, after, strip):
    """Span by span. A few rows expand it on the way if there are no exceptions in it; else it is expanded before."""
    w, spans, pairs, each = matrix.squeezed[layer, panel], matrix.spans[layer, panel], matrix.pairs, np.int64(SQUEEZED_PAIR)
    for k in range(0, pairs, SPAN):
        count, span, w_at, xa = min(SPAN, pairs - k), k // SPAN, k * SQUEEZED_PAIR, x_at + 2 * k
        soon = (k + AHEAD if k + AHEAD < pairs else k + AHEAD - pairs + pairs * after) * SQUEEZED_PAIR
        exceptions, base = spans[span] >> BASE_BITS != spans[span + 1] >> BASE_BITS, np.uint8(spans[span] & 0xFF)
        if exceptions or rows > SQUEEZED_ROWS:
            expand(isa, matrix, layer, panel, k, count, strip, soon)
            multiply_near(isa, strip, np.int64(0), x, xa, x_stride, out, out_at, out_stride, count, rows, w, soon, each)
        else:
            expanding_tile(
                isa, SQUEEZED_ROWS, rows, w, w_at, base, x, xa, x_stride, out, out_at, out_stride, count, w, soon, each
            )


@kernel()
def multiply_near(isa: Isa, w, w_at, x, x_at, x_stride, out, out_at, out_stride, pairs, rows, soon, soon_at, soon_pair):
    """out[rows, PANEL] += x[rows, 2 * pairs] . panel, all of k at once: for as much of a panel as a cache holds.

    Meanwhile memory is asked for ``pairs`` pairs of ``soon`` from ``soon_at`` on, of ``soon_pair`` elements each. About every
    group of rows asks for its share, so that memory has something to do throughout.
    """
    halvings = 0 if rows <= 6 else 1 if rows <= 18 else 2 if rows <= 42 else 3
    each, end = soon_pair >> halvings, soon_at + pairs * soon_pair
    for row in range(0, rows, MOST_ROWS):
        count, xa, oa = min(MOST_ROWS, rows - row), x_at + row * x_stride, out_at + row * out_stride
        tile(isa, MOST_ROWS, count, w, w_at, x, xa, x_stride, out, oa, out_stride, pairs, soon, soon_at, each)
        # What has been asked for is asked for again, at the price of the instruction alone.
        soon_at = soon_at + pairs * each if soon_at + pairs * each < end else soon_at
