"""How an instruction set multiplies a pair of k, and in what form it wants rows. Written as LLVM IR, for tile.py, amx.py.

``operand`` and ``operand_bits`` are for kernels.py and step.py, which write rows.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.intrinsics import F32, I16, I32, i64


class _BFloat(ir.types.Type):
    """LLVM's bfloat, which llvmlite does not name."""

    null = "0.0"
    intrinsic_name = "bf16"

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


BFLOAT = _BFloat()


def splat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    """The scalar in all lanes of a vector."""
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def _splat_pair(builder: ir.IRBuilder, x_row: ir.Value, k: ir.Value, lanes: int) -> ir.Value:
    """Pair k of a row of bf16 in all lanes."""
    return splat(builder, builder.load(builder.gep(x_row, [k], source_etype=I32), align=4, typ=I32), lanes)


class PairProduct:
    """accumulator + x pair . w pairs with vdpbf16ps. Rows are bf16."""

    operand = types.uint16
    parts = (0,)
    apart = False

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.floats, self.pairs = ir.VectorType(F32, lanes), ir.VectorType(BFLOAT, 2 * lanes)
        signature = ir.FunctionType(self.floats, [self.floats, self.pairs, self.pairs])
        self.dot = cgutils.get_or_insert_function(builder.module, signature, "llvm.x86.avx512bf16.dpbf16ps.512")

    def weights(self, bits: ir.Value, part: int) -> ir.Value:
        return self.builder.bitcast(bits, self.pairs)

    def row(self, x_row: ir.Value, k: ir.Value, part: int) -> ir.Value:
        return self.builder.bitcast(_splat_pair(self.builder, x_row, k, self.lanes), self.pairs)

    def add(self, accumulator: ir.Value, row: ir.Value, weights: ir.Value) -> ir.Value:
        return self.builder.call(self.dot, [accumulator, row, weights])


class WidenedProduct:
    """The same by widening weights to float32: two multiply-adds, the even k first. Rows are float32 with the values of bf16.

    A row's number is then loaded into all lanes by one instruction, or by the multiply-add itself.
    """

    operand = types.float32
    parts = (0, 1)
    apart = False
    """Whether each part has sums of its own, for STEP pairs of k, that are then added to each other and to the result."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.floats = ir.VectorType(F32, lanes)
        self.ints = ir.VectorType(I32, lanes)
        signature = ir.FunctionType(self.floats, [self.floats] * 3)
        self.multiply_add = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fmuladd.v{lanes}f32")

    def weights(self, bits: ir.Value, part: int) -> ir.Value:
        b = self.builder
        if part:
            return b.bitcast(b.and_(bits, ir.Constant(self.ints, [0xFFFF0000] * self.lanes)), self.floats)
        return b.bitcast(b.shl(bits, ir.Constant(self.ints, [16] * self.lanes)), self.floats)

    def row(self, x_row: ir.Value, k: ir.Value, part: int) -> ir.Value:
        b = self.builder
        at = b.add(b.mul(k, i64(2)), i64(part))
        return splat(b, b.load(b.gep(x_row, [at], source_etype=F32), align=4, typ=F32), self.lanes)

    def add(self, accumulator: ir.Value, row: ir.Value, weights: ir.Value) -> ir.Value:
        return self.builder.call(self.multiply_add, [row, weights, accumulator])


class TileProduct(WidenedProduct):
    """Widened as well, but rows are bf16, and sums are added in the order in which AMX adds them (``amx.py``)."""

    operand = types.uint16
    apart = True

    def row(self, x_row: ir.Value, k: ir.Value, part: int) -> ir.Value:
        return self.weights(_splat_pair(self.builder, x_row, k, self.lanes), part)


PRODUCTS: dict[type, tuple[type[PairProduct] | type[WidenedProduct], int, int]] = {
    sets.Amx: (TileProduct, 16, 28),
    sets.Avx512Bf16: (PairProduct, 16, 32),
    sets.Avx512: (WidenedProduct, 16, 32),
    sets.Avx2: (WidenedProduct, 8, 16),
    sets.Generic: (WidenedProduct, 4, 16),
    sets.AmxEmulated: (TileProduct, 4, 16),
}
"""Per instruction set: how vectors multiply a pair, their lanes, and how many registers to fill: all that there are, but for
AMX's, where rows are widened as well."""


@intrinsic
def operand(typing_context, isa, value):
    """float32 -> the nearest bf16, ties to even, as the set's products take a row: see ``isa.operand_dtype``.

    A NaN may become infinity's neighbour; it stays a NaN or inf. Where products take numbers below 2**-126 for 0, they may be
    0 already here.
    """
    product_class, _, _ = PRODUCTS[isa.instance_class]

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        b, word = builder, lambda number: ir.Constant(I32, number)
        if isa.instance_class in (sets.Amx, sets.Avx512Bf16):
            return b.bitcast(b.fptrunc(args[1], BFLOAT), I16)  # one instruction, vcvtneps2bf16
        bits = b.bitcast(args[1], I32)
        tie = b.and_(b.lshr(bits, word(16)), word(1))
        rounded = b.add(b.add(bits, word(0x7FFF)), tie)
        if product_class.operand is types.uint16:
            return b.trunc(b.lshr(rounded, word(16)), I16)
        return b.bitcast(b.and_(rounded, word(0xFFFF0000)), F32)

    return product_class.operand(isa, types.float32), generate


@intrinsic
def operand_bits(typing_context, isa, value):
    """An operand -> its bf16 bits as uint16."""
    product_class, _, _ = PRODUCTS[isa.instance_class]

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if product_class.operand is types.uint16:
            return args[1]
        return builder.trunc(builder.lshr(builder.bitcast(args[1], I32), ir.Constant(I32, 16)), I16)

    return types.uint16(isa, product_class.operand), generate
