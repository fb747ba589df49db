"""The matrix tile: where the time goes and where the bits are decided. Written as LLVM IR, called from multiply.py.

Every output element is one float32 accumulator that takes its products in the order of k, whatever the number of rows. That
makes a row independent of its batch by construction.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.codes import GROUP, SQUEEZED_PAIR, Decoder
from reckon.devices.cpu.intrinsics import F32, I16, I32, I64, PANEL, PTR, WORDS_IN_LINE, array_address, ask


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


def _splat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


class _PairProduct:
    """accumulator + x pair . w pairs with vdpbf16ps. Rows are bf16."""

    operand = types.uint16
    parts = (0,)

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.floats, self.pairs = ir.VectorType(F32, lanes), ir.VectorType(BFLOAT, 2 * lanes)
        signature = ir.FunctionType(self.floats, [self.floats, self.pairs, self.pairs])
        self.dot = cgutils.get_or_insert_function(builder.module, signature, "llvm.x86.avx512bf16.dpbf16ps.512")

    def weights(self, bits: ir.Value, part: int) -> ir.Value:
        return self.builder.bitcast(bits, self.pairs)

    def row(self, x_row: ir.Value, k: ir.Value, part: int) -> ir.Value:
        pair = self.builder.load(self.builder.gep(x_row, [k], source_etype=I32), align=4, typ=I32)
        return self.builder.bitcast(_splat(self.builder, pair, self.lanes), self.pairs)

    def add(self, accumulator: ir.Value, row: ir.Value, weights: ir.Value) -> ir.Value:
        return self.builder.call(self.dot, [accumulator, row, weights])


class _WidenedProduct:
    """The same by widening weights to float32: two multiply-adds, the even k first. Rows are float32 with the values of bf16.

    A row's number is then loaded into all lanes by one instruction, or by the multiply-add itself.
    """

    operand = types.float32
    parts = (0, 1)

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
        at = b.add(b.mul(k, ir.Constant(I64, 2)), ir.Constant(I64, part))
        return _splat(b, b.load(b.gep(x_row, [at], source_etype=F32), align=4, typ=F32), self.lanes)

    def add(self, accumulator: ir.Value, row: ir.Value, weights: ir.Value) -> ir.Value:
        return self.builder.call(self.multiply_add, [row, weights, accumulator])


_PRODUCTS: dict[type, tuple[type[_PairProduct] | type[_WidenedProduct], int, int]] = {
    sets.Avx512Bf16: (_PairProduct, 16, 32),
    sets.Avx512: (_WidenedProduct, 16, 32),
    sets.Avx2: (_WidenedProduct, 8, 16),
    sets.Generic: (_WidenedProduct, 4, 16),
}
"""Per instruction set: how a pair is multiplied, the lanes of a vector, and how many vector registers there are."""


def _vectors(lanes: int, registers: int, rows: int) -> int:
    """How many vectors of columns are accumulated at a time: all of a panel if the registers hold them, else half, and so on.

    The weights and a row need a place as well; one row alone needs its weights one after the other.
    """
    vectors = PANEL // lanes
    while vectors > 1 and (vectors + 4 if rows == 1 else vectors * (rows + 1) + 1) > registers:
        vectors //= 2
    return vectors


@intrinsic(prefer_literal=True)
def tile(
    typing_context, isa, most, rows, weights, w_at, x, x_at, x_stride, out, out_at, out_stride, pairs, soon, soon_at, soon_pair
):
    """out[rows, PANEL] += x[rows, 2 * pairs] . panel[pairs, PANEL, 2], for 1 to ``most`` rows, which is a constant.

    Arrays are given with the offset of their first element, and a stride between rows, all in elements: bf16 for weights (as
    uint16), what ``operand`` gives for x, float32 for out. Meanwhile memory is asked for what will be multiplied ``soon``, from
    ``soon_at`` on and ``soon_pair`` elements for a pair, one line after the other: nothing waits for it.
    """
    if not isinstance(most, types.IntegerLiteral):
        raise RequireLiteralValue("tile needs a constant for the most rows")
    integers = [types.int64] * 2
    signature = types.void(
        isa, most, types.int64, weights, types.int64, x, *integers, out, *integers, types.int64, soon, *integers
    )

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        _isa, _most, rows, w_array, w_offset, *others = args
        base = array_address(context, builder, weights, w_array, w_offset)

        def one(count: int) -> None:
            width = _Width(isa, count)
            product = width.product(builder)
            _walk_columns(context, product, width, x, out, soon, others, lambda at: _Plain(product, width.vectors, at, base))

        _by_rows(builder, rows, most.literal_value, one)
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def expanding_tile(
    typing_context, isa, most, rows, panel, w_at, base, x, x_at, x_stride, out, out_at, out_stride, pairs,
    soon, soon_at, soon_pair,
):  # fmt: skip
    """``tile`` for ``pairs`` of a squeezed panel, within a span, of this ``base``. Exceptions are not heeded."""
    if not isinstance(most, types.IntegerLiteral):
        raise RequireLiteralValue("expanding_tile needs a constant for the most rows")
    integers = [types.int64] * 2
    signature = types.void(
        isa, most, types.int64, panel, types.int64, types.uint8, x, *integers, out, *integers, types.int64, soon, *integers
    )

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        _isa, _most, rows, w_array, w_offset, base, *others = args
        address = array_address(context, builder, panel, w_array, w_offset)

        def one(count: int) -> None:
            decoder = Decoder(builder, isa.instance_class, base)
            width = _Width(isa, count, at_least=GROUP * decoder.groups)
            product = width.product(builder)
            _walk_columns(context, product, width, x, out, soon, others, lambda at: _Squeezed(product, at, address, decoder))

        _by_rows(builder, rows, most.literal_value, one)
        return context.get_dummy_value()

    return signature, generate


def _by_rows(builder: ir.IRBuilder, rows: ir.Value, most: int, one: Callable[[int], None]) -> None:
    """Code of its own for each number of rows, which its registers depend on; ``one`` writes it for a number."""
    after = builder.append_basic_block("rows.end")
    choice = builder.switch(rows, after)
    for count in range(1, most + 1):
        block = builder.append_basic_block(f"rows.{count}")
        choice.add_case(ir.Constant(I64, count), block)
        builder.position_at_end(block)
        one(count)
        builder.branch(after)
    builder.position_at_end(after)


class _Width:
    """How an instruction set walks a panel for so many rows: some vectors of columns at a time, in ``at_least`` columns."""

    def __init__(self, isa: Any, rows: int, at_least: int = 1) -> None:
        self._product_class, self.lanes, registers = _PRODUCTS[isa.instance_class]
        self.rows = rows
        self.vectors = max(_vectors(self.lanes, registers, rows), at_least // self.lanes)

    def product(self, builder: ir.IRBuilder) -> Any:
        return self._product_class(builder, self.lanes)


def _walk_columns(context, product, width, x, out, soon, args, source):
    """All columns of the panel; ``args`` are the intrinsics' from x on, ``source`` gives the weights of columns from one on."""
    b = product.builder
    x_array, x_at, x_stride, out_array, out_at, out_stride, pairs, soon_array, soon_at, soon_pair = args
    x_base = array_address(context, b, x, x_array, x_at)
    out_base = array_address(context, b, out, out_array, out_at)
    asked = array_address(context, b, soon, soon_array, soon_at)
    for column in range(0, PANEL, width.vectors * width.lanes):
        _tile_columns(product, width, column, source(column), x_base, x_stride, out_base, out_stride, pairs, asked, soon_pair)


