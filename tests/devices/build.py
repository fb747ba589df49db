"""Batches by hand: sequences with scattered blocks, and sampling rows with the defaults filled in."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Device
from reckon.devices.batch import BLOCK_SIZE, Batch, SamplingRows

Penalties = dict[int, int]
"""Token to how often the answer has it; 0 means that it stands in the prompt only."""

Biases = dict[int, float]


@dataclass(slots=True)
class Sequence:
    """Tokens, the blocks they live in, and how many of them are computed."""

    tokens: list[int]
    table: list[int] = field(default_factory=list)
    done: int = 0

    @property
    def left(self) -> int:
        return len(self.tokens) - self.done


class Pages:
    """Hands out blocks in a scattered order and builds the Batch of a step."""

    def __init__(self, blocks: int, seed: int = 0) -> None:
        self.free: list[int] = np.random.default_rng(seed).permutation(blocks).tolist()

    def batch(
        self,
        work: Iterable[tuple[Sequence, int]],
        sampling: SamplingRows | None = None,
        *,
        every_row: bool = True,
    ) -> Batch:
        """The next ``count`` tokens of each (sequence, count); samples every row, or the last one of each sequence."""
        work = list(work)
        tokens, positions, owners, new, sampled = [], [], [], [], []
        for owner, (sequence, count) in enumerate(work):
            end = sequence.done + count
            assert 0 < count <= sequence.left
            while len(sequence.table) * BLOCK_SIZE < end:
                sequence.table.append(self.free.pop(0))
                new.append(sequence.table[-1])
            tokens += sequence.tokens[sequence.done : end]
            positions += range(sequence.done, end)
            owners += [owner] * count
            sampled += range(len(tokens) - count, len(tokens)) if every_row else [len(tokens) - 1]
            sequence.done = end
        tables = np.zeros((len(work), max(len(sequence.table) for sequence, _ in work)), np.int32)
        for owner, (sequence, _) in enumerate(work):
            tables[owner, : len(sequence.table)] = sequence.table
        return Batch(
            tokens=np.array(tokens, np.int32),
            positions=np.array(positions, np.int32),
            sequences=np.array(owners, np.int32),
            block_tables=tables,
            new_blocks=np.array(new, np.int32),
            sample_rows=np.array(sampled, np.int32),
            sampling=sampling or rows(len(sampled)),
        )

    def release(self, sequence: Sequence) -> None:
        """Blocks go to the front: the next sequence gets them."""
        self.free = sequence.table + self.free
        sequence.table, sequence.done = [], 0


def rows(
    count: int,
    penalties: list[Penalties] | None = None,
    biases: list[Biases] | None = None,
    allowed: list[NDArray[np.bool_] | None] | None = None,
    **fields: float | NDArray[np.generic],
) -> SamplingRows:
    """Sampling of ``count`` rows: greedy with everything off, but for ``fields`` (one value for all rows, or one per row).

    ``allowed`` has one bool per token, or None for all.
    """
    off = {"temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0, "presence": 0, "frequency": 0, "repetition": 1, "uniform": 0}
    kinds = {"top_k": np.int32, "uniform": np.float64, "logprobs": np.int32}
    values = {
        name: np.broadcast_to(np.asarray(value, kinds.get(name, np.float32)), (count,)).copy()
        for name, value in (off | {"logprobs": -1} | fields).items()
    }
    penalties, biases, allowed = penalties or [{}] * count, biases or [{}] * count, allowed or [None] * count
    masks = [pack(row) for row in allowed if row is not None]
    places = np.cumsum([row is not None for row in allowed]) - 1
    return SamplingRows(
        **values,
        penalty_offsets=np.cumsum([0] + [len(row) for row in penalties]).astype(np.int32),
        penalty_tokens=np.array([token for row in penalties for token in row], np.int32),
        penalty_counts=np.array([times for row in penalties for times in row.values()], np.int32),
        bias_offsets=np.cumsum([0] + [len(row) for row in biases]).astype(np.int32),
        bias_tokens=np.array([token for row in biases for token in row], np.int32),
        bias_values=np.array([value for row in biases for value in row.values()], np.float32),
        masks=np.array(masks) if masks else np.zeros((0, 0), np.uint32),
        mask_rows=np.array([-1 if row is None else places[i] for i, row in enumerate(allowed)], np.int32),
    )


def pack(allowed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """One bool per token to the bits of a mask."""
    bits = np.zeros(-(-len(allowed) // 32) * 32, np.bool_)
    bits[: len(allowed)] = allowed
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)


def compute(device: Device, pages: Pages, tokens: list[int], chunks: Iterable[int] = ()) -> NDArray[np.float32]:
    """Logits of every token of one sequence alone, [tokens, vocab], in the given chunks (none: in one go); frees its blocks."""
    sequence = Sequence(tokens)
    parts = [device.logits(pages.batch([(sequence, count)])).copy() for count in (chunks or [len(tokens)])]
    pages.release(sequence)
    return np.concatenate(parts)
