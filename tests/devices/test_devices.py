"""What devices/base.py promises, held against every device: right logits, rows independent bit for bit, the sampler's tokens.

A new device joins by a line in FACTORIES.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.devices.build import Pages, Sequence, compute, rows
from tests.devices.checkpoints import SHAPES, Oracle, Shape, oracle, write

from reckon.devices.base import Device
from reckon.devices.batch import BLOCK_SIZE
from reckon.devices.cpu.device import CpuDevice
from reckon.devices.cpu.isa import available
from reckon.devices.cpu.pace import Pace
from reckon.devices.cpu.step import ROW_BLOCK
from reckon.devices.reference import ReferenceDevice
from reckon.devices.sampling import sample
from reckon.models.arch import read_arch
from reckon.models.weights import Weights

FACTORIES: dict[str, Callable[[], Device]] = {
    "reference": ReferenceDevice,
    **{f"cpu-{isa}": partial(CpuDevice, 2, isa) for isa in available()},
    **{f"cpu-{isa}-squeezed": partial(CpuDevice, 2, isa, "squeezed") for isa in available()},
    "cpu-both": partial(CpuDevice, 2, "", "both"),
}
BLOCKS = 72
PROMPT = 150  # tokens: two full blocks and a part


def load(factory: Callable[[], Device], directory: Path, **other: bool) -> Device:
    """A device with BLOCKS blocks; ``other`` are fields of Arch to read differently from what config.json says."""
    device = factory()
    weights = Weights.open(directory)
    arch = read_arch(directory)
    weights.check(arch)
    arch = replace(arch, **other)
    device.load(arch, weights, lambda phase, done, total: None)
    weights.close()
    device.allocate(BLOCKS)
    return device


def random_tokens(count: int, vocab: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, vocab, count).tolist()


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {shape.name: write(root / shape.name, shape) for shape in SHAPES}


@pytest.fixture(scope="module")
def oracles(checkpoints: dict[str, Path]) -> dict[str, Oracle]:
    return {shape.name: oracle(checkpoints[shape.name], random_tokens(PROMPT, shape.vocab)) for shape in SHAPES}


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: shape.name)
def shape(request: pytest.FixtureRequest) -> Shape:
    return request.param


@pytest.fixture(scope="module", params=FACTORIES.values(), ids=FACTORIES.keys())
def factory(request: pytest.FixtureRequest) -> Callable[[], Device]:
    return request.param


@pytest.fixture(scope="module")
def device(factory: Callable[[], Device], shape: Shape, checkpoints: dict[str, Path]) -> Iterator[Device]:
    device = load(factory, checkpoints[shape.name])
    yield device
    device.close()


@pytest.fixture
def pages() -> Pages:
    return Pages(BLOCKS)


@pytest.fixture(scope="module")
def alone(device: Device, shape: Shape) -> NDArray[np.float32]:
    """Every row's logits of the prompt computed in one go."""
    return compute(device, Pages(BLOCKS, seed=9), random_tokens(PROMPT, shape.vocab))


def rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(error**2)))


def test_logits_are_those_of_transformers(
    device: Device, shape: Shape, alone: NDArray[np.float32], oracles: dict[str, Oracle]
) -> None:
    expected = oracles[shape.name]
    if device.name == "reference":
        tolerance = 1e-5 * np.abs(expected.float64).max()
        assert np.abs(alone - expected.float32).max() <= tolerance
        assert np.abs(alone - expected.float64).max() <= tolerance
    else:
        assert rms(alone - expected.float64) <= 1.3 * rms(expected.bfloat16 - expected.float64)


@pytest.mark.parametrize(
    "chunks",
    [[64, 64, 22], [63, 1, 1, 85], [13, 30, 5, 22, 80], [1] * PROMPT, [100] + [1] * 50, [3] * 50],
    ids=["blocks", "edges", "odd", "one by one", "decode", "threes"],
)
def test_chunks_do_not_change_a_bit(
    device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32], chunks: list[int]
) -> None:
    assert np.array_equal(compute(device, pages, random_tokens(PROMPT, shape.vocab), chunks), alone)


def test_a_step_of_more_rows_than_are_multiplied_at_once(device: Device, shape: Shape, pages: Pages) -> None:
    tokens = random_tokens(ROW_BLOCK + 44, shape.vocab)
    together = compute(device, pages, tokens, [len(tokens)])
    assert np.array_equal(compute(device, pages, tokens, [ROW_BLOCK - 56, 100]), together)


