"""How the cpu device's functions are compiled: one decorator for what is called from compiled code only, and for what target.

No Python wrapper (nobody calls it from Python), no reference counts (arrays outlive the step), division as IEEE says. Together
they halve the time to compile the step and keep counters out of inner loops.
"""

import platform
from collections.abc import Callable
from typing import TypeVar

import llvmlite
import numba
import numpy as np
from numba.core.registry import cpu_target

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(*, fastmath: set[str] | None = None, inline: bool = False) -> Callable[[Function], Function]:
    """``fastmath`` grants LLVM single freedoms, by flag; ``inline`` is for what must vanish into its caller's loop."""
    return numba.njit(
        fastmath=fastmath or False,
        forceinline=inline,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
    )


def target() -> tuple[str, ...]:
    """What decides the machine code besides our sources: the compilers, how they were told to, the processor as LLVM sees it.

    LLVM chooses by the processor whether a product and a sum are fused, and how wide a loop's sums are: the same source has
    other bits on another one. numpy's cosines and libc's logarithm are in a step too.
    """
    triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
    versions = (f"{library.__name__} {library.__version__}" for library in (numba, llvmlite, np))
    switches = f"{numba.config.OPT} {numba.config.LOOP_VECTORIZE} {numba.config.SLP_VECTORIZE}"
    return *versions, switches, "".join(platform.libc_ver()), triple, processor, features
