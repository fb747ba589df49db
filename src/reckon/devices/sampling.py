"""From logits to tokens, in numpy: what changes logits, the kept set, one draw, log probabilities. Every device's definition.

Knows rows of logits and ``SamplingRows``, neither models nor sequences. Order: bias; repetition, presence and frequency penalty
(vLLM's order); mask; greedy if the temperature is 0; else temperature, top_k, top_p, min_p, and the token at the row's uniform
number. Log probabilities are of the logits before all that, as vLLM reports them: what the model says, not what was asked.
"""

import numpy as np
from numpy.typing import NDArray

from reckon.devices.batch import Sampled, SamplingRows


def sample(logits: NDArray[np.float32], rows: SamplingRows) -> Sampled:
    """The token of each row of logits [R, vocab], and its score. Rows are worked on one by one: none can see another."""
    count, most = len(logits), max(0, int(rows.logprobs.max(initial=0)))
    tokens, own = np.empty(count, np.int32), np.full(count, np.nan, np.float32)
    tops, top_logprobs = np.full((count, most), -1, np.int32), np.full((count, most), np.nan, np.float32)
    for row, original in enumerate(logits):
        tokens[row] = _pick(original, row, rows)
        if rows.logprobs[row] >= 0:
            scores = log_softmax(original)
            own[row] = scores[tokens[row]]
            best = likeliest(scores, rows.logprobs[row])
            tops[row, : len(best)], top_logprobs[row, : len(best)] = best, scores[best]
    return Sampled(tokens, own, tops, top_logprobs)


def _pick(logits: NDArray[np.float32], row: int, rows: SamplingRows) -> int:
    """The lowest allowed token if no allowed logit is finite; 0 if the row's mask allows nothing at all."""
    biases = slice(rows.bias_offsets[row], rows.bias_offsets[row + 1])
    penalties = slice(rows.penalty_offsets[row], rows.penalty_offsets[row + 1])
    changed = penalise(
        biased(logits, rows.bias_tokens[biases], rows.bias_values[biases]),
        rows.penalty_tokens[penalties],
        rows.penalty_counts[penalties],
        repetition=rows.repetition[row],
        presence=rows.presence[row],
        frequency=rows.frequency[row],
    )
    allowed = np.ones(len(logits), np.bool_)
    if rows.mask_rows[row] >= 0:
        allowed = unpack(rows.masks[rows.mask_rows[row]], len(logits))
        changed = np.where(allowed, changed, np.float32(-np.inf))
    chosen = kept(changed, rows.temperature[row], rows.top_k[row], rows.top_p[row], rows.min_p[row])
    if not chosen.any():  # arbitrary but fixed: one broken row neither stops the step nor draws chance
        return int(allowed.argmax())
    return draw(changed, chosen, rows.temperature[row], rows.uniform[row])


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural log probabilities of a row [vocab], summed in float64; -inf for what is not finite."""
    scores = _scores(logits, 0)
    if scores.max() > -np.inf:
        scores = scores - np.log(np.exp(scores).sum())
    return scores.astype(np.float32)


def likeliest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The ids of the ``count`` largest finite scores, best first, the lowest id among equals."""
    order = np.argsort(-scores, kind="stable")[:count]
    return order[scores[order] > -np.inf]


def unpack(mask: NDArray[np.uint32], vocab: int) -> NDArray[np.bool_]:
    """A mask of bits, [ceil(vocab / 32)], as one bool per token, [vocab]."""
    tokens = np.arange(vocab)
    return mask[tokens // 32] >> (tokens % 32).astype(np.uint32) & np.uint32(1) > 0


def biased(logits: NDArray[np.float32], tokens: NDArray[np.int32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits [vocab] with ``values`` added to those of ``tokens``."""
    if not len(tokens):
        return logits
    result = logits.copy()
    result[tokens] += values
    return result


def penalise(
    logits: NDArray[np.float32],
    tokens: NDArray[np.int32],
    counts: NDArray[np.int32],
    *,
    repetition: np.float32,
    presence: np.float32,
    frequency: np.float32,
) -> NDArray[np.float32]:
    """Logits [vocab] with ``tokens`` made less likely; ``counts`` says how often the answer has each, 0 if only the prompt.

    Repetition counts prompt and answer (Keskar et al. 2019, as in transformers); presence and frequency count the answer only
    (OpenAI's formula, as in vLLM).
    """
    if not len(tokens):
        return logits
    scores = logits[tokens]
    scores = np.where(scores < 0, scores * repetition, scores / repetition)
    scores = scores - presence * (counts > 0).astype(np.float32) - frequency * counts.astype(np.float32)
    result = logits.copy()
    result[tokens] = scores
    return result


def kept(logits: NDArray[np.float32], temperature: float, top_k: int, top_p: float, min_p: float) -> NDArray[np.bool_]:
    """Which tokens of a row [vocab] may be drawn: the sets of transformers' TopK-, TopP- and MinPLogitsWarper, in this order.

    At temperature 0 the largest logit alone, the lowest id among equals. top_k keeps what ties with the k-th. top_p keeps a
    token while the mass of those before it is below top_p; equals come in the order of their ids. top_k 0, top_p 1 and min_p 0
    are off. What is not finite (a NaN, a masked token) is never kept; the set is empty only if no logit is finite.
    """
    scores = _scores(logits, temperature)
    mask = scores > -np.inf
    if not mask.any():
        return mask
    if temperature == 0:
        mask[:] = False
        mask[scores.argmax()] = True
        return mask
    if 0 < top_k < len(scores):
        mask &= scores >= np.partition(scores, -top_k)[-top_k]
    if top_p < 1:
        mask &= _nucleus(np.where(mask, scores, -np.inf), top_p)
    if min_p > 0:
        mask &= np.exp(scores) >= min_p
    return mask


def draw(logits: NDArray[np.float32], mask: NDArray[np.bool_], temperature: float, uniform: float) -> int:
    """The token at ``uniform`` of the way through the kept tokens' mass, in the order of ids. The mask is not empty."""
    cumulative = np.cumsum(np.where(mask, np.exp(_scores(logits, temperature)), 0.0))
    return int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))


def _scores(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Logits over temperature in float64, shifted so that the largest is 0; -inf for what is not finite."""
    scores = np.where(np.isfinite(logits), logits.astype(np.float64), -np.inf)
    top = scores.max()
    return scores if top == -np.inf else (scores - top) / (float(temperature) or 1.0)


def _nucleus(scores: NDArray[np.float64], top_p: float) -> NDArray[np.bool_]:
    order = np.argsort(-scores, kind="stable")
    weights = np.exp(scores[order])
    cumulative = np.cumsum(weights)
    before = np.concatenate([[0.0], cumulative[:-1]])
    chosen = before < float(top_p) * cumulative[-1]
    chosen[0] = True
    mask = np.zeros(len(scores), np.bool_)
    mask[order[chosen]] = True
    return mask
