"""The sampler of the compiled step: one row of logits to one token and its score. The definition is devices/sampling.py.

Tokens are ordered by rank (ranks.py), and top_k and top_p are in keeping.py: the vocabulary is never sorted.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reckon.devices.batch import Sampled, SamplingRows
from reckon.devices.cpu.compile import kernel
from reckon.devices.cpu.keeping import SHORT_RUN, keep_top_k, keep_top_p, mass_of
from reckon.devices.cpu.kernels import LOG2_E, NEVER, exp2
from reckon.devices.cpu.ranks import LOWEST, best_of, highest, rank_of

STEEPEST = np.float32(1e30)
MASSES = 2048
"""Buckets of the radix select: its widest digit has 11 bits."""
ALL = np.uint32(0xFFFFFFFF)


class Choice(NamedTuple):
    """``SamplingRows``, room for what is found, and scratch, as the compiled step takes them.

    R rows, V' = vocabulary in whole panels, K alternatives.
    """

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
    bias_offsets: NDArray[np.int32]
    bias_tokens: NDArray[np.int32]
    bias_values: NDArray[np.float32]
    masks: NDArray[np.uint32]
    mask_rows: NDArray[np.int32]
    asked: NDArray[np.int32]  # [R]: SamplingRows.logprobs
    tokens: NDArray[np.int32]  # [R]; this and the next three: Sampled
    logprobs: NDArray[np.float32]
    top_tokens: NDArray[np.int32]
    top_logprobs: NDArray[np.float32]
    weights: NDArray[np.float32]  # [threads, V']
    original: NDArray[np.float32]  # [threads, V']: the logits before anything changed them
    candidates: NDArray[np.int32]  # [threads, V']
    masses: NDArray[np.float64]  # [threads, MASSES]


class Scratch(NamedTuple):
    """Each thread's own memory while it samples a row."""

    weights: NDArray[np.float32]  # [threads, V']
    original: NDArray[np.float32]  # [threads, V']
    candidates: NDArray[np.int32]  # [threads, V']
    masses: NDArray[np.float64]  # [threads, MASSES]


def make_scratch(threads: int, vocab: int) -> Scratch:
    floats = np.zeros((2, threads, vocab), np.float32)
    return Scratch(floats[0], floats[1], np.zeros((threads, vocab), np.int32), np.zeros((threads, MASSES), np.float64))


def make_choice(rows: SamplingRows, room: Sampled, scratch: Scratch) -> Choice:
    return Choice(
        rows.temperature, rows.top_k, rows.top_p, rows.min_p, rows.presence, rows.frequency, rows.repetition, rows.uniform,
        rows.penalty_offsets, rows.penalty_tokens, rows.penalty_counts, rows.bias_offsets, rows.bias_tokens, rows.bias_values,
        rows.masks, rows.mask_rows, rows.logprobs, room.tokens, room.logprobs, room.top_tokens, room.top_logprobs, *scratch,
    )  # fmt: skip


def make_room(rows: SamplingRows) -> Sampled:
    """Where the step writes what it picks; what no row asks for stays as it is here."""
    asked = rows.logprobs.tolist()
    count, most = len(asked), max([0, *asked])
    own, tokens, tops = np.zeros(count, np.float32), np.zeros((count, most), np.int32), np.zeros((count, most), np.float32)
    own.fill(np.nan)
    tokens.fill(-1)
    tops.fill(np.nan)
    return Sampled(np.zeros(count, np.int32), own, tokens, tops)


@kernel()
def _bias(logits: NDArray[np.float32], row: int, choice: Choice) -> None:
    for i in range(choice.bias_offsets[row], choice.bias_offsets[row + 1]):
        logits[choice.bias_tokens[i]] += choice.bias_values[i]


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
        weights[i] = exp2((logits[i] - top) * slope) if rank_of(logits[i]) > LOWEST else np.float32(0)
    weights[logits.size :] = 0


