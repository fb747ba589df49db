"""bf16 as its bits: the upper half of a float32. Called from compiled code."""

import numpy as np

from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import bits_float, float_bits


@kernel(inline=True)
def to_bf16(value: np.float32) -> np.uint16:
    """Round to nearest, ties to even. NaN may become infinity's neighbour; it stays a NaN or inf."""
    bits = float_bits(value)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@kernel(inline=True)
def from_bf16(bits: np.uint16) -> np.float32:
    return bits_float(np.uint32(bits) << np.uint32(16))
