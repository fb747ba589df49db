"""Products by AMX: tiles of 16 rows by 16 columns, 32 k at a time. Written as LLVM IR, called from tile.py and step.py.

``tdpbf16ps`` adds, for every row and column, the products of 16 even k in their order, beginning at 0, those of 16 odd k
likewise, and then the sum of both to the accumulator (Intel's Architecture Instruction Set Extensions, TDPBF16PS). So a sum's
order is fixed here as well, by k alone, if k is cut at whole steps from where the panel begins. Tiles are set up once a step of
the model, for 16 rows. Where there are fewer, what lies behind them is read and written, which nobody may need.

A panel of 64 columns in pairs of k is four of the tiles that weights have to be in: they are loaded as they lie.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.intrinsics import I8, I32, I64, PANEL, PTR, WORDS_IN_LINE, ask, call_x86, i64, on_x86
from reckon.devices.cpu.isa import TILE_ROWS
from reckon.devices.cpu.products import WidenedProduct, splat

TILES = 8
STEP = 16
"""Pairs of k in a tile of rows or of weights."""
LINE = 64
"""Bytes of a row of a tile."""
TILE = TILE_ROWS * LINE
PAIR = 4
"""Bytes of two bf16."""
FLUSH = 1 << 15 | 1 << 6
"""Of a thread's MXCSR: results below 2**-126 are 0, and such operands are taken for 0."""
SUMS, X, WEIGHTS = (0, 1, 2, 3), 4, (5, 6, 7)
"""Which tiles are what. Weights have three, so that one can be loaded while others are multiplied."""


def _moved(builder: ir.IRBuilder, address: ir.Value, *numbers: ir.Value) -> ir.Value:
    for number in numbers:
        address = builder.gep(address, [number], source_etype=I8)
    return address


