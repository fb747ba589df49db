"""What one step needs besides the weights and the KV blocks: numpy arrays only, the same for every device.

The runner makes a Batch from sequences; a device turns it into logits and tokens. T = rows (tokens computed in this step),
S = sequences, R = rows that are sampled, W = widest block table, P = tokens that some penalty touches.
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
