"""The matrix tile: where the time goes and where the bits are decided. Written as LLVM IR, called from multiply.py.

Every output element takes its products in an order that k alone decides, whatever the number of rows: one float32 accumulator
takes them one after the other, or as AMX does it (amx.py), step of k by step. That makes a row independent of its batch by
construction. How a pair is multiplied is in products.py.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from reckon.devices.cpu import isa as sets
from reckon.devices.cpu.amx import STEP, has_tiles, multiply_tiles
from reckon.devices.cpu.codes import GROUP, SQUEEZED_PAIR, Decoder
from reckon.devices.cpu.intrinsics import F32, I16, I32, I64, PANEL, PTR, WORDS_IN_LINE, array_address, ask, i64
from reckon.devices.cpu.products import PRODUCTS


def _vectors(lanes: int, registers: int, sums: int) -> int:
    """How many vectors of columns are accumulated at a time: all of a panel if the registers hold them, else half, and so on.

    ``sums`` is how many each column has. The weights and a row need a place as well; one row alone needs its weights one after
    the other.
    """
    vectors = PANEL // lanes
    while vectors > 1 and (vectors + 4 if sums == 1 else vectors * (sums + 1) + 1) > registers:
        vectors //= 2
    return vectors


@intrinsic
def tile(typing_context, isa, rows, weights, w_at, x, x_at, x_stride, out, out_at, out_stride, pairs, soon, soon_at, soon_pair):
    """out[rows, PANEL] += x[rows, 2 * pairs] . panel[pairs, PANEL, 2], for 1 to ``isa.rows`` rows.

    Where a set with tiles has more than EXPANDED_ROWS, it does as if they were TILE_ROWS: what lies behind is read and written.

    Arrays are given with the offset of their first element, and a stride between rows, all in elements: bf16 for weights (as
    uint16), what ``operand`` gives for x, float32 for out. Meanwhile memory is asked for what will be multiplied ``soon``, from
    ``soon_at`` on and ``soon_pair`` elements for a pair, one line after the other: nothing waits for it.
    """
    integers = [types.int64] * 2
    signature = types.void(isa, types.int64, weights, types.int64, x, *integers, out, *integers, types.int64, soon, *integers)

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        _isa, rows, w_array, w_offset, *others = args
        base = array_address(context, builder, weights, w_array, w_offset)
        places = _places(context, builder, x, out, soon, others)

        def one(count: int) -> None:
            width = _Width(isa, count)
            product = width.product(builder)
            _walk_columns(product, width, lambda column: _Plain(product, width.vectors, column, base), *places)

        if not has_tiles(isa):
            _by_rows(builder, rows, sets.MOST_ROWS, one)
            return context.get_dummy_value()
        with builder.if_else(builder.icmp_signed("<=", rows, i64(sets.EXPANDED_ROWS))) as (few, many):
            with few:
                _by_rows(builder, rows, sets.EXPANDED_ROWS, one)
            with many:
                multiply_tiles(builder, isa, base, *places)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def expanding_tile(
    typing_context, isa, rows, panel, w_at, base, x, x_at, x_stride, out, out_at, out_stride, pairs,
    soon, soon_at, soon_pair,
):  # fmt: skip
    """``tile`` for ``pairs`` of a squeezed panel, within a span, of this ``base``, and up to EXPANDED_ROWS rows.

    Exceptions are not heeded.
    """
    integers = [types.int64] * 2
    signature = types.void(
        isa, types.int64, panel, types.int64, types.uint8, x, *integers, out, *integers, types.int64, soon, *integers
    )

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        _isa, rows, w_array, w_offset, base, *others = args
        address = array_address(context, builder, panel, w_array, w_offset)
        places = _places(context, builder, x, out, soon, others)

        def one(count: int) -> None:
            decoder = Decoder(builder, isa.instance_class, base)
            width = _Width(isa, count, at_least=GROUP * decoder.groups)
            product = width.product(builder)
            _walk_columns(product, width, lambda column: _Squeezed(product, column, address, decoder), *places)

        _by_rows(builder, rows, sets.EXPANDED_ROWS, one)
        return context.get_dummy_value()

    return signature, generate


def _by_rows(builder: ir.IRBuilder, rows: ir.Value, most: int, one: Callable[[int], None]) -> None:
    """Code of its own for each number of rows, which its registers depend on; ``one`` writes it for a number."""
    after = builder.append_basic_block("rows.end")
    choice = builder.switch(rows, after)
    for count in range(1, most + 1):
        block = builder.append_basic_block(f"rows.{count}")
        choice.add_case(i64(count), block)
        builder.position_at_end(block)
        one(count)
        builder.branch(after)
    builder.position_at_end(after)


class _Width:
    """How an instruction set walks a panel for so many rows: some vectors of columns at a time, in ``at_least`` columns."""

    def __init__(self, isa: Any, rows: int, at_least: int = 1) -> None:
        self._product_class, self.lanes, registers = PRODUCTS[isa.instance_class]
        self.rows = rows
        sums = rows * len(self._product_class.parts) if self._product_class.apart else rows
        self.vectors = max(_vectors(self.lanes, registers, sums), at_least // self.lanes)

    def product(self, builder: ir.IRBuilder) -> Any:
        return self._product_class(builder, self.lanes)


def _places(context, builder, x, out, soon, args):
    """The intrinsics' arguments from x on, with an address for each array and its offset."""
    x_array, x_at, x_stride, out_array, out_at, out_stride, pairs, soon_array, soon_at, soon_pair = args
    x_base = array_address(context, builder, x, x_array, x_at)
    out_base = array_address(context, builder, out, out_array, out_at)
    asked = array_address(context, builder, soon, soon_array, soon_at)
    return x_base, x_stride, out_base, out_stride, pairs, asked, soon_pair