@kernel()
def _draw(weights: NDArray[np.float32], sums: NDArray[np.float64], uniform: np.float64) -> int:
    """The first token at which the running mass, in the order of ids, exceeds ``uniform`` of the whole.

    ``sums`` takes the mass of each run of ids, so that the second walk is short. V' / sums.size ids to a run.
    """
    run = (weights.size + sums.size - 1) // sums.size
    runs = (weights.size + run - 1) // run
    total = 0.0
    for r in range(runs):
        sums[r] = mass_of(weights[r * run : r * run + run])
        total += sums[r]
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
def _forbid(logits: NDArray[np.float32], mask: NDArray[np.uint32]) -> None:
    """Take out what the mask does not allow, a word at a time."""
    for start in range(0, logits.size, 32):
        word = mask[start // 32]
        if word == ALL:
            continue
        for i in range(start, min(start + 32, logits.size)):
            if (word >> np.uint32(i - start)) & np.uint32(1) == 0:
                logits[i] = NEVER


@kernel()
def _lowest_allowed(vocab: int, row: int, choice: Choice) -> int:
    """What is picked when no allowed logit is finite; 0 if nothing is allowed."""
    if choice.mask_rows[row] < 0:
        return 0
    mask = choice.masks[choice.mask_rows[row]]
    for i in range(vocab):
        if (mask[i // 32] >> np.uint32(i % 32)) & np.uint32(1) != 0:
            return i
    return 0


@kernel()
def _score(logits: NDArray[np.float32], row: int, rank: int, choice: Choice) -> None:
    """Log probabilities of the picked token and of the likeliest, from the model's own ``logits`` [vocab]."""
    best = best_of(logits)
    if best < 0:
        choice.logprobs[row] = NEVER
        return
    weights = choice.weights[rank]
    _weigh(logits, logits[best], np.float32(1), weights)
    norm = np.float64(logits[best]) + math.log(mass_of(weights))
    own = logits[choice.tokens[row]]
    choice.logprobs[row] = np.float32(np.float64(own) - norm) if rank_of(own) > LOWEST else NEVER
    count = _likeliest(logits, choice.asked[row], choice.top_tokens[row])
    for place in range(count):
        choice.top_logprobs[row, place] = np.float32(np.float64(logits[choice.top_tokens[row, place]]) - norm)


@kernel()
def _likeliest(logits: NDArray[np.float32], most: int, out: NDArray[np.int32]) -> int:
    """Write the ids of the ``most`` largest finite logits into ``out``, best first; returns how many there are."""
    count, least = 0, LOWEST
    for start in range(0, logits.size, SHORT_RUN):
        if most == 0 or highest(logits[start : start + SHORT_RUN]) <= least:
            continue
        for i in range(start, min(start + SHORT_RUN, logits.size)):
            rank = rank_of(logits[i])
            if rank <= least:
                continue
            count = min(count + 1, most)
            place = count - 1
            while place > 0 and rank_of(logits[out[place - 1]]) < rank:
                out[place] = out[place - 1]
                place -= 1
            out[place] = i
            if count == most:
                least = rank_of(logits[out[count - 1]])
    return count


@kernel()
def pick(logits: NDArray[np.float32], row: int, rank: int, choice: Choice) -> None:
    """Leave a row's token, and its score if it asks for one, in ``choice``. ``logits`` [vocab] are changed in place."""
    if choice.asked[row] < 0:
        choice.tokens[row] = _token(logits, row, rank, choice)
        return
    original = choice.original[rank, : logits.size]
    for i in range(logits.size):
        original[i] = logits[i]
    choice.tokens[row] = _token(logits, row, rank, choice)
    _score(original, row, rank, choice)


@kernel()
def _token(logits: NDArray[np.float32], row: int, rank: int, choice: Choice) -> int:
    """The token of a row; ``rank`` is the thread's."""
    _bias(logits, row, choice)
    _penalise(logits, row, choice)
    if choice.mask_rows[row] >= 0:
        _forbid(logits, choice.masks[choice.mask_rows[row]])
    best = best_of(logits)
    if best < 0:
        return _lowest_allowed(logits.size, row, choice)
    temperature = choice.temperature[row]
    if temperature == 0:
        return best
    weights, candidates, masses = choice.weights[rank], choice.candidates[rank], choice.masses[rank]
    _weigh(logits, logits[best], temperature, weights)
    if choice.top_k[row] > 0:
        keep_top_k(logits, weights, candidates, masses, choice.top_k[row])
    if choice.top_p[row] < 1:
        keep_top_p(logits, weights, candidates, masses, choice.top_p[row])
    if choice.min_p[row] > 0:
        for i in range(logits.size):
            if weights[i] < choice.min_p[row]:
                weights[i] = 0
    return _draw(weights, masses, choice.uniform[row])
