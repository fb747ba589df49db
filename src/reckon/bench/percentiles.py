"""A set of measured times in four numbers. Knows no units."""

from collections.abc import Sequence

import msgspec
import numpy as np


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of ``count`` values, linear between neighbours, and the highest; all 0 where there is no value."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if not values:
            return cls()
        p50, p95, p99 = (float(value) for value in np.percentile(np.asarray(values, np.float64), (50, 95, 99)))
        return cls(len(values), p50, p95, p99, float(max(values)))
