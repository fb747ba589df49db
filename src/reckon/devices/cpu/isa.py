"""The instruction sets that the kernels are compiled for. Each is a type, so that numba specialises and caches per set.

A kernel takes ``isa`` as its first argument and hands it on. products.py, amx.py, tile.py, codes.py, matrix.py and multiply.py
look at it, step.py for the size of buffers. Choosing another set in the same process is choosing another argument, which is how
tests run them all on one machine. Its numbers were measured, on processors that docs/cpu-device.md names:

``rows``: so many share a walk over the weights.
``strip_pairs``: rows walk whole weights strip by strip of so many pairs of k, a few rows by half, many by twice as many. Of the
first two a first-level cache holds one beside what memory is asked for meanwhile. With tiles half of it is whole steps of AMX.
``squeezed_rows``: up to so many rows read squeezed weights where a matrix is kept in both forms. More rows wait for arithmetic,
and expanding is some.
``strip_spans``: at most so many spans of squeezed weights are expanded into a strip before they are multiplied.
``ahead_pairs``: pairs of k from squeezed ones to those that memory is asked for meanwhile, or more if a strip is longer.
"""

import ctypes
import functools
from typing import NamedTuple

import llvmlite.binding
import numpy as np

from reckon.errors import BadSetting

TILE_ROWS = 16
"""Rows of a tile of AMX, though there be fewer."""
MOST_ROWS = 6
"""Rows that vectors multiply at a time: each load of the weights serves them all, and their sums fill the registers."""
EXPANDED_ROWS = 4
"""Up to so many rows expand squeezed weights on the way, in registers: sums and what expands them fill these."""


class Amx(NamedTuple):
    """tdpbf16ps: 16 rows times 32 k times 16 columns in one instruction (``amx.py``). Vectors give a few rows the same sums."""

    rows: int = TILE_ROWS
    strip_pairs: int = 64
    squeezed_rows: int = EXPANDED_ROWS
    strip_spans: int = 4
    ahead_pairs: int = 32


class AmxEmulated(Amx):
    """The same products on any CPU, slowly: so that what AMX is used in can be tested without it."""


class Avx512Bf16(NamedTuple):
    """vdpbf16ps: a product of bf16 pairs, accumulated in float32."""

    rows: int = MOST_ROWS
    strip_pairs: int = 64
    squeezed_rows: int = 8
    strip_spans: int = 4
    ahead_pairs: int = 32


class Avx512(NamedTuple):
    """bf16 widened to float32, then fused multiply-add on 16 lanes."""

    rows: int = MOST_ROWS
    strip_pairs: int = 64
    squeezed_rows: int = 4
    strip_spans: int = 4
    ahead_pairs: int = 32


class Avx2(NamedTuple):
    """The same on 8 lanes."""

    rows: int = MOST_ROWS
    strip_pairs: int = 32
    squeezed_rows: int = 4
    strip_spans: int = 1
    ahead_pairs: int = 64


class Generic(NamedTuple):
    """The same on 4 lanes, lowered by LLVM to what the CPU has (NEON, SSE): one operation or two for a multiply-add."""

    rows: int = MOST_ROWS
    strip_pairs: int = 32
    squeezed_rows: int = 4
    strip_spans: int = 1
    ahead_pairs: int = 64


Isa = Amx | Avx512Bf16 | Avx512 | Avx2 | Generic

_NAMES: dict[str, Isa] = {
    "amx": Amx(),
    "avx512bf16": Avx512Bf16(),
    "avx512": Avx512(),
    "avx2": Avx2(),
    "generic": Generic(),
    "amx-emulated": AmxEmulated(),
}
_NEEDS = {
    "amx": ("amx-tile", "amx-bf16", "avx512bf16", "avx512f", "avx512bw"),
    "avx512bf16": ("avx512bf16", "avx512f", "avx512bw"),
    "avx512": ("avx512f", "avx512bw"),
    "avx2": ("avx2", "fma"),
    "generic": (),
    "amx-emulated": (),
}
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18
"""Numbers of Linux on x86-64: the system call, ARCH_REQ_XCOMP_PERM and the feature's in the processor's state."""


def operand_dtype(isa: Isa) -> type[np.uint16] | type[np.float32]:
    """How a product's rows lie in memory: bf16 bits, or float32 that has been rounded to bf16 and is loaded as it is."""
    return np.uint16 if isinstance(isa, Amx | Avx512Bf16) else np.float32


def available() -> dict[str, Isa]:
    """The sets this CPU has, best first. Asks the system for AMX."""
    features = llvmlite.binding.get_host_cpu_features()
    here = {name: isa for name, isa in _NAMES.items() if all(features.get(need, False) for need in _NEEDS[name])}
    if "amx" in here and not _may_use_tiles():
        del here["amx"]
    return here


@functools.cache
def _may_use_tiles() -> bool:
    """Ask the system for AMX, which it gives to a process and its threads on request: their state takes 8 KB more to save."""
    refused: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA)
    return not refused


def choose(name: str = "") -> tuple[str, Isa]:
    """The best set, or the named one. Raises BadSetting when this machine does not have it."""
    here = available()
    if not name:
        return next(iter(here.items()))
    if name not in here:
        raise BadSetting(f"the instruction set must be one of {', '.join(here)} on this machine, not {name!r}")
    return name, here[name]
