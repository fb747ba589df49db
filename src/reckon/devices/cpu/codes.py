"""Weights of bf16 in 12 bits each, without any loss: how a squeezed panel is written, and LLVM IR that reads it.

A bf16 has a sign, eight bits of exponent and seven of mantissa, and the exponents of neighbours differ little. Its lower byte
(the exponent's last bit and the mantissa) stays as it is. For the upper one four bits do: the sign, and how far the rest of the
exponent is above a base that SPAN pairs of k share. That covers 16 powers of two; weights beyond them are exceptions, kept
in a list (``matrix.py``). That so few exponents occur was put to use by DFloat11 (Zhang and others 2025), which saves a little
more by a variable length.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.intrinsics import I8, I32, PANEL, i64

SPAN = 32
"""Pairs of k that share a base."""
WHOLE_PAIR = 2 * PANEL
"""uint16 of a pair of k for all columns of a panel."""
SQUEEZED_PAIR = WHOLE_PAIR * 3 // 4
"""The same where it is squeezed: the lower bytes of all columns, then four bits for each of them."""
BASE_BITS = 8
"""Of what a span is described by: below the number of its first exception."""
CODES = 8
"""How many values, from the base on, an upper byte without its sign can have."""
GROUP = 16
"""Columns whose bytes lie together: 32 lower bytes, and 16 with the codes of 32 upper ones."""
ORDER = np.array([*range(4), *range(8, 12), *range(4, 8), *range(12, 16)])
"""The columns of a group as their bytes lie: x86 interleaves the bytes of two vectors by halves of 16 bytes."""

_WIDE_TABLE = "llvm.x86.avx512.pshuf.b.512"
_TABLES = {
    sets.Amx: _WIDE_TABLE, sets.Avx512Bf16: _WIDE_TABLE, sets.Avx512: _WIDE_TABLE, sets.Avx2: "llvm.x86.avx2.pshuf.b",
    sets.Generic: "", sets.AmxEmulated: "",
}  # fmt: skip
"""The instruction that looks bytes up in a table of 16, if the set has one."""


class Decoder:
    """Writes the instructions that turn codes into bf16, within one function and for one base, which is a uint8.

    ``groups`` are expanded at a time, into two vectors: of 16 words each where registers hold that, else of 8.
    """

    def __init__(self, builder: ir.IRBuilder, isa: Any, base: ir.Value) -> None:
        self._builder = builder
        self._table = _TABLES[isa]
        self.groups = 2 if self._table == _WIDE_TABLE else 1
        self._codes, self._bytes = ir.VectorType(I8, GROUP * self.groups), ir.VectorType(I8, 2 * GROUP * self.groups)
        self._words = ir.VectorType(I32, GROUP // 2 * self.groups)
        one = builder.insert_element(ir.Constant(self._bytes, ir.Undefined), base, ir.Constant(I32, 0))
        self._base = builder.shuffle_vector(one, one, _places([0] * self._bytes.count))
        if self._table:
            lanes = [*range(CODES), *range(128, 128 + CODES)] * (2 * self.groups)
            self._base = builder.add(ir.Constant(self._bytes, lanes), self._base)

    def words(self, pair: ir.Value, group: int) -> list[ir.Value]:
        """The columns of ``groups`` groups from this one on, of the pair of k at this address, as two vectors of words.

        A word is a column's two bf16 of the pair.
        """
        b = self._builder
        lower = b.load(b.gep(pair, [i64(2 * GROUP * group)], source_etype=I8), align=32, typ=self._bytes)
        at = b.gep(pair, [i64(2 * PANEL + GROUP * group)], source_etype=I8)
        upper = self._upper(self._unpacked(b.load(at, align=16, typ=self._codes)))
        return [b.bitcast(b.shuffle_vector(lower, upper, self._interleaved(half)), self._words) for half in range(2)]

    def _unpacked(self, codes: ir.Value) -> ir.Value:
        """Bytes of two codes each -> twice as many bytes: the lower halves of all, then the upper ones."""
        b, words, count = self._builder, self._words, self._words.count
        twice = b.shuffle_vector(codes, codes, _places([*range(self._codes.count)] * 2))
        shifted = b.lshr(b.bitcast(twice, words), ir.Constant(words, [0] * (count // 2) + [4] * (count // 2)))
        return b.bitcast(b.and_(shifted, ir.Constant(words, [0x0F0F0F0F] * count)), self._bytes)

    def _upper(self, codes: ir.Value) -> ir.Value:
        """Codes -> signs and upper exponents: one look into a table where the processor has tables, else by arithmetic."""
        b = self._builder
        if self._table:
            kind = ir.FunctionType(self._bytes, [self._bytes, self._bytes])
            return b.call(cgutils.get_or_insert_function(b.module, kind, self._table), [self._base, codes])
        all_lanes = lambda number: ir.Constant(self._bytes, [number] * self._bytes.count)  # noqa: E731
        above = b.add(b.and_(codes, all_lanes(CODES - 1)), self._base)
        return b.or_(above, b.shl(b.and_(codes, all_lanes(CODES)), all_lanes(4)))

    def _interleaved(self, half: int) -> ir.Constant:
        """Which lower and upper bytes make the words of this half of the columns: with one group vpunpcklbw and vpunpckhbw."""
        columns = GROUP // 2 * self.groups
        lanes = []
        for column in range(columns * half, columns * (half + 1)):
            group, first = column // GROUP, 2 * int(ORDER[column % GROUP])
            for place in (first, first + 1):
                unpacked = (place // GROUP * self.groups + group) * GROUP + place % GROUP
                lanes += [2 * GROUP * group + place, self._bytes.count + unpacked]
        return _places(lanes)


def _places(lanes: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(lanes)), lanes)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def squeeze(whole, panel, spans, exceptions):
    """A whole panel [pairs, PANEL, 2] -> its squeezed form, in the other arguments; returns how many exceptions it has.

    panel: bytes [pairs, 2 * SQUEEZED_PAIR]; spans [S + 1], which count from the panel's first exception; exceptions [as many as
    the panel has weights, or more]. Columns that pad a last panel are weights of 0, mostly exceptions.
    """
    seen = np.zeros(128, np.int64)
    count = 0
    for span in range(len(spans) - 1):
        first, end = span * SPAN, min((span + 1) * SPAN, len(whole))
        base = _base(whole[first:end], seen)
        spans[span] = count << BASE_BITS | base
        for pair in range(first, end):
            lower, codes = panel[pair, :WHOLE_PAIR], panel[pair, WHOLE_PAIR:]
            codes[:] = 0
            for column in range(PANEL):
                group, place = column // GROUP * 2 * GROUP, 2 * ORDER[column % GROUP]
                for half in range(2):
                    bits = np.int64(whole[pair, column, half])
                    above = (bits >> 8 & 0x7F) - base
                    if above < 0 or above >= CODES:
                        exceptions[count] = ((pair * PANEL + column) * 2 + half) << 16 | bits
                        count += 1
                        above = 0
                    lower[group + place + half] = bits & 0xFF
                    code = (bits >> 15) << 3 | above
                    codes[group // 2 + (place + half) % GROUP] |= code << 4 * ((place + half) // GROUP)
    spans[len(spans) - 1] = count << BASE_BITS
    return count


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _base(whole, seen):
    """The base that leaves the fewest exceptions in whole [pairs, PANEL, 2]; of several the least."""
    seen[:] = 0
    for bits in whole.flat:
        seen[(bits >> 8) & 0x7F] += 1
    within = seen[:CODES].sum()
    best, most = 0, within
    for base in range(1, len(seen) - CODES + 1):
        within += seen[base + CODES - 1] - seen[base - 1]
        if within > most:
            best, most = base, within
    return best