def test_the_width_of_vectors_does_not_change_a_bit(shape: Shape, checkpoints: dict[str, Path]) -> None:
    """Sets that multiply and add in one operation add in the same order. So does the generic one where the CPU can do that."""
    fused = [name for name in available() if name in ("avx512", "avx2")]
    fused += ["generic"] * bool(fused)
    seen = []
    for name in fused:
        device = load(partial(CpuDevice, 2, name), checkpoints[shape.name])
        seen.append(compute(device, Pages(BLOCKS), random_tokens(PROMPT, shape.vocab)).tobytes())
        device.close()
    assert len(set(seen)) <= 1


def test_company_does_not_change_a_bit(device: Device, shape: Shape, pages: Pages) -> None:
    """Seven sequences, each step a random part of them with random counts: prefill and decode mixed, tables scattered."""
    rng = np.random.default_rng(3)
    prompts = [random_tokens(length, shape.vocab, seed) for seed, length in enumerate([1, 150, 64, 65, 17, 128, 40])]
    expected = [compute(device, pages, tokens) for tokens in prompts]
    sequences = [Sequence(tokens) for tokens in prompts]
    found: list[list[NDArray[np.float32]]] = [[] for _ in prompts]
    while any(sequence.left for sequence in sequences):
        waiting = [owner for owner, sequence in enumerate(sequences) if sequence.left and rng.random() < 0.7]
        counts = {
            owner: min(sequences[owner].left, int(rng.choice([1, 1, 2, 7, 33, 64]))) for owner in rng.permutation(waiting)
        }
        if not counts:
            continue
        logits = device.logits(pages.batch((sequences[owner], count) for owner, count in counts.items()))
        parts = np.split(logits.copy(), np.cumsum(list(counts.values()))[:-1])
        for owner, part in zip(counts, parts, strict=True):
            found[owner].append(part)
    for tokens, parts, whole in zip(prompts, found, expected, strict=True):
        assert np.array_equal(np.concatenate(parts), whole), f"a sequence of {len(tokens)} tokens"


def test_another_device_with_any_number_of_threads_has_the_same_bits(
    factory: Callable[[], Device], shape: Shape, checkpoints: dict[str, Path], alone: NDArray[np.float32]
) -> None:
    """As after a restart: the checkpoint is read again."""
    others = [partial(CpuDevice, threads, factory.args[1]) for threads in (1, 3)] if isinstance(factory, partial) else [factory]
    for other in others:
        device = load(other, checkpoints[shape.name])
        for chunks in ([PROMPT], [70] + [1] * (PROMPT - 70)):
            found = compute(device, Pages(BLOCKS, seed=11), random_tokens(PROMPT, shape.vocab), chunks)
            assert np.array_equal(found, alone), other
        device.close()


def test_by_a_device_that_chooses_its_threads(
    checkpoints: dict[str, Path],
    shape: Shape,
    factory: Callable[[], Device],
    monkeypatch: pytest.MonkeyPatch,
    alone: NDArray[np.float32],
) -> None:
    monkeypatch.setattr("reckon.devices.cpu.device.Pace", Pace)
    device = load(factory, checkpoints[shape.name])
    found = compute(device, Pages(BLOCKS), random_tokens(PROMPT, shape.vocab), [70] + [1] * (PROMPT - 70))
    device.close()
    assert np.array_equal(found, alone)


def test_only_the_sampled_rows_come_back(device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32]) -> None:
    first, second = Sequence(random_tokens(PROMPT, shape.vocab)), Sequence(random_tokens(PROMPT, shape.vocab))
    logits = device.logits(pages.batch([(first, 70), (second, 5)], every_row=False))
    assert np.array_equal(logits, alone[[69, 4]])


def test_any_rows_may_be_sampled(device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32]) -> None:
    """Only these go through the last layer; what the others left in the cache serves the next steps."""
    rng = np.random.default_rng(8)
    sequences = [Sequence(random_tokens(PROMPT, shape.vocab)) for _ in range(3)]
    while any(sequence.left for sequence in sequences):
        waiting = [sequence for sequence in sequences if sequence.left]
        batch = pages.batch([(sequence, min(sequence.left, int(rng.choice([1, 6, 61, 70])))) for sequence in waiting])
        share = rng.choice([0.1, 0.5, 1])
        picked = np.flatnonzero(rng.random(batch.tokens.size) < share).astype(np.int32)
        some = replace(batch, sample_rows=picked, sampling=rows(picked.size))
        assert np.array_equal(device.logits(some), alone[batch.positions[picked]]), (share, picked)


