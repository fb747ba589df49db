"""From logits to tokens, in numpy: penalties, the kept set, one draw. The definition that every device's sampler answers to.

Knows rows of logits and ``SamplingRows``, neither models nor sequences. Order: repetition, presence and frequency penalty;
greedy if the temperature is 0; else temperature, top_k, top_p, min_p, and the token at the row's uniform number.
"""

import numpy as np
from numpy.typing import NDArray

from reckon.devices.batch import SamplingRows


def sample(logits: NDArray[np.float32], rows: SamplingRows) -> NDArray[np.int32]:
    """The token of each row, [R], of logits [R, vocab]. Rows are worked on one by one: none can see another."""
    tokens = np.empty(len(logits), np.int32)
    for row, original in enumerate(logits):
        span = slice(rows.penalty_offsets[row], rows.penalty_offsets[row + 1])
        penalised = penalise(
            original,
            rows.penalty_tokens[span],
            rows.penalty_counts[span],
            repetition=rows.repetition[row],
            presence=rows.presence[row],
            frequency=rows.frequency[row],
        )
        mask = kept(penalised, rows.temperature[row], rows.top_k[row], rows.top_p[row], rows.min_p[row])
        tokens[row] = draw(penalised, mask, rows.temperature[row], rows.uniform[row])
    return tokens


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
    """The token at ``uniform`` of the way through the kept tokens' mass, in the order of ids; 0 if the mask is empty.

    Token 0 for a row without any finite logit is arbitrary but fixed: one broken row neither stops the step nor draws chance.
    """
    if not mask.any():
        return 0
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
