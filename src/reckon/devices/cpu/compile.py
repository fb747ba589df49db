"""How the cpu device's functions are compiled: one decorator for what is called from compiled code only.

No Python wrapper (nobody calls it from Python), no reference counts (arrays outlive the step), division as IEEE says. Together
they halve the time to compile the step and keep counters out of inner loops.
"""

from collections.abc import Callable
from typing import TypeVar

import numba

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
