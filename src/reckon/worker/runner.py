"""Between the scheduler and the device: a Plan becomes a Batch, and tokens come back. Sizes the KV cache.

Knows sequences and arrays, but neither which device it drives nor why a sequence was chosen.
"""

from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from reckon.devices.base import Device, Progress
from reckon.devices.batch import BLOCK_SIZE, Batch, Sampled, SamplingRows
from reckon.errors import UnsupportedModel
from reckon.models.arch import Arch
from reckon.models.weights import Weights
from reckon.worker.scheduler import Piece, Plan
from reckon.worker.sequence import KNOBS, Biases, Matcher, Penalties, Pick, Sequence

SHARE = 0.5
"""Of the memory that is free after loading, this much is offered to the KV cache when nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Room:
    """The KV cache that was made. ``context`` is the longest sequence: the model's, the operator's or the memory's limit."""

    blocks: int
    bytes: int
    context: int


@dataclass(frozen=True, slots=True)
class Masks:
    """What grammars allow the sampled rows of a step, as SamplingRows has it. ``errors`` are what matchers raised, by row."""

    words: NDArray[np.uint32]  # [G, ceil(vocab / 32)]
    rows: NDArray[np.int32]  # [R]
    errors: list[Exception | None]  # R of them


class Runner:
    """``vocab_size`` is the width of masks; ``load`` finds it in the model."""

    def __init__(self, device: Device, vocab_size: int = 0) -> None:
        self._device = device
        self._vocab_size = vocab_size

    def load(self, arch: Arch, weights: Weights, progress: Progress) -> None:
        """Raises UnsupportedModel when a tensor is missing or the weights are larger than the memory that is free."""
        weights.check(arch)
        needed, free = self._device.weight_bytes(arch, weights), self._device.free_bytes()
        if needed > free:
            needs, has = needed / 1e9, free / 1e9
            raise UnsupportedModel(f"the weights take {needs:.1f} GB and {self._device.name} has {has:.1f} GB free")
        self._device.load(arch, weights, progress)
        self._vocab_size = arch.vocab_size

    def allocate(self, arch: Arch, kv_bytes: int, context: int, max_sequences: int) -> Room:
        """Make the KV blocks: as many as ``kv_bytes`` holds (0: a share of what is free), and no more than can be used.

        Raises UnsupportedModel when not even one block of tokens fits.
        """
        size = self._device.block_bytes()
        context = min(arch.context, context or arch.context)
        useful = max_sequences * -(-context // BLOCK_SIZE)
        blocks = min(useful, int(kv_bytes or self._device.free_bytes() * SHARE) // size)
        if blocks < 1:
            raise UnsupportedModel(f"no memory for the KV cache: one block of {BLOCK_SIZE} tokens takes {size} bytes")
        try:
            self._device.allocate(blocks)
        except MemoryError as error:
            raise UnsupportedModel(f"no memory for the KV cache: {error}") from None
        return Room(blocks, blocks * size, min(context, blocks * BLOCK_SIZE))

    def run(self, plan: Plan) -> list[list[Pick]]:
        """Compute a plan; for each piece that samples, a Pick after its last token and after each guess.

        A grammar that breaks costs its own answer only.
        """
        sequences = sampled_sequences(plan)
        masks = make_masks(sequences, self._vocab_size)
        picks = iter(_picks(sequences, self._device.step(make_batch(plan, masks)), masks.errors))
        return [[next(picks) for _ in range(1 + len(piece.drafts))] for piece in plan.pieces if piece.samples]

    def close(self) -> None:
        self._device.close()


def sampled_sequences(plan: Plan) -> list[Sequence]:
    """Whose token each sampled row picks: a sequence comes once, and once more for each guess."""
    sequences = list[Sequence]()
    for piece in plan.pieces:
        if piece.samples:
            sequences += [piece.sequence] * (1 + len(piece.drafts))
    return sequences


def make_masks(sequences: Items[Sequence], vocab_size: int) -> Masks:
    """Ask each matcher what may come next."""
    matched = [row for row, sequence in enumerate(sequences) if sequence.matcher is not None]
    rows, errors = [-1] * len(sequences), list[Exception | None]([None] * len(sequences))
    words = np.zeros((len(matched), -(-vocab_size // 32)), np.uint32)
    for used, row in enumerate(matched):
        try:
            cast(Matcher, sequences[row].matcher).allow(words[used])
        except Exception as error:  # whatever it throws, the others of this step go on
            errors[row] = error
        else:
            rows[row] = used
    return Masks(words, np.array(rows, np.int32), errors)


def _picks(sequences: Items[Sequence], sampled: Sampled, errors: list[Exception | None]) -> list[Pick]:
    picks = []
    for row, (sequence, token) in enumerate(zip(sequences, sampled.tokens.tolist(), strict=True)):
        score = None
        if sequence.logprobs >= 0:
            tops = zip(sampled.top_tokens[row].tolist(), sampled.top_logprobs[row].tolist(), strict=True)
            score = float(sampled.logprobs[row]), [pair for pair in tops if pair[0] >= 0]
        picks.append(Pick(token, score, errors[row]))
    return picks


def make_batch(plan: Plan, masks: Masks) -> Batch:
    """The arrays of a step. A piece's rows are neighbours; sampled are its last one, if it reaches the end, and its guesses.

    Lists become arrays in one go each: a tiny model's step is shorter than a few dozen small operations on arrays.
    """
    pieces = plan.pieces
    tokens, positions, sequences, sampled = list[int](), list[int](), list[int](), list[int]()
    for number, piece in enumerate(pieces):
        tokens += piece.sequence.tokens[piece.start : piece.start + piece.count]
        tokens += piece.drafts
        positions += range(piece.start, piece.start + piece.rows)
        sequences += [number] * piece.rows
        if piece.samples:
            sampled += range(len(tokens) - len(piece.drafts) - 1, len(tokens))
    width = max(len(piece.sequence.table) for piece in pieces)
    tables = [piece.sequence.table + [0] * (width - len(piece.sequence.table)) for piece in pieces]
    return Batch(
        tokens=np.array(tokens, np.int32),
        positions=np.array(positions, np.int32),
        sequences=np.array(sequences, np.int32),
        block_tables=np.array(tables, np.int32),
        new_blocks=np.array(plan.new_blocks, np.int32),
        sample_rows=np.array(sampled, np.int32),
        sampling=_sampling_rows([piece for piece in pieces if piece.samples], masks),
    )


def _sampling_rows(pieces: Items[Piece], masks: Masks) -> SamplingRows:
    """How each sampled row's token is picked. A row's random number is that of the place where its token will stand."""
    knobs, choices, uniform = list[tuple[float, ...]](), list[tuple[int, int]](), list[float]()
    penalties, biases = list[Penalties | None](), list[Biases | None]()
    for piece in pieces:
        sequence, count = piece.sequence, 1 + len(piece.drafts)
        knobs += [sequence.knobs] * count
        choices += [(sequence.sampling.top_k, sequence.logprobs)] * count
        uniform += [sequence.draws.at(len(sequence.tokens) + guessed) for guessed in range(count)]
        biases += [sequence.bias] * count
        if sequence.history is None:
            penalties += [None] * count
        else:
            penalties += [sequence.history.if_it_went_on(piece.drafts[:guessed]) for guessed in range(count)]
    temperature, top_p, min_p, presence, frequency, repetition = np.array(knobs, np.float32).reshape(-1, KNOBS).T.copy()
    top_k, logprobs = np.array(choices, np.int32).reshape(-1, 2).T.copy()
    penalty_offsets, penalty_tokens, penalty_counts = _flat(penalties, np.int32)
    bias_offsets, bias_tokens, bias_values = _flat(biases, np.float32)
    return SamplingRows(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        presence=presence,
        frequency=frequency,
        repetition=repetition,
        uniform=np.array(uniform, np.float64),
        penalty_offsets=penalty_offsets,
        penalty_tokens=penalty_tokens,
        penalty_counts=penalty_counts,
        bias_offsets=bias_offsets,
        bias_tokens=bias_tokens,
        bias_values=bias_values,
        masks=masks.words,
        mask_rows=masks.rows,
        logprobs=logprobs,
    )


Values = TypeVar("Values", np.int32, np.float32)


def _flat(
    parts: Items[tuple[NDArray[np.int32], NDArray[Values]] | None], kind: type[Values]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Values]]:
    """Each row's tokens and their values behind one another, and where each row's begin; most rows have none."""
    some = [part for part in parts if part is not None]
    if not some:
        return np.zeros(len(parts) + 1, np.int32), np.zeros(0, np.int32), np.zeros(0, kind)
    offsets = np.cumsum([0, *(0 if part is None else len(part[0]) for part in parts)], dtype=np.int32)
    return offsets, np.concatenate([tokens for tokens, _ in some]), np.concatenate([values for _, values in some])