class _Plain:
    """Weights as bf16, for some columns of a panel. ``vectors`` at a time are multiplied by all rows."""

    def __init__(self, product: Any, vectors: int, column: int, base: ir.Value) -> None:
        b = self._builder = product.builder
        self._product, self.vectors = product, vectors
        # Weights are loaded for each part anew, by an address that is not known to be the same: that frees registers.
        self._parts = [_opaque(b, b.gep(base, [_at(column)], source_etype=I32)) for _ in product.parts]

    def weights(self, k: ir.Value, part: int, first: int) -> list[ir.Value]:
        """Factors for ``vectors`` vectors of columns from ``first`` on, of pair k."""
        b, lanes = self._builder, self._product.lanes
        at, kind = b.mul(k, _at(PANEL)), ir.VectorType(I32, lanes)
        vectors = range(first, first + self.vectors)
        places = [b.gep(self._parts[part], [b.add(at, _at(v * lanes))], source_etype=I32) for v in vectors]
        return [self._product.weights(b.load(place, align=4, typ=kind), part) for place in places]


class _Squeezed:
    """The same out of a squeezed panel, a decoder's groups at a time: beside the sums, registers hold no more."""

    def __init__(self, product: Any, column: int, base: ir.Value, decoder: Decoder) -> None:
        self._product, self._column, self._base, self._decoder = product, column, base, decoder
        self.vectors = GROUP * decoder.groups // product.lanes
        self._words: list[ir.Value] = []

    def weights(self, k: ir.Value, part: int, first: int) -> list[ir.Value]:
        if part == 0:
            b, lanes = self._product.builder, self._product.lanes
            pair = b.gep(self._base, [b.mul(k, _at(SQUEEZED_PAIR))], source_etype=I16)
            halves = self._decoder.words(pair, (self._column + first * lanes) // GROUP)
            self._words = _of_lanes(b, halves, lanes)
        return [self._product.weights(words, part) for words in self._words]


def _of_lanes(builder: ir.IRBuilder, halves: list[ir.Value], lanes: int) -> list[ir.Value]:
    """Vectors of words as vectors of at most as many, ``lanes``."""
    count = halves[0].type.count
    if lanes == count:
        return halves
    places = lambda first: ir.Constant(ir.VectorType(I32, lanes), [*range(first, first + lanes)])  # noqa: E731
    return [builder.shuffle_vector(half, half, places(first)) for half in halves for first in range(0, count, lanes)]


def _tile_columns(product, width, column, source, x_base, x_stride, out_base, out_stride, pairs, soon, soon_pair):
    """The loop over k for some vectors of columns, with all accumulators in registers. Two pairs of k a turn."""
    b, lanes, columns = product.builder, width.lanes, width.vectors * width.lanes
    x_type = I16 if product.operand is types.uint16 else F32
    x_rows = [_opaque(b, b.gep(x_base, [b.mul(x_stride, _at(row))], source_etype=x_type)) for row in range(width.rows)]
    places = [
        b.gep(out_base, [b.add(b.mul(out_stride, _at(row)), _at(column + v * lanes))], source_etype=F32)
        for row in range(width.rows)
        for v in range(width.vectors)
    ]
    walks = PANEL // columns
    before = b.mul(b.mul(pairs, soon_pair), _at(column // columns))
    asked = b.gep(soon, [b.sdiv(before, _at(walks))], source_etype=I16)
    stride = b.sdiv(b.mul(soon_pair, _at(2)), _at(walks))

    def two_pairs(k: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        *sums, asked = values
        for pair in range(2):
            _ask_for(b, b.gep(asked, [_at(pair * columns)], source_etype=I32), columns)
            sums = _add_products(product, width.vectors, source, x_rows, b.add(k, _at(pair)), sums)
        return [*sums, b.gep(asked, [stride], source_etype=I16)]

    sums = [b.load(place, align=4, typ=product.floats) for place in places]
    even = b.and_(pairs, _at(-2))
    *sums, _ = _loop(b, _at(0), even, 2, [*sums, asked], two_pairs)
    sums = _loop(b, even, pairs, 1, sums, lambda k, sums: _add_products(product, width.vectors, source, x_rows, k, sums))
    for place, total in zip(places, sums, strict=True):
        b.store(total, place, align=4)


def _at(number: int) -> ir.Constant:
    return ir.Constant(I64, number)


def _opaque(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The address as if from nowhere: known to come from a common base, each turn of a loop would work it out anew."""
    return builder.asm(ir.FunctionType(PTR, [PTR]), "", "=r,0", [address], side_effect=False)


def _loop(builder, first, end, step, values, body):
    """``for k in range(first, end, step): values = body(k, values)``, with the values in registers. Returns the last ones."""
    b, before = builder, builder.block
    loop, after = b.append_basic_block("k"), b.append_basic_block("k.end")
    b.cbranch(b.icmp_signed("<", first, end), loop, after)
    b.position_at_end(loop)
    k, carried = b.phi(I64), [b.phi(value.type) for value in values]
    ends = body(k, carried)
    following = b.add(k, _at(step))
    k.add_incoming(first, before)
    k.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, end), loop, after)
    latch = b.block
    b.position_at_end(after)
    results = [b.phi(value.type) for value in values]
    for phi, result, value, new in zip(carried, results, values, ends, strict=True):
        phi.add_incoming(value, before)
        phi.add_incoming(new, latch)
        result.add_incoming(value, before)
        result.add_incoming(new, latch)
    return results


def _add_products(product, vectors, source, x_rows, k, sums):
    """The sums [rows * vectors] after the products of one k."""
    sums = list(sums)
    for first in range(0, vectors, source.vectors):
        for part in product.parts:
            weights = source.weights(k, part, first)
            for row, x_row in enumerate(x_rows):
                value = product.row(x_row, k, part)
                for v, weight in enumerate(weights, row * vectors + first):
                    sums[v] = product.add(sums[v], value, weight)
    return sums


def _ask_for(builder: ir.IRBuilder, address: ir.Value, width: int) -> None:
    """Ask memory for ``width`` pairs of weights, to be read soon.

    Asked for one by one between the products: of many at a time the processor drops most. And in the order in which they lie,
    though a panel is read in several walks that skip through it: memory gives neighbours at twice the rate. A line may be
    asked for several times; that costs the instruction alone.
    """
    for column in range(0, width, WORDS_IN_LINE):
        ask(builder, builder.gep(address, [_at(column)], source_etype=I32))


@intrinsic
def operand(typing_context, isa, value):
    """float32 -> the nearest bf16, ties to even, as the set's products take a row: see ``isa.operand_dtype``.

    A NaN may become infinity's neighbour; it stays a NaN or inf. Where vdpbf16ps takes numbers below 2**-126 for 0, they may be
    0 already here.
    """
    product_class, _, _ = _PRODUCTS[isa.instance_class]

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        b, word = builder, lambda number: ir.Constant(I32, number)
        if product_class.operand is types.uint16:
            return b.bitcast(b.fptrunc(args[1], BFLOAT), I16)  # one instruction, vcvtneps2bf16
        bits = b.bitcast(args[1], I32)
        tie = b.and_(b.lshr(bits, word(16)), word(1))
        rounded = b.add(b.add(bits, word(0x7FFF)), tie)
        return b.bitcast(b.and_(rounded, word(0xFFFF0000)), F32)

    return product_class.operand(isa, types.float32), generate


@intrinsic
def operand_bits(typing_context, isa, value):
    """An operand -> its bf16 bits as uint16."""
    product_class, _, _ = _PRODUCTS[isa.instance_class]

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if product_class.operand is types.uint16:
            return args[1]
        return builder.trunc(builder.lshr(builder.bitcast(args[1], I32), ir.Constant(I32, 16)), I16)

    return types.uint16(isa, product_class.operand), generate
