"""The instruction sets that the kernels are compiled for. Each is a type, so that numba specialises and caches per set.

A kernel takes ``isa`` as its first argument and hands it on; only ``tile`` in intrinsics.py looks at it. Choosing another
set in the same process is choosing another argument, which is how tests run them all on one machine.
"""

from typing import NamedTuple

import llvmlite.binding

from reckon.errors import BadSetting


class Avx512Bf16(NamedTuple):
    """vdpbf16ps: a product of bf16 pairs, accumulated in float32."""

    lanes: int = 16


class Avx512(NamedTuple):
    """bf16 widened to float32, then fused multiply-add on 16 lanes."""

    lanes: int = 16


class Generic(NamedTuple):
    """bf16 widened to float32, multiply-add on 8 lanes, lowered by LLVM to what the CPU has (AVX2, NEON, SSE)."""

    lanes: int = 8


Isa = Avx512Bf16 | Avx512 | Generic

_NAMES: dict[str, Isa] = {"avx512bf16": Avx512Bf16(), "avx512": Avx512(), "generic": Generic()}
_NEEDS = {"avx512bf16": ("avx512bf16", "avx512f"), "avx512": ("avx512f",), "generic": ()}


def available() -> dict[str, Isa]:
    """The sets this CPU has, best first."""
    features = llvmlite.binding.get_host_cpu_features()
    return {name: isa for name, isa in _NAMES.items() if all(features.get(need, False) for need in _NEEDS[name])}


def choose(name: str = "") -> tuple[str, Isa]:
    """The best set, or the named one. Raises BadSetting when this CPU does not have it."""
    here = available()
    if not name:
        return next(iter(here.items()))
    if name not in here:
        raise BadSetting(f"the instruction set must be one of {', '.join(here)} on this CPU, not {name!r}")
    return name, here[name]
