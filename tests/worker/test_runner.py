"""From a plan to arrays, and from bytes of memory to a number of blocks."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from reckon.devices.batch import BLOCK_SIZE, Batch
from reckon.devices.philox import uniform
from reckon.errors import UnsupportedModel
from reckon.job import Sampling
from reckon.link import Submit
from reckon.worker.runner import Room, Runner, make_batch, make_masks, sampled_sequences
from reckon.worker.scheduler import Piece, Plan
from reckon.worker.sequence import Sequence
from worker.driving import VOCAB, FakeDevice, ask, text


def piece(submit: Submit, start: int, count: int, table: list[int]) -> Piece:
    sequence = Sequence.of(submit)
    sequence.table, sequence.computed = table, start
    return Piece(sequence, start, count)


def batch_of(plan: Plan) -> Batch:
    return make_batch(plan, make_masks(sampled_sequences(plan), VOCAB))


def test_pieces_of_all_kinds_in_one_batch() -> None:
    prompts = [text(6, 1), text(100, 2), text(5, 3)]
    decode = piece(ask(1, prompts[0], generated=[30]), 6, 1, [4])
    chunk = piece(ask(2, prompts[1]), 62, 4, [9, 2])
    whole = piece(ask(3, prompts[2]), 0, 5, [7])
    batch = batch_of(Plan([decode, chunk, whole], [2, 7]))
    assert batch.tokens.tolist() == [30, *prompts[1][62:66], *prompts[2]]
    assert batch.positions.tolist() == [6, 62, 63, 64, 65, 0, 1, 2, 3, 4]
    assert batch.sequences.tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert batch.block_tables.tolist() == [[4, 0], [9, 2], [7, 0]]
    assert batch.new_blocks.tolist() == [2, 7]
    assert batch.sample_rows.tolist() == [0, 9]
    integers = [batch.tokens, batch.positions, batch.sequences, batch.block_tables, batch.new_blocks, batch.sample_rows]
    assert {array.dtype for array in integers} == {np.dtype(np.int32)}


def test_a_chunk_in_the_middle_samples_nothing() -> None:
    sampling = batch_of(Plan([piece(ask(1, 100, sampling=penalised(1)), 0, 64, [0])], [0])).sampling
    assert sampling.uniform.shape == sampling.temperature.shape == sampling.penalty_tokens.shape == (0,)
    assert sampling.penalty_offsets.tolist() == [0]


def penalised(seed: int) -> Sampling:
    return Sampling(seed, presence_penalty=0.5, frequency_penalty=-0.25, repetition_penalty=1.25)


def test_settings_and_the_history_of_penalties_by_row() -> None:
    plain = Sampling(2**63 - 1, temperature=0.5, top_p=0.25, min_p=0.125, top_k=7)
    sequences = [
        ask(1, [5, 9, 5], sampling=penalised(3), generated=[9, 8, 8]),
        ask(2, [1, 2], sampling=plain),
        ask(3, [6, 6], sampling=penalised(4)),
    ]
    pieces = [piece(submit, 0, len(submit.prompt) + len(submit.generated), [place]) for place, submit in enumerate(sequences)]
    rows = batch_of(Plan(pieces)).sampling
    assert rows.temperature.tolist() == [1, 0.5, 1]
    assert (rows.top_k.tolist(), rows.top_p.tolist(), rows.min_p.tolist()) == ([0, 7, 0], [1, 0.25, 1], [0, 0.125, 0])
    assert rows.presence.tolist() == [0.5, 0, 0.5]
    assert rows.frequency.tolist() == [-0.25, 0, -0.25]
    assert rows.repetition.tolist() == [1.25, 1, 1.25]
    assert rows.penalty_offsets.tolist() == [0, 3, 3, 4]
    assert dict(zip(rows.penalty_tokens[:3].tolist(), rows.penalty_counts[:3].tolist(), strict=True)) == {5: 0, 9: 1, 8: 2}
    assert (rows.penalty_tokens[3:].tolist(), rows.penalty_counts[3:].tolist()) == ([6], [0])
    assert {rows.penalty_offsets.dtype, rows.penalty_tokens.dtype, rows.penalty_counts.dtype} == {np.dtype(np.int32)}
    assert rows.uniform.dtype == np.float64 and rows.temperature.dtype == np.float32


def test_a_history_grows_with_the_answer_and_a_batch_keeps_what_it_was() -> None:
    sequence = Sequence.of(ask(1, [5, 9], sampling=penalised(3)))
    sequence.table = [0]
    before = batch_of(Plan([Piece(sequence, 0, 2)])).sampling
    for token in (9, 7, 9):
        sequence.append(token)
    after = batch_of(Plan([Piece(sequence, 0, 5)])).sampling
    assert (before.penalty_tokens.tolist(), before.penalty_counts.tolist()) == ([5, 9], [0, 0])
    assert (after.penalty_tokens.tolist(), after.penalty_counts.tolist()) == ([5, 9, 7], [0, 2, 1])
    resumed = Sequence.of(ask(1, [5, 9], sampling=penalised(3), generated=[9, 7, 9])).history
    assert resumed is not None
    assert (resumed.tokens.tolist(), resumed.counts.tolist()) == ([5, 9, 7], [0, 2, 1])


def test_who_has_no_penalty_keeps_no_history() -> None:
    assert Sequence.of(ask(1, 5)).history is None
    for field in ("presence_penalty", "frequency_penalty", "repetition_penalty"):
        assert Sequence.of(ask(1, 5, sampling=Sampling(1, **{field: 0.5}))).history is not None


def test_biases_and_what_is_asked_of_scores_by_row() -> None:
    asked = [ask(1, [1], bias=[(9, 1.5), (3, -100.0)]), ask(2, [1], logprobs=0), ask(3, [1], bias=[(0, 0.25)], logprobs=20)]
    rows = batch_of(Plan([piece(submit, 0, 1, [place]) for place, submit in enumerate(asked)])).sampling
    assert rows.bias_offsets.tolist() == [0, 2, 2, 3]
    assert (rows.bias_tokens.tolist(), rows.bias_values.tolist()) == ([9, 3, 0], [1.5, -100, 0.25])
    assert rows.logprobs.tolist() == [-1, 0, 20]
    assert (rows.masks.shape, rows.mask_rows.tolist()) == ((0, 2), [-1, -1, -1])
    integers = {rows.bias_offsets.dtype, rows.bias_tokens.dtype, rows.mask_rows.dtype, rows.logprobs.dtype}
    assert (integers, rows.bias_values.dtype, rows.masks.dtype) == ({np.dtype(np.int32)}, np.float32, np.uint32)


def test_a_random_number_belongs_to_seed_choice_and_the_place_of_the_new_token() -> None:
    asked = [
        ask(1, 5, seed=7),
        ask(2, 5, seed=7, choice=3),
        ask(3, 5, seed=8),
        ask(4, 4, seed=7, generated=[1]),
        ask(5, 90, seed=2**63 - 1),
    ]
    lengths = [len(submit.prompt) + len(submit.generated) for submit in asked]
    pieces = [piece(submit, length - 1, 1, [0, 1]) for submit, length in zip(asked, lengths, strict=True)]
    numbers = batch_of(Plan(pieces)).sampling.uniform
    assert numbers.tolist() == uniform([7, 7, 8, 7, 2**63 - 1], [0, 3, 0, 0, 0], [5, 5, 5, 5, 90]).tolist()
    assert numbers[0] == numbers[3] and len(set(numbers.tolist())) == 4
    for place in range(5):
        assert batch_of(Plan(pieces[place : place + 1])).sampling.uniform.tolist() == [numbers[place]]


@dataclass
class Sized:
    """The one fact of an Arch that sizing looks at."""

    context: int


@pytest.mark.parametrize(
    ("kv_bytes", "context", "places", "room"),
    [
        (0, 0, 64, Room(500, 500_000, 4096)),  # half of what is free
        (20_999, 0, 64, Room(20, 20_000, 20 * BLOCK_SIZE)),  # the memory decides how long a sequence gets
        (20_999, 130, 64, Room(20, 20_000, 130)),
        (0, 130, 2, Room(6, 6_000, 130)),  # no more than could be used
        (0, 9999, 2, Room(128, 128_000, 4096)),  # never longer than the model
        (1_000, 0, 64, Room(1, 1_000, 64)),
    ],
)
def test_how_many_blocks(kv_bytes: int, context: int, places: int, room: Room) -> None:
    device = FakeDevice(free=1_000_000)
    assert Runner(device).allocate(Sized(4096), kv_bytes, context, places) == room  # type: ignore[arg-type]
    assert len(device.memory) == room.blocks


@pytest.mark.parametrize(
    ("kv_bytes", "free", "message"),
    [(999, 10**6, "one block of 64 tokens takes 1000 bytes"), (0, 1999, "one block"), (50_000, 20_000, "KV cache: no")],
)
def test_no_room_for_the_cache(kv_bytes: int, free: int, message: str) -> None:
    with pytest.raises(UnsupportedModel, match=message):
        Runner(FakeDevice(free=free)).allocate(Sized(4096), kv_bytes, 0, 64)  # type: ignore[arg-type]


class Heavy:
    """Weights that are large and otherwise right."""

    total_bytes = 3_000_000_000

    def check(self, arch: object) -> None:
        pass


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(UnsupportedModel, match=r"the weights take 3\.0 GB and fake has 2\.0 GB free"):
        Runner(FakeDevice(free=2_000_000_000)).load(None, Heavy(), lambda *_: None)  # type: ignore[arg-type]


def test_closing_closes_the_device() -> None:
    device = FakeDevice()
    Runner(device).close()
    assert device.closed


def test_guesses_are_rows_of_their_own_and_penalties_see_them() -> None:
    sequence = Sequence.of(ask(1, [5, 9, 5], sampling=penalised(3), generated=[9]))
    sequence.table, sequence.computed = [3, 8], 3
    other = piece(ask(2, [1, 2], generated=[4]), 2, 1, [6])
    batch = batch_of(Plan([Piece(sequence, 3, 1, (7, 9)), other]))
    assert batch.tokens.tolist() == [9, 7, 9, 4]
    assert batch.positions.tolist() == [3, 4, 5, 2]
    assert batch.sequences.tolist() == [0, 0, 0, 1]
    assert batch.sample_rows.tolist() == [0, 1, 2, 3]
    rows = batch.sampling
    assert rows.uniform.tolist() == uniform([3, 3, 3, 2], [0, 0, 0, 0], [4, 5, 6, 3]).tolist()
    offsets = rows.penalty_offsets.tolist()
    seen = [
        dict(zip(rows.penalty_tokens[a:b].tolist(), rows.penalty_counts[a:b].tolist(), strict=True))
        for a, b in pairwise(offsets)
    ]
    assert seen == [{5: 0, 9: 1}, {5: 0, 9: 1, 7: 1}, {5: 0, 9: 2, 7: 1}, {}]
    assert sequence.history is not None and sequence.history.counts.tolist() == [0, 1]