def _room(builder: ir.IRBuilder, size: int) -> ir.Value:
    """Bytes on the stack, as long as the function runs."""
    # By way of an integer: llvmlite gives a typed pointer, and checks what is stored there.
    place = cgutils.alloca_once(builder, ir.VectorType(I8, LINE), size // LINE)
    return builder.inttoptr(builder.ptrtoint(place, I64), PTR)


@contextmanager
def _repeat(builder: ir.IRBuilder, count: ir.Value) -> Iterator[ir.Value]:
    """``for i in range(count)``: its body is what is written meanwhile."""
    with cgutils.for_range(builder, count, intp=I64) as loop:
        yield loop.index


class _Unit:
    """AMX's own instructions."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self._builder = builder

    def load(self, number: int, address: ir.Value, stride: ir.Value) -> None:
        call_x86(self._builder, "tileloadd64", ir.Constant(I8, number), address, stride)

    def store(self, number: int, address: ir.Value, stride: ir.Value) -> None:
        call_x86(self._builder, "tilestored64", ir.Constant(I8, number), address, stride)

    def multiply(self, sums: int, x: int, weights: int) -> None:
        """sums [16, 16] += x [16, 2 * STEP] . weights [STEP, 16, 2]."""
        call_x86(self._builder, "tdpbf16ps", *(ir.Constant(I8, number) for number in (sums, x, weights)))

    def open(self) -> None:
        """All tiles have 16 rows of 64 bytes from now on, for this thread."""
        shapes = [1, *[0] * 15, *[LINE, 0] * TILES, *[0] * (32 - 2 * TILES), *[TILE_ROWS] * TILES, *[0] * (16 - TILES)]
        kind = ir.VectorType(I8, 64)
        place = _room(self._builder, LINE)
        self._builder.store(ir.Constant(kind, shapes), place, align=1)
        call_x86(self._builder, "ldtilecfg", place)

    def close(self) -> None:
        """The system need not save them any more."""
        call_x86(self._builder, "tilerelease")


class _Emulated(_Unit):
    """The same by vectors, with tiles in memory."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        super().__init__(builder)
        self._tiles = _room(builder, TILES * TILE)
        self._product = WidenedProduct(builder, WORDS_IN_LINE)

    def load(self, number: int, address: ir.Value, stride: ir.Value) -> None:
        self._copy(address, stride, self._tile(number), i64(LINE))

    def store(self, number: int, address: ir.Value, stride: ir.Value) -> None:
        self._copy(self._tile(number), i64(LINE), address, stride)

    def multiply(self, sums: int, x: int, weights: int) -> None:
        b, product = self._builder, self._product
        totals = [_room(b, LINE) for _ in product.parts]  # of even and of odd k
        with _repeat(b, i64(TILE_ROWS)) as row:
            line = b.mul(row, i64(LINE))
            for total in totals:
                b.store(ir.Constant(product.floats, [0.0] * WORDS_IN_LINE), total, align=4)
            with _repeat(b, i64(STEP)) as pair:
                both = b.load(_moved(b, self._tile(x), line, b.mul(pair, i64(PAIR))), align=4, typ=I32)
                row_pair = splat(b, both, WORDS_IN_LINE)
                pairs = b.load(_moved(b, self._tile(weights), b.mul(pair, i64(LINE))), align=4, typ=product.ints)
                for part, total in enumerate(totals):
                    before = b.load(total, align=4, typ=product.floats)
                    after = product.add(before, product.weights(row_pair, part), product.weights(pairs, part))
                    b.store(after, total, align=4)
            even, odd = (b.load(total, align=4, typ=product.floats) for total in totals)
            place = _moved(b, self._tile(sums), line)
            b.store(b.fadd(b.load(place, align=4, typ=product.floats), b.fadd(even, odd)), place, align=4)

    def open(self) -> None:
        """Vectors need no setting up."""

    def close(self) -> None:
        """Nor anything else."""

    def _tile(self, number: int) -> ir.Value:
        return _moved(self._builder, self._tiles, i64(number * TILE))

    def _copy(self, source: ir.Value, stride: ir.Value, target: ir.Value, target_stride: ir.Value) -> None:
        b, line = self._builder, ir.VectorType(I8, LINE)
        with _repeat(b, i64(TILE_ROWS)) as row:
            bits = b.load(_moved(b, source, b.mul(row, stride)), align=4, typ=line)
            b.store(bits, _moved(b, target, b.mul(row, target_stride)), align=4)


_UNITS = {sets.Amx: _Unit, sets.AmxEmulated: _Emulated}


def has_tiles(isa: Any) -> bool:
    """Whether a set, as numba types it, multiplies by tiles."""
    return isa.instance_class in _UNITS


@intrinsic
def open_tiles(typing_context, isa):
    """Before a thread's first product. Returns what ``close_tiles`` needs; nothing happens for sets without tiles.

    tdpbf16ps takes numbers below 2**-126 for 0, so until ``close_tiles`` vectors do that as well, on x86.
    """

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if not has_tiles(isa):
            return ir.Constant(I32, 0)
        _UNITS[isa.instance_class](builder).open()
        if not on_x86(builder):
            return ir.Constant(I32, 0)
        place = _room(builder, LINE)
        call_x86(builder, "sse.stmxcsr", place)
        before = builder.load(place, align=4, typ=I32)
        builder.store(builder.or_(before, ir.Constant(I32, FLUSH)), place, align=4)
        call_x86(builder, "sse.ldmxcsr", place)
        return before

    return types.int32(isa), generate


@intrinsic
def close_tiles(typing_context, isa, before):
    """After its last one; ``before`` is what ``open_tiles`` returned."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if has_tiles(isa):
            _UNITS[isa.instance_class](builder).close()
            if on_x86(builder):
                place = _room(builder, LINE)
                builder.store(args[1], place, align=4)
                call_x86(builder, "sse.ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(isa, types.int32), generate


def multiply_tiles(builder, isa, weights, x, x_stride, out, out_stride, pairs, soon, soon_pair) -> None:
    """out [TILE_ROWS, PANEL] += x [TILE_ROWS, 2 * pairs] . weights [pairs, PANEL, 2]: addresses, and strides of ``tile``."""
    b, unit = builder, _UNITS[isa.instance_class](builder)
    x_stride, out_stride = b.mul(x_stride, i64(2)), b.mul(out_stride, i64(4))
    columns = [(sums, _moved(b, out, i64(sums * LINE))) for sums in SUMS]
    asked = b.sdiv(b.mul(soon_pair, i64(2 * STEP)), i64(LINE))  # lines
    for sums, place in columns:
        unit.load(sums, place, out_stride)
    with _repeat(b, b.sdiv(pairs, i64(STEP))) as step:
        _ask_for(b, _moved(b, soon, b.mul(step, b.mul(asked, i64(LINE)))), asked)
        pair = b.mul(step, i64(STEP))
        _multiply(b, unit, _moved(b, x, b.mul(pair, i64(PAIR))), x_stride, _moved(b, weights, b.mul(pair, i64(PANEL * PAIR))))
    left = b.srem(pairs, i64(STEP))
    with b.if_then(b.icmp_signed(">", left, i64(0))):
        pair = b.sub(pairs, left)
        x_rest, weights_rest = _moved(b, x, b.mul(pair, i64(PAIR))), _moved(b, weights, b.mul(pair, i64(PANEL * PAIR)))
        _multiply(b, unit, *_with_zeros(b, x_rest, x_stride, weights_rest, left))
    for sums, place in columns:
        unit.store(sums, place, out_stride)


def _multiply(builder: ir.IRBuilder, unit: _Unit, x: ir.Value, x_stride: ir.Value, weights: ir.Value) -> None:
    """One step of k."""
    unit.load(X, x, x_stride)
    for sums in SUMS:
        tile = WEIGHTS[sums % len(WEIGHTS)]
        unit.load(tile, _moved(builder, weights, i64(sums * LINE)), i64(PANEL * PAIR))
        unit.multiply(sums, X, tile)


def _ask_for(builder: ir.IRBuilder, address: ir.Value, lines: ir.Value) -> None:
    """All at once: what AMX was measured with. AMD's processors would drop most of so many."""
    with _repeat(builder, lines) as line:
        ask(builder, _moved(builder, address, builder.mul(line, i64(LINE))), near=False)


def _with_zeros(builder, x, x_stride, weights, pairs) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Copies of fewer than STEP pairs with zeros behind them: rows, their stride in bytes, weights.

    Those of the weights are -0: their products with 0 add nothing, not even to a sum that is -0.
    """
    b = builder
    rows, panel, line = _room(b, TILE), _room(b, STEP * PANEL * PAIR), ir.VectorType(I8, LINE)
    for room, size, zero in ((rows, TILE, [0, 0]), (panel, STEP * PANEL * PAIR, [0, 0x80])):
        with _repeat(b, i64(size // LINE)) as at:
            b.store(ir.Constant(line, zero * (LINE // 2)), _moved(b, room, b.mul(at, i64(LINE))), align=4)
    with _repeat(b, b.mul(pairs, i64(PANEL * PAIR // LINE))) as at:
        place = b.mul(at, i64(LINE))
        b.store(b.load(_moved(b, weights, place), align=4, typ=line), _moved(b, panel, place), align=4)
    with _repeat(b, i64(TILE_ROWS)) as row, _repeat(b, pairs) as pair:
        pair_at = b.mul(pair, i64(PAIR))
        both = b.load(_moved(b, x, b.mul(row, x_stride), pair_at), align=4, typ=I32)
        b.store(both, _moved(b, rows, b.mul(row, i64(LINE)), pair_at), align=4)
    return rows, i64(LINE), panel
