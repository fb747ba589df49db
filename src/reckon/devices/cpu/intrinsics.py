"""What numba cannot say: bit casts, sums and maxima in lanes, requests to memory, atomics. Written as LLVM IR."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from reckon.devices.batch import BLOCK_SIZE

PANEL = BLOCK_SIZE
"""Columns of a panel: an array [k / 2, PANEL, 2] of bf16, pairs of k beside each other as vdpbf16ps takes them."""
SUM_LANES = PANEL // 4
"""Sums over a panel's width are kept in so many lanes, which are added only at the end."""
WORDS_IN_LINE = 16
"""float32 or pairs of bf16 in a line of the cache."""
I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
PTR = ir.PointerType()


def i64(number: int) -> ir.Constant:
    return ir.Constant(I64, number)


def on_x86(builder: ir.IRBuilder) -> bool:
    """Whether it is x86-64 that is compiled for."""
    return bool(builder.module.triple.startswith("x86_64"))


def call_x86(builder: ir.IRBuilder, name: str, *args: ir.Value) -> None:
    """An instruction of x86 that returns nothing, by the name that LLVM has for it."""
    kind = ir.FunctionType(ir.VoidType(), [arg.type for arg in args])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), args)


def array_address(context: Any, builder: ir.IRBuilder, kind: types.Array, array: ir.Value, offset: ir.Value) -> ir.Value:
    """The address of the element ``offset`` after the array's first."""
    # By way of an integer, because numba's arrays still hold typed pointers and llvmlite checks them.
    data = builder.ptrtoint(context.make_array(kind)(context, builder, array).data, I64)
    return builder.inttoptr(builder.add(data, builder.mul(offset, i64(kind.dtype.bitwidth // 8))), PTR)


def ask(builder: ir.IRBuilder, address: ir.Value, near: bool = True) -> None:
    """Ask memory for the line of the cache that this address lies in, to be read soon. Nothing waits for it.

    It comes to the first-level cache, or if not ``near`` to the second.
    """
    signature = ir.FunctionType(ir.VoidType(), [PTR, I32, I32, I32])
    prefetch = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    to_read, to_keep, data = ir.Constant(I32, 0), ir.Constant(I32, 3 if near else 2), ir.Constant(I32, 1)
    builder.call(prefetch, [address, to_read, to_keep, data])


@intrinsic
def ask_for_sums(typing_context, row):
    """Ask memory for a row of PANEL float32, which begins at a line of the cache."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        for first in range(0, PANEL, WORDS_IN_LINE):
            ask(builder, array_address(context, builder, signature.args[0], args[0], i64(first)))
        return context.get_dummy_value()

    return types.void(row), generate


def _quarters(context: Any, builder: ir.IRBuilder, kind: types.Array, scores: ir.Value) -> list[ir.Value]:
    """PANEL float32 as four vectors."""
    vector = ir.VectorType(F32, SUM_LANES)
    places = [array_address(context, builder, kind, scores, i64(part * SUM_LANES)) for part in range(4)]
    return [builder.load(place, align=4, typ=vector) for place in places]


@intrinsic
def largest(typing_context, scores):
    """The largest of PANEL float32. A NaN may be passed over.

    Here and in ``add_up``: numba's loops over so few numbers become chains of single ones, each of which waits for the last. So
    does LLVM's own reduction, which keeps the rules for NaN.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        b = builder
        a, c, d, e = _quarters(context, b, signature.args[0], args[0])
        top, width = _larger(b, _larger(b, a, c), _larger(b, d, e)), SUM_LANES
        while width > 1:
            width //= 2
            halves = [ir.Constant(ir.VectorType(I32, width), [*range(first, first + width)]) for first in (0, width)]
            top = _larger(b, *(b.shuffle_vector(top, top, half) for half in halves))
        return b.extract_element(top, ir.Constant(I32, 0))

    return types.float32(scores), generate


def _larger(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@intrinsic
def add_up(typing_context, totals, scores):
    """totals [SUM_LANES] += PANEL float32, four to a lane. The order is the same for every instruction set."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        b = builder
        parts = _quarters(context, b, signature.args[1], args[1])
        place = array_address(context, b, signature.args[0], args[0], i64(0))
        total = b.load(place, align=4, typ=parts[0].type)
        b.store(b.fadd(total, b.fadd(b.fadd(parts[0], parts[1]), b.fadd(parts[2], parts[3]))), place, align=4)
        return context.get_dummy_value()

    return types.void(totals, scores), generate


@intrinsic
def float_bits(typing_context, value):
    """float32 -> its bits as uint32."""
    return types.uint32(types.float32), lambda context, builder, signature, args: builder.bitcast(args[0], I32)


@intrinsic
def bits_float(typing_context, value):
    """uint32 -> the float32 of these bits."""
    return types.float32(types.uint32), lambda context, builder, signature, args: builder.bitcast(args[0], F32)


@intrinsic
def atomic_add(typing_context, array, index, value):
    """array[index] += value as one indivisible step, ordered with all other memory; returns the value before."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        address = array_address(context, builder, array, args[0], args[1])
        return builder.atomic_rmw("add", address, args[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def atomic_load(typing_context, array, index):
    """array[index] of an int64 array, read anew at every call and ordered before later reads."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        address = array_address(context, builder, array, args[0], args[1])
        return builder.load_atomic(address, "acquire", 8, typ=I64)

    return types.int64(array, types.int64), generate


@intrinsic
def compare_exchange(typing_context, array, index, expected, value):
    """array[index] = value if it is ``expected``, as one indivisible step, ordered as atomic_add; returns whether it was."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        address = array_address(context, builder, array, args[0], args[1])
        return builder.extract_value(builder.cmpxchg(address, args[2], args[3], "seq_cst", "seq_cst"), 1)

    return types.boolean(array, types.int64, types.int64, types.int64), generate


@intrinsic
def relax(typing_context):
    """Give the other hyper-thread of this core a moment: a spin loop's pause."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if on_x86(builder):
            call_x86(builder, "sse2.pause")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def give_way(typing_context):
    """sched_yield(2): let another thread have this core."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        call = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I32, []), "sched_yield")
        builder.call(call, [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def cycles(typing_context):
    """A counter that runs at a constant rate on x86; 0 elsewhere, where reading one may not be allowed."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, args: Any) -> ir.Value:
        if not on_x86(builder):
            return i64(0)
        counter = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I64, []), "llvm.readcyclecounter")
        return builder.call(counter, [])

    return types.int64(), generate
