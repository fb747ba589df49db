"""The sampler of the compiled step: one row of logits to one token. The definition it follows is devices/sampling.py.

Tokens are ranked by an integer that orders as their logit does, so that a NaN has a place (the last) instead of poisoning
every comparison. Kept sets come from a radix select over these ranks: no sort of the vocabulary.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.batch import SamplingRows
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.intrinsics import PANEL, float_bits
from reckon.devices.cpu.kernels import LOG2_E, exp2

INFINITE = np.int32(0x7F800000)
"""The rank of +inf; NaNs of either sign lie outside the two infinities."""
LOWEST = np.int32(-0x7F800001)
"""The rank of -inf, which whatever is not finite gets: it is never chosen."""
RADIX = ((21, 11), (10, 11), (0, 10))
"""Shift and width of the digits of a rank, from the top."""
STEEPEST = np.float32(1e30)


class Choice(NamedTuple):
    """``SamplingRows`` and scratch, as the compiled step takes them. R rows, V' = vocabulary in whole panels."""

    temperature: NDArray[np.float32]
    top_k: NDArray[np.int32]
    top_p: NDArray[np.float32]
    min_p: NDArray[np.float32]
    presence: NDArray[np.float32]
    frequency: NDArray[np.float32]
    repetition: NDArray[np.float32]
    uniform: NDArray[np.float64]
    penalty_offsets: NDArray[np.int32]
    penalty_tokens: NDArray[np.int32]
    penalty_counts: NDArray[np.int32]
    weights: NDArray[np.float32]  # [threads, V']
    candidates: NDArray[np.int32]  # [threads, V']
    masses: NDArray[np.float64]  # [threads, 2048]


def make_choice(
    rows: SamplingRows, weights: NDArray[np.float32], candidates: NDArray[np.int32], masses: NDArray[np.float64]
) -> Choice:
    return Choice(
        rows.temperature, rows.top_k, rows.top_p, rows.min_p, rows.presence, rows.frequency, rows.repetition, rows.uniform,
        rows.penalty_offsets, rows.penalty_tokens, rows.penalty_counts, weights, candidates, masses,
    )  # fmt: skip


@kernel(inline=True)
def _rank(value: np.float32) -> np.int32:
    """An int32 that orders as the float does; LOWEST for what is not finite."""
    bits = np.int32(float_bits(value))
    rank = bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))
    return rank if LOWEST < rank < INFINITE else LOWEST


@kernel()
def _best(logits: NDArray[np.float32]) -> int:
    """The first of the largest logits; -1 when none is finite."""
    best, where = LOWEST, -1
    for start in range(0, logits.size, PANEL):
        top = LOWEST
        for i in range(start, min(start + PANEL, logits.size)):
            top = max(top, _rank(logits[i]))
        if top > best:
            best, where = top, start
    if where < 0:
        return -1
    while _rank(logits[where]) != best:
        where += 1
    return where


@kernel()
def _penalise(logits: NDArray[np.float32], row: int, choice: Choice) -> None:
    for i in range(choice.penalty_offsets[row], choice.penalty_offsets[row + 1]):
        token, count = choice.penalty_tokens[i], np.float32(choice.penalty_counts[i])
        score = logits[token]
        score = score * choice.repetition[row] if score < 0 else score / choice.repetition[row]
        if count > 0:
            score = score - choice.presence[row] - choice.frequency[row] * count
        logits[token] = score


@kernel()
def _weigh(logits: NDArray[np.float32], top: np.float32, temperature: np.float32, weights: NDArray[np.float32]) -> None:
    """weights = exp((logits - top) / temperature), 0 for what is not finite and for the padding."""
    slope = min(LOG2_E / temperature, STEEPEST)
    for i in range(logits.size):
        weights[i] = exp2((logits[i] - top) * slope) if _rank(logits[i]) > LOWEST else np.float32(0)
    weights[logits.size :] = 0


