"""A matrix of weights as the step reads it: panels of 64 columns, as they are, squeezed (``codes.py``), or both.

Squeezed weights are expanded into bf16 some spans at a time, in registers or near caches, so that what is multiplied is the
checkpoint's weights bit for bit, while memory is read for three quarters of their bytes.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable
from numpy.typing import NDArray

from reckon.devices.cpu.arena import LINE
from reckon.devices.cpu.bf16 import from_bf16
from reckon.devices.cpu.codes import BASE_BITS, GROUP, ORDER, SPAN, SQUEEZED_PAIR, WHOLE_PAIR, Decoder
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import I8, I32, PANEL, array_address, ask, i64
from reckon.devices.cpu.isa import Isa


class Matrix(NamedTuple):
    """[N, K] of each of L layers as ceil(N / PANEL) panels of K / 2 pairs. A form that is not kept has 0 for L."""

    pairs: int
    whole: NDArray[np.uint16]  # [L, panels, pairs * WHOLE_PAIR]
    squeezed: NDArray[np.uint16]  # [L, panels, pairs * SQUEEZED_PAIR]
    spans: NDArray[np.int64]  # [L, panels, spans + 1]: the number of a span's first exception << BASE_BITS | its base
    exceptions: NDArray[np.int64]  # an exception's element in its whole panel << 16 | its bf16


@register_jitable(error_model="numpy", _nrt=False)
def reads_squeezed(isa: Isa, whole: bool, squeezed: bool, rows: int) -> bool:
    """Which form of a matrix, kept in one or both, a product with so many rows reads. Called from Python, too."""
    return squeezed and (rows <= isa.squeezed_rows or not whole)


@intrinsic(prefer_literal=True)
def _expand_pair(typing_context, isa, panel, at, room, room_at, base, soon_at):
    """One pair of k of a squeezed panel -> WHOLE_PAIR bf16, without exceptions; memory is asked for another, at ``soon_at``.

    Offsets are in elements; ``base`` is a uint8.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        _isa, panel_array, offset, room_array, room_offset, base, soon = args
        pair = array_address(context, builder, panel, panel_array, offset)
        out = array_address(context, builder, room, room_array, room_offset)
        asked = array_address(context, builder, panel, panel_array, soon)
        for line in range(0, 2 * SQUEEZED_PAIR, LINE):
            ask(builder, builder.gep(asked, [i64(line)], source_etype=I8))
        decoder = Decoder(builder, isa.instance_class, base)
        for group in range(0, PANEL // GROUP, decoder.groups):
            for half, words in enumerate(decoder.words(pair, group)):
                place = i64(GROUP * group + words.type.count * half)
                builder.store(words, builder.gep(out, [place], source_etype=I32), align=32)
        return context.get_dummy_value()

    return types.void(isa, panel, types.int64, room, types.int64, types.uint8, types.int64), generate


@kernel()
def expand(isa: Isa, matrix: Matrix, layer, panel, first, count, room, soon):
    """Pairs [first, first + count) of a squeezed panel, a span, -> bf16 in room [count * WHOLE_PAIR].

    Meanwhile memory is asked for as many pairs from the panel's element ``soon`` on.
    """
    source, spans, span = matrix.squeezed[layer, panel], matrix.spans[layer, panel], first // SPAN
    base = np.uint8(spans[span] & 0xFF)
    for pair in range(count):
        at, asked = (first + pair) * SQUEEZED_PAIR, soon + pair * SQUEEZED_PAIR
        _expand_pair(isa, source, at, room, pair * WHOLE_PAIR, base, asked)
    for which in range(spans[span] >> BASE_BITS, spans[span + 1] >> BASE_BITS):
        exception = matrix.exceptions[which]
        room[(exception >> 16) - first * WHOLE_PAIR] = np.uint16(exception)


@kernel()
def read_row(matrix: Matrix, n, out):
    """Row n of the first layer's matrix -> float32 in out [at most K]."""
    panel, column = n // PANEL, n % PANEL
    if matrix.whole.shape[0] > 0:
        for k in range(out.size):
            out[k] = from_bf16(matrix.whole[0, panel, (k // 2 * PANEL + column) * 2 + k % 2])
    else:
        _read_squeezed(matrix.squeezed[0, panel], matrix.spans[0, panel], matrix.exceptions, column, out)


@kernel()
def _read_squeezed(panel, spans, exceptions, column, out):
    group, place = column // GROUP * GROUP, 2 * ORDER[column % GROUP]
    for k in range(out.size):
        pair, at = k // 2, place + k % 2
        lower = np.int64(panel[pair * SQUEEZED_PAIR + group + at // 2]) >> 8 * (at % 2)
        codes = np.int64(panel[pair * SQUEEZED_PAIR + PANEL + (group + at % GROUP) // 2])
        code = codes >> (8 * (at % 2) + 4 * (at // GROUP))
        bits = (code >> 3 & 1) << 15 | ((code & 7) + (spans[pair // SPAN] & 0xFF)) << 8 | lower & 0xFF
        out[k] = from_bf16(np.uint16(bits))
    for which in range(spans[0] >> BASE_BITS, spans[spans.size - 1] >> BASE_BITS):
        element = exceptions[which] >> 16
        k = element // WHOLE_PAIR * 2 + element % 2
        if element // 2 % PANEL == column and k < out.size:
            out[k] = from_bf16(np.uint16(exceptions[which]))