def test_a_step_without_sampled_rows_writes_the_cache(
    device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32]
) -> None:
    sequence = Sequence(random_tokens(PROMPT, shape.vocab))
    batch = pages.batch([(sequence, 100)])
    silent = replace(batch, sample_rows=np.zeros(0, np.int32), sampling=rows(0))
    assert device.logits(silent).shape == (0, shape.vocab)
    assert device.step(silent).tokens.shape == (0,)
    assert np.array_equal(device.logits(pages.batch([(sequence, 50)])), alone[100:])


def test_step_is_the_sampler_on_the_logits(device: Device, shape: Shape, pages: Pages) -> None:
    """64 sequences with all kinds of sampling in one step; then each alone with the same number gives the same token."""
    rng = np.random.default_rng(5)
    sequences = [Sequence(random_tokens(4 + owner % 9, shape.vocab, owner)) for owner in range(64)]
    settings = {
        "temperature": rng.choice([0, 0.3, 1, 1.7], 64),
        "top_k": rng.choice([0, 1, 20, 5000], 64),
        "top_p": rng.choice([0.1, 0.9, 1], 64),
        "min_p": rng.choice([0, 0.05, 0.5], 64),
        "presence": rng.choice([0, 0.7, -0.5], 64),
        "frequency": rng.choice([0, 0.4], 64),
        "repetition": rng.choice([1, 1.3], 64),
        "uniform": rng.random(64),
    }
    penalties = [{token: index % 3 for index, token in enumerate(set(sequence.tokens))} for sequence in sequences]
    batch = pages.batch([(sequence, sequence.left) for sequence in sequences], rows(64, penalties, **settings), every_row=False)
    together = device.step(batch).tokens
    assert np.array_equal(together, sample(device.logits(batch), batch.sampling).tokens)
    for owner, sequence in enumerate(sequences):
        pages.release(sequence)
        own = {name: values[owner] for name, values in settings.items()}
        batch = pages.batch([(sequence, sequence.left)], rows(1, [penalties[owner]], **own), every_row=False)
        assert device.step(batch).tokens[0] == together[owner], own


def test_masks_biases_penalties_and_scores(device: Device, shape: Shape, pages: Pages) -> None:
    """64 rows with and without each, in one step: the definition's tokens and scores; then each alone, bit for bit."""
    rng = np.random.default_rng(7)
    sequences = [Sequence(random_tokens(3 + owner % 5, shape.vocab, owner)) for owner in range(64)]
    settings = {
        "temperature": rng.choice([0, 1, 1.7], 64),
        "top_k": rng.choice([0, 20], 64),
        "top_p": rng.choice([0.9, 1], 64),
        "presence": rng.choice([0, 0.7], 64),
        "repetition": rng.choice([1, 1.3], 64),
        "uniform": rng.random(64),
        "logprobs": rng.choice([-1, 0, 1, 5, 20], 64),
    }
    penalties = [dict.fromkeys(sequence.tokens, 1) if rng.random() < 0.5 else {} for sequence in sequences]
    biases = [
        {int(token): float(rng.choice([-100, -2, 3, 100])) for token in rng.permutation(shape.vocab)[: rng.integers(0, 9)]}
        for _ in sequences
    ]
    densities = [None, 0.01, 0.5, 1]
    allowed = [None if d is None else rng.random(shape.vocab) < d for d in (densities[i % 4] for i in range(64))]
    allowed[1] = np.zeros(shape.vocab, np.bool_)
    batch = pages.batch(
        [(sequence, sequence.left) for sequence in sequences], rows(64, penalties, biases, allowed, **settings), every_row=False
    )
    together = device.step(batch)
    expected = sample(device.logits(batch), batch.sampling)
    assert np.array_equal(together.tokens, expected.tokens)
    assert together.tokens[1] == 0
    assert np.array_equal(together.top_tokens, expected.top_tokens)
    np.testing.assert_allclose(together.logprobs, expected.logprobs, atol=2e-6)
    np.testing.assert_allclose(together.top_logprobs, expected.top_logprobs, atol=2e-6)
    for owner, sequence in enumerate(sequences):
        pages.release(sequence)
        own = {name: values[owner] for name, values in settings.items()}
        picked = rows(1, [penalties[owner]], [biases[owner]], [allowed[owner]], **own)
        found = device.step(pages.batch([(sequence, sequence.left)], picked, every_row=False))
        width = max(0, int(own["logprobs"]))
        assert found.tokens[0] == together.tokens[owner], own
        assert found.logprobs.tobytes() == together.logprobs[owner : owner + 1].tobytes()
        assert found.top_tokens[0].tolist() == together.top_tokens[owner, :width].tolist()
        assert found.top_logprobs[0].tobytes() == together.top_logprobs[owner, :width].tobytes()