@kernel()
def _collect(weights: NDArray[np.float32], candidates: NDArray[np.int32]) -> int:
    """Write the ids that have a weight into ``candidates`` and return how many there are."""
    count = 0
    for i in range(weights.size):
        candidates[count] = i
        count += weights[i] > 0
    return count


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
            digit = ((np.uint32(_rank(logits[token])) ^ np.uint32(0x80000000)) >> np.uint32(shift)) & np.uint32(
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
            rank = np.uint32(_rank(logits[token])) ^ np.uint32(0x80000000)
            if rank >> np.uint32(shift) == prefix >> np.uint32(shift):
                candidates[left] = token
                left += 1
        count = left
    return np.int32(prefix ^ np.uint32(0x80000000)), above, count


@kernel()
def _keep_top_k(logits, weights, candidates, masses, top_k) -> None:
    """Drop what ranks below the k-th; what ties with it stays."""
    count = _collect(weights, candidates)
    if count <= top_k:
        return
    rank, _, _ = _cut(logits, weights, candidates, count, masses, np.float64(top_k), False)
    for i in range(logits.size):
        if _rank(logits[i]) < rank:
            weights[i] = 0


@kernel()
def _keep_top_p(logits, weights, candidates, masses, top_p) -> None:
    """Keep a token while the mass of those before it is below top_p of all; equals come in the order of their ids."""
    count = _collect(weights, candidates)
    total = 0.0
    for c in range(count):
        total += np.float64(weights[candidates[c]])
    target = total * np.float64(top_p)
    rank, before, equals = _cut(logits, weights, candidates, count, masses, target, True)
    for i in range(logits.size):
        if _rank(logits[i]) < rank:
            weights[i] = 0
    for c in range(equals):
        token = candidates[c]
        mass = np.float64(weights[token])
        if before >= target:
            weights[token] = 0
        before += mass


@kernel()
def _draw(weights: NDArray[np.float32], sums: NDArray[np.float64], uniform: np.float64) -> int:
    """The first token at which the running mass, in the order of ids, exceeds ``uniform`` of the whole.

    ``sums`` takes the mass of each run of ids, so that the second walk is short. V' / sums.size ids to a run.
    """
    run = (weights.size + sums.size - 1) // sums.size
    runs = (weights.size + run - 1) // run
    total = 0.0
    for r in range(runs):
        mass = 0.0
        for i in range(r * run, min(r * run + run, weights.size)):
            mass += np.float64(weights[i])
        sums[r] = mass
        total += mass
    target, passed, chosen = uniform * total, 0.0, 0
    for r in range(runs):
        if passed + sums[r] <= target:
            passed += sums[r]
            continue
        for i in range(r * run, min(r * run + run, weights.size)):
            if weights[i] > 0:
                chosen = i
                passed += np.float64(weights[i])
                if passed > target:
                    return chosen
    return chosen


@kernel()
def pick(logits: NDArray[np.float32], row: int, rank: int, choice: Choice) -> int:
    """The token of a row [vocab]; 0 when no logit is finite. ``logits`` are penalised in place, ``rank`` is the thread's."""
    _penalise(logits, row, choice)
    best = _best(logits)
    temperature = choice.temperature[row]
    if best < 0 or temperature == 0:
        return max(best, 0)
    weights, candidates, masses = choice.weights[rank], choice.candidates[rank], choice.masses[rank]
    _weigh(logits, logits[best], temperature, weights)
    if choice.top_k[row] > 0:
        _keep_top_k(logits, weights, candidates, masses, choice.top_k[row])
    if choice.top_p[row] < 1:
        _keep_top_p(logits, weights, candidates, masses, choice.top_p[row])
    if choice.min_p[row] > 0:
        for i in range(logits.size):
            if weights[i] < choice.min_p[row]:
                weights[i] = 0
    return _draw(weights, masses, choice.uniform[row])
