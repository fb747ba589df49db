"""What one step needs besides the weights and the KV blocks: numpy arrays only, the same for every device.

The runner makes a Batch from sequences; a device turns it into logits and tokens. T = rows (tokens computed in this step),
S = sequences, R = rows that are sampled, W = widest block table, P = tokens that some penalty touches, B = tokens that are
biased, G = rows under a grammar, K = the most alternatives that a row asks for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE = 64
"""Tokens in one KV block. It is the width of a weight panel too, so that one kernel multiplies both."""


@dataclass(frozen=True, slots=True)
class SamplingRows:
    """How each sampled row picks its token. Everything is known before the step, the random number included."""

    temperature: NDArray[np.float32]  # [R]; 0 is greedy
    top_k: NDArray[np.int32]  # [R]; 0 is off
    top_p: NDArray[np.float32]  # [R]; 1 is off
    min_p: NDArray[np.float32]  # [R]; 0 is off
    presence: NDArray[np.float32]  # [R]
    frequency: NDArray[np.float32]  # [R]
    repetition: NDArray[np.float32]  # [R]
    uniform: NDArray[np.float64]  # [R], in [0, 1): the number of (seed, choice, position)
    penalty_offsets: NDArray[np.int32]  # [R + 1]: row r's tokens are [offsets[r] : offsets[r + 1]] of the next two
    penalty_tokens: NDArray[np.int32]  # [P], each once per row: tokens seen in the prompt or the answer
    penalty_counts: NDArray[np.int32]  # [P], how often the answer has it; 0 means it stands in the prompt only
    bias_offsets: NDArray[np.int32]  # [R + 1]: row r's biases are [offsets[r] : offsets[r + 1]] of the next two
    bias_tokens: NDArray[np.int32]  # [B], each once per row
    bias_values: NDArray[np.float32]  # [B], added to the model's logits, before any penalty
    masks: NDArray[
        np.uint32
    ]  # [G, ceil(vocab / 32)]: token t is allowed if bit t % 32, from the lowest, of word t // 32 is set
    mask_rows: NDArray[np.int32]  # [R], the row's mask; -1 allows all
    logprobs: NDArray[np.int32]  # [R]; -1 is off, else how many of the likeliest tokens are reported beside the chosen one


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a step picked. Log probabilities are the model's own: log-softmax of the logits as they came out of it, before
    bias, penalties, mask and temperature. What is not finite has probability 0; the likeliest are finite, best first, the
    lowest id among equals.
    """

    tokens: NDArray[np.int32]  # [R]
    logprobs: NDArray[np.float32]  # [R], of the chosen token; NaN where not asked for
    top_tokens: NDArray[np.int32]  # [R, K], -1 past what the row asked for and the vocabulary has
    top_logprobs: NDArray[np.float32]  # [R, K], NaN there


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step. A sequence's rows are neighbours, in the order of their positions."""

    tokens: NDArray[np.int32]  # [T]
    positions: NDArray[np.int32]  # [T]
    sequences: NDArray[np.int32]  # [T], row of block_tables
    block_tables: NDArray[np.int32]  # [S, W]; a sequence's position p lives in block table[p // BLOCK_SIZE]
    new_blocks: NDArray[np.int32]  # [N], blocks that got a new owner: the device clears them before it writes
    sample_rows: NDArray[np.int32]  # [R], index into the T rows, ascending
    sampling: SamplingRows
