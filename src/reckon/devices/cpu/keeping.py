"""Which tokens may still be drawn: top_k and top_p take the weight away from the others. Called by sampling.py.

The cut is found by a radix select over ranks, not by a sort, among the few tokens that can be near it.
"""

import numpy as np
from numpy.typing import NDArray

from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import bits_float, float_bits
from reckon.devices.cpu.ranks import RUN, rank_of

RADIX = ((21, 11), (10, 11), (0, 10))
"""Shift and width of the digits of a rank, from the top."""
SHORT_RUN = 64
"""Tokens that are passed over together where none of them can be among those that are collected."""


@kernel()
def _heaviest(weights: NDArray[np.float32]) -> np.float32:
    """The largest weight; none is negative, so that their bits order as they do, and integers are compared in vectors."""
    most = np.int32(0)
    for i in range(weights.size):
        most = max(most, np.int32(float_bits(weights[i])))
    return bits_float(np.uint32(most))


@kernel(fastmath={"reassoc"})
def mass_of(weights: NDArray[np.float32]) -> float:
    """The sum, in as many lanes as registers have. All rows are equally long, so that its bits are the row's alone."""
    total = 0.0
    for i in range(weights.size):
        total += np.float64(weights[i])
    return total


@kernel()
def _collect(weights: NDArray[np.float32], least: float, candidates: NDArray[np.int32]) -> int:
    """Write the ids that have a weight, and ``least`` or more, into ``candidates`` and return how many there are."""
    count = 0
    for start in range(0, weights.size, SHORT_RUN):
        run = weights[start : start + SHORT_RUN]
        if _heaviest(run) < least:
            continue
        for i in range(run.size):
            candidates[count] = start + i
            count += run[i] > 0 and run[i] >= least
    return count


@kernel()
def _reached(weights: NDArray[np.float32], masses: NDArray[np.float64], most: int) -> float:
    """A weight that ``most`` tokens or more reach, since so many runs of ids have such a token. 0 if there are too few runs.

    A little less than that: weights of neighbouring ranks may have changed places in their last bits.
    """
    runs = (weights.size + RUN - 1) // RUN
    if most > runs or runs > masses.size:
        return 0.0
    for r in range(runs):
        masses[r] = _heaviest(weights[r * RUN : r * RUN + RUN])
    weight = 0.0
    for _ in range(most):
        best = 0
        for r in range(1, runs):
            best = r if masses[r] > masses[best] else best
        weight, masses[best] = masses[best], -1.0
    return weight * (1 - 1e-5)


@kernel()
def _cut(logits, weights, candidates, count, masses, target, by_mass):
    """The rank at which the candidates, from the best down, reach ``target``: a mass, or a number of tokens.

    Returns the rank, the mass of what ranks above it, and how many candidates have it; these are then the first in
    ``candidates``, by id. Radix select: of each digit only the bucket in which the target is reached is looked at further.
    """
    prefix, above = np.uint32(0), 0.0
    for shift, width in RADIX:
        masses[: 1 << width] = 0
        for c in range(count):
            token = candidates[c]
            digit = ((np.uint32(rank_of(logits[token])) ^ np.uint32(0x80000000)) >> np.uint32(shift)) & np.uint32(
                (1 << width) - 1
            )
            masses[digit] += np.float64(weights[token]) if by_mass else 1.0
        bucket = (1 << width) - 1
        while bucket > 0 and (masses[bucket] == 0 or above + masses[bucket] < target):
            above += masses[bucket]
            bucket -= 1
        prefix |= np.uint32(bucket) << np.uint32(shift)
        left = 0
        for c in range(count):
            token = candidates[c]
            rank = np.uint32(rank_of(logits[token])) ^ np.uint32(0x80000000)
            if rank >> np.uint32(shift) == prefix >> np.uint32(shift):
                candidates[left] = token
                left += 1
        count = left
    return np.int32(prefix ^ np.uint32(0x80000000)), above, count


@kernel()
def keep_top_k(logits, weights, candidates, masses, top_k) -> None:
    """Drop what ranks below the k-th; what ties with it stays."""
    least = _reached(weights, masses, top_k)
    count = _collect(weights, least, candidates)
    if least == 0 and count <= top_k:
        return
    rank, _, _ = _cut(logits, weights, candidates, count, masses, np.float64(top_k), False)
    for i in range(logits.size):
        if rank_of(logits[i]) < rank:
            weights[i] = 0


@kernel()
def keep_top_p(logits, weights, candidates, masses, top_p) -> None:
    """Keep a token while the mass of those before it is below top_p of all; equals come in the order of their ids."""
    total = mass_of(weights)
    target = total * np.float64(top_p)
    # All that weigh less than this come to half of what may be missing: the cut is above them.
    count = _collect(weights, (total - target) / 2 / weights.size, candidates)
    rank, before, equals = _cut(logits, weights, candidates, count, masses, target, True)
    for i in range(logits.size):
        if rank_of(logits[i]) < rank:
            weights[i] = 0
    for c in range(equals):
        token = candidates[c]
        mass = np.float64(weights[token])
        if before > 0 and before >= target:  # the best token stays, even for a mass of 0
            weights[token] = 0
        before += mass