def test_scores_are_log_softmax_of_the_logits(
    device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32], oracles: dict[str, Oracle]
) -> None:
    """By torch on this device's logits; and by transformers in float64, as far as the device's precision goes."""
    tokens = random_tokens(PROMPT, shape.vocab)
    scores = device.step(pages.batch([(Sequence(tokens), PROMPT)], rows(PROMPT, logprobs=20)))
    best = torch.log_softmax(torch.from_numpy(alone.copy()).double(), -1).topk(20)
    assert np.array_equal(scores.top_tokens, np.argsort(-alone, axis=1, kind="stable")[:, :20])
    np.testing.assert_allclose(scores.top_logprobs, best.values, atol=2e-6)
    assert np.array_equal(scores.logprobs, scores.top_logprobs[:, 0])
    theirs = torch.log_softmax(torch.from_numpy(oracles[shape.name].float64), -1).gather(1, best.indices).numpy()
    error = np.abs(scores.top_logprobs - theirs).max()
    assert error <= (1e-4 if device.name == "reference" else 2 * np.abs(alone - oracles[shape.name].float64).max())


def test_greedy_is_the_largest_logit(device: Device, shape: Shape, pages: Pages, alone: NDArray[np.float32]) -> None:
    tokens = device.step(pages.batch([(Sequence(random_tokens(PROMPT, shape.vocab)), PROMPT)])).tokens
    assert np.array_equal(tokens, alone.argmax(axis=1))


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_a_poisoned_sequence_harms_nobody(factory: Callable[[], Device], tmp_path: Path, value: float) -> None:
    """One token's embedding is broken, so whoever says it has broken keys and values in its blocks."""
    poison = 7
    device, pages = load(factory, write(tmp_path, SHAPES[0], broken={poison: value})), Pages(BLOCKS)
    clean = [token for token in random_tokens(100, SHAPES[0].vocab, 1) if token != poison]
    expected = compute(device, pages, clean)
    assert np.isfinite(expected).all()

    bad, good = Sequence([poison, *clean, poison]), Sequence(clean)
    logits = device.logits(pages.batch([(bad, 40), (good, 40)]))
    assert not np.isfinite(logits[:40]).any()
    assert np.array_equal(logits[40:], expected[:40])
    both = pages.batch([(good, 1), (bad, bad.left)], rows(2, temperature=1.0, uniform=0.5, logprobs=2), every_row=False)
    found = device.step(both)
    assert found.tokens[1] == 0
    assert found.logprobs[1] == -np.inf
    assert np.isfinite(found.top_logprobs[0]).all()
    assert found.top_tokens[1].tolist() == [-1, -1]

    pages.release(bad)
    assert np.array_equal(compute(device, pages, clean, [50, 1, len(clean) - 51]), expected)
    device.close()


def test_a_block_with_another_owner_is_as_good_as_new(device: Device, shape: Shape, pages: Pages) -> None:
    long, short = random_tokens(3 * BLOCK_SIZE, shape.vocab, 1), random_tokens(70, shape.vocab, 2)
    expected = compute(device, Pages(BLOCKS, seed=4), short)
    compute(device, pages, long)
    assert np.array_equal(compute(device, pages, short, [69, 1]), expected)


def test_a_model_without_biases_is_one_whose_biases_are_0(factory: Callable[[], Device], tmp_path: Path) -> None:
    directory = write(tmp_path, SHAPES[0], bias=0)
    tokens = random_tokens(70, SHAPES[0].vocab)
    found = []
    for qkv_bias in (True, False):
        device = load(factory, directory, qkv_bias=qkv_bias)
        found.append(compute(device, Pages(BLOCKS), tokens))
        device.close()
    assert np.array_equal(*found)


def test_too_many_blocks_are_a_memory_error(factory: Callable[[], Device], checkpoints: dict[str, Path]) -> None:
    device = load(factory, checkpoints["mha-16-untied"])
    assert device.block_bytes() > 0
    blocks = 4 * device.free_bytes() // device.block_bytes()
    with pytest.raises(MemoryError):
        device.allocate(blocks)
    device.close()


def test_loading_tells_its_progress(factory: Callable[[], Device], checkpoints: dict[str, Path]) -> None:
    directory = checkpoints["mha-16-untied"]
    seen: list[tuple[str, int, int]] = []
    device = factory()
    device.load(read_arch(directory), Weights.open(directory), lambda *step: seen.append(step))
    assert seen
    phases: dict[str, list[tuple[int, int]]] = {}
    for phase, done, total in seen:
        phases.setdefault(phase, []).append((done, total))
    for steps in phases.values():
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]
    device.close()