def _walk_columns(product, width, source, *places):
    """All columns of the panel; ``source`` gives the weights of columns from one on."""
    for column in range(0, PANEL, width.vectors * width.lanes):
        _tile_columns(product, width, column, source(column), *places)


class _Plain:
    """Weights as bf16, for some columns of a panel. ``vectors`` at a time are multiplied by all rows."""

    def __init__(self, product: Any, vectors: int, column: int, base: ir.Value) -> None:
        b = self._builder = product.builder
        self._product, self.vectors = product, vectors
        # Weights are loaded for each part anew, by an address that is not known to be the same: that frees registers.
        self._parts = [_opaque(b, b.gep(base, [i64(column)], source_etype=I32)) for _ in product.parts]

    def weights(self, k: ir.Value, part: int, first: int) -> list[ir.Value]:
        """Factors for ``vectors`` vectors of columns from ``first`` on, of pair k."""
        b, lanes = self._builder, self._product.lanes
        at, kind = b.mul(k, i64(PANEL)), ir.VectorType(I32, lanes)
        vectors = range(first, first + self.vectors)
        places = [b.gep(self._parts[part], [b.add(at, i64(v * lanes))], source_etype=I32) for v in vectors]
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
            pair = b.gep(self._base, [b.mul(k, i64(SQUEEZED_PAIR))], source_etype=I16)
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
    """Some vectors of columns, for all k."""
    b, lanes = product.builder, width.lanes
    walk = _Walk(product, width, column, source, x_base, x_stride, pairs, soon, soon_pair)
    places = [
        b.gep(out_base, [b.add(b.mul(out_stride, i64(row)), i64(column + v * lanes))], source_etype=F32)
        for row in range(width.rows)
        for v in range(width.vectors)
    ]
    if product.apart:
        _add_steps(product, walk, pairs, places)
        return
    sums = [b.load(place, align=4, typ=product.floats) for place in places]
    *sums, _ = walk.along(i64(0), pairs, [*sums, walk.asked])
    for place, total in zip(places, sums, strict=True):
        b.store(total, place, align=4)


def _add_steps(product, walk, pairs, places):
    """For each STEP pairs of k, sums of each part grow from 0, are added to each other and then to what is in ``places``."""
    b, zeros = product.builder, [ir.Constant(product.floats, [0.0] * product.lanes)] * len(places)

    def step(k: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        after = b.add(k, i64(STEP))
        end = b.select(b.icmp_signed("<", after, pairs), after, pairs)
        *sums, asked = walk.along(k, end, [*zeros, *zeros, *values])
        for place, even, odd in zip(places, sums[: len(places)], sums[len(places) :], strict=True):
            b.store(b.fadd(b.load(place, align=4, typ=product.floats), b.fadd(even, odd)), place, align=4)
        return [asked]

    _loop(b, i64(0), pairs, STEP, [walk.asked], step)


class _Walk:
    """The loop over k for some vectors of columns, with all sums in registers. Two pairs of k a turn.

    ``asked`` is where to begin to ask memory for what comes next; it is carried along behind the sums.
    """

    def __init__(self, product, width, column, source, x_base, x_stride, pairs, soon, soon_pair):
        b = self._builder = product.builder
        self._product, self._source, self._width = product, source, width
        self._columns = width.vectors * width.lanes
        x_type = I16 if product.operand is types.uint16 else F32
        self._x_rows = [
            _opaque(b, b.gep(x_base, [b.mul(x_stride, i64(row))], source_etype=x_type)) for row in range(width.rows)
        ]
        walks = PANEL // self._columns
        before = b.mul(b.mul(pairs, soon_pair), i64(column // self._columns))
        self.asked = b.gep(soon, [b.sdiv(before, i64(walks))], source_etype=I16)
        self._stride = b.sdiv(b.mul(soon_pair, i64(2)), i64(walks))

    def along(self, first: ir.Value, end: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        """Pairs [first, end)."""
        b = self._builder
        even = b.sub(end, b.and_(b.sub(end, first), i64(1)))
        return _loop(b, even, end, 1, _loop(b, first, even, 2, values, self._two_pairs), self._last_pair)

    def _two_pairs(self, k: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        b, (*sums, asked) = self._builder, values
        for pair in range(2):
            _ask_for(b, b.gep(asked, [i64(pair * self._columns)], source_etype=I32), self._columns)
            sums = self._add(b.add(k, i64(pair)), sums)
        return [*sums, b.gep(asked, [self._stride], source_etype=I16)]

    def _last_pair(self, k: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        *sums, asked = values
        return [*self._add(k, sums), asked]

    def _add(self, k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        return _add_products(self._product, self._width.vectors, self._source, self._x_rows, k, sums)


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
    following = b.add(k, i64(step))
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
    """The sums [rows * vectors] after the products of one k; of each part so many, if they are kept apart."""
    sums = list(sums)
    for first in range(0, vectors, source.vectors):
        for part in product.parts:
            weights, before = source.weights(k, part, first), first + part * product.apart * len(x_rows) * vectors
            for row, x_row in enumerate(x_rows):
                value = product.row(x_row, k, part)
                for v, weight in enumerate(weights, row * vectors + before):
                    sums[v] = product.add(sums[v], value, weight)
    return sums


def _ask_for(builder: ir.IRBuilder, address: ir.Value, width: int) -> None:
    """Ask memory for ``width`` pairs of weights, to be read soon.

    Asked for one by one between the products: of many at a time the processor drops most. And in the order in which they lie,
    though a panel is read in several walks that skip through it: memory gives neighbours at twice the rate. A line may be
    asked for several times; that costs the instruction alone.
    """
    for column in range(0, width, WORDS_IN_LINE):
        ask(builder, builder.gep(address, [i64(column)], source_etype=I32))
