"""The numpy sampler against transformers' processors, and against probability itself."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.devices.build import rows
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from reckon.devices import sampling
from reckon.devices.batch import SamplingRows
from reckon.devices.philox import uniform
from reckon.devices.sampling import draw, kept, penalise

VOCAB = 1003
SETTINGS = [
    (temperature, top_k, top_p, min_p)
    for temperature in (0.25, 1.0, 1.9)
    for top_k in (0, 1, 40, VOCAB, 5000)
    for top_p in (0.0, 0.05, 0.7, 0.95, 1.0)
    for min_p in (0.0, 0.02, 0.3, 1.0)
]


def random_logits(count: int, vocab: int = VOCAB, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 3, (count, vocab)).astype(np.float32)


def sample(logits: NDArray[np.float32], settings: SamplingRows) -> NDArray[np.int32]:
    return sampling.sample(logits, settings).tokens


def off(**fields: float) -> dict[str, float]:
    return {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0} | fields


def warped(row: NDArray[np.float32], temperature: float, top_k: int, top_p: float, min_p: float) -> NDArray[np.bool_]:
    """The set that transformers' generate() leaves, in its order; in float64, so that rounding decides nothing."""
    scores = torch.from_numpy(row).double()[None]
    warpers = [TemperatureLogitsWarper(temperature)]
    warpers += [TopKLogitsWarper(top_k)] if top_k else []
    warpers += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    warpers += [MinPLogitsWarper(min_p)] if min_p else []
    for warper in warpers:
        scores = warper(None, scores)
    return torch.isfinite(scores)[0].numpy()


def test_kept_sets_are_those_of_transformers() -> None:
    sizes = set()
    for row, settings in zip(random_logits(len(SETTINGS)), SETTINGS, strict=True):
        mask = kept(row, *settings)
        assert np.array_equal(mask, warped(row, *settings)), settings
        sizes.add(int(mask.sum()))
    assert len(sizes) > 30


def test_masked_tokens_stay_out_as_in_transformers() -> None:
    for row, settings in zip(random_logits(len(SETTINGS), seed=1), SETTINGS, strict=True):
        row[::3] = -np.inf
        assert np.array_equal(kept(row, *settings), warped(row, *settings)), settings


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.3])
def test_repetition_penalty_is_that_of_transformers(penalty: float) -> None:
    row = random_logits(1)[0]
    seen = np.array([5, 900, 17, 0, VOCAB - 1], np.int32)
    expected = RepetitionPenaltyLogitsProcessor(penalty)(
        torch.tensor(seen[None], dtype=torch.long), torch.from_numpy(row[None])
    )
    strength = {"repetition": np.float32(penalty), "presence": np.float32(0), "frequency": np.float32(0)}
    found = penalise(row, seen, np.array([0, 1, 2, 0, 5], np.int32), **strength)
    assert np.array_equal(found, expected[0].numpy())


def test_presence_and_frequency_count_the_answer_only() -> None:
    logits = np.array([2.0, -1.0, 0.5, 3.0], np.float32)
    strength = {"repetition": np.float32(1), "presence": np.float32(0.5), "frequency": np.float32(0.25)}
    found = penalise(logits, np.array([0, 1, 3], np.int32), np.array([1, 4, 0], np.int32), **strength)
    assert found.tolist() == [2.0 - 0.5 - 0.25, -1.0 - 0.5 - 1.0, 0.5, 3.0]


def test_repetition_comes_before_presence_and_frequency() -> None:
    strength = {"repetition": np.float32(2), "presence": np.float32(0.5), "frequency": np.float32(0.25)}
    found = penalise(np.array([2.0, -1.0], np.float32), np.array([0, 1], np.int32), np.array([1, 0], np.int32), **strength)
    assert found.tolist() == [2.0 / 2 - 0.75, -1.0 * 2]


def test_penalties_leave_the_logits_alone_and_reach_their_own_row_only() -> None:
    logits = np.array([[1.0, 0.9, 0.0]] * 3, np.float32)
    before = logits.copy()
    settings = rows(3, [{}, {0: 1}, {1: 3}], presence=0.5)
    assert sample(logits, settings).tolist() == [0, 1, 0]
    assert np.array_equal(logits, before)


def test_greedy_takes_the_lowest_id_among_equals() -> None:
    logits = np.array([[0, 2, 1, 2], [-1, -1, -1, -1]], np.float32)
    assert sample(logits, rows(2, uniform=0.99)).tolist() == [1, 0]
    assert kept(logits[0], **off(temperature=0)).tolist() == [False, True, False, False]


def test_top_k_keeps_what_ties_with_the_last() -> None:
    logits = np.array([1, 3, 2, 2, 0], np.float32)
    assert kept(logits, **off(top_k=2)).tolist() == [False, True, True, True, False]


def test_top_p_takes_equals_in_the_order_of_ids() -> None:
    logits = np.zeros(4, np.float32)
    assert kept(logits, **off(top_p=0.4)).tolist() == [True, True, False, False]
    assert kept(logits, **off(top_p=0.5)).tolist() == [True, True, False, False]
    assert kept(logits, **off(top_p=0.51)).tolist() == [True, True, True, False]


def test_min_p_keeps_what_equals_the_threshold() -> None:
    logits = np.log(np.array([0.5, 0.25, 0.125], np.float64)).astype(np.float32)
    assert kept(logits, **off(min_p=0.49)).tolist() == [True, True, False]
    assert kept(np.zeros(3, np.float32), **off(min_p=1.0)).all()


def test_what_is_not_finite_is_never_drawn() -> None:
    row = np.array([np.nan, 1.0, np.inf, 0.5, -np.inf], np.float32)
    for settings in [off(), off(temperature=0), off(top_k=2), off(top_p=0.9), off(min_p=0.1)]:
        mask = kept(row, **settings)
        assert not mask[[0, 2, 4]].any(), settings
        assert mask[1], settings
    tokens = sample(np.array([row] * 50), rows(50, temperature=1.0, uniform=np.linspace(0, 0.999, 50)))
    assert set(tokens.tolist()) == {1, 3}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_without_a_finite_logit_gives_token_0(value: float, temperature: float) -> None:
    logits = np.stack([np.full(9, value, np.float32), np.arange(9, dtype=np.float32)])
    settings = rows(2, [{3: 1}, {}], temperature=temperature, top_k=3, top_p=0.5, min_p=0.1, presence=1.0, uniform=0.5)
    assert sample(logits, settings).tolist() == [0, 8]


def test_extreme_temperatures_do_not_overflow() -> None:
    logits = np.array([[300.0, -300.0, 299.0]] * 2, np.float32)
    tokens = sample(logits, rows(2, temperature=np.array([1e-30, 1e30]), uniform=0.5))
    assert tokens.tolist() == [0, 1]


def test_draw_is_the_inverse_of_the_cumulative_distribution() -> None:
    logits = np.log(np.array([0.25, 0.5, 0.125, 0.125])).astype(np.float32)
    mask = np.array([True, True, False, True])
    edges = {0.0: 0, 0.28: 0, 0.29: 1, 0.85: 1, 0.86: 3, 1 - 2**-53: 3}  # the kept mass is 7/8
    assert {number: draw(logits, mask, 1.0, number) for number in edges} == edges
    assert draw(logits, np.array([False, False, True, False]), 1.0, 0.0) == 2


@pytest.mark.parametrize(
    "settings",
    [off(), off(temperature=0.5), off(temperature=1.5, top_k=7), off(top_p=0.8), off(min_p=0.2, top_k=20, top_p=0.9)],
    ids=str,
)
def test_20000_draws_follow_the_probabilities(settings: dict[str, float]) -> None:
    count = 20_000
    row = np.random.default_rng(8).normal(0, 1, 30).astype(np.float32)
    mask = kept(row, **settings)
    weights = np.where(mask, np.exp(row.astype(np.float64) / settings["temperature"]), 0)
    expected = weights / weights.sum() * count
    tokens = [draw(row, mask, settings["temperature"], number) for number in uniform(1234, 0, np.arange(count))]
    found = np.bincount(tokens, minlength=len(row))
    assert not found[~mask].any()
    freedom = mask.sum() - 1
    assert ((found - expected)[mask] ** 2 / expected[mask]).sum() < freedom + 4 * (2 * freedom) ** 0.5


def test_a_row_alone_gives_the_same_token_as_among_64() -> None:
    logits = random_logits(64, seed=2)
    rng = np.random.default_rng(3)
    settings = {
        "temperature": rng.choice([0, 0.7, 1.3], 64),
        "top_k": rng.choice([0, 5, 50], 64),
        "top_p": rng.choice([0.6, 1], 64),
        "min_p": rng.choice([0, 0.1], 64),
        "presence": rng.random(64),
        "repetition": 1 + rng.random(64),
        "uniform": rng.random(64),
    }
    penalties = [{int(token): int(token) % 3 for token in rng.permutation(VOCAB)[: rng.integers(0, 20)]} for _ in range(64)]
    together = sample(logits, rows(64, penalties, **settings))
    for index in range(64):
        own = {name: values[index] for name, values in settings.items()}
        assert sample(logits[index : index + 1], rows(1, [penalties[index]], **own))[0] == together[index]
    assert len(set(together.tolist())) > 40


def test_a_bias_comes_before_the_penalties() -> None:
    logits = np.array([[-1.0, 0.0, 1.5]] * 4, np.float32)
    biases = [{}, {0: 3.0}, {0: 3.3}, {2: -100.0, 1: -100.0}]
    # (3 - 1) / 1.5 is below 1.5; 3 - 1 * 1.5 would not be.
    assert sample(logits, rows(4, [{0: 0}] * 4, biases, repetition=1.5)).tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_what_a_mask_forbids_is_never_picked(temperature: float) -> None:
    rng, count = np.random.default_rng(4), 200
    allowed = [rng.random(VOCAB) < rng.choice([0.003, 0.5, 1]) for _ in range(count)]
    for row in allowed:
        row[rng.integers(VOCAB)] = True
    biases = [{int(np.flatnonzero(~row)[0]): 100.0} if not row.all() else {} for row in allowed]
    settings = rows(count, biases=biases, allowed=allowed, temperature=temperature, top_p=0.9, uniform=rng.random(count))
    tokens = sample(random_logits(count), settings)
    assert all(row[token] for row, token in zip(allowed, tokens, strict=True))
    if temperature == 0:
        best = [np.where(row, logits, -np.inf).argmax() for row, logits in zip(allowed, random_logits(count), strict=True)]
        assert tokens.tolist() == best


def test_a_mask_without_a_finite_logit_gives_its_lowest_token_and_an_empty_one_0() -> None:
    logits = np.full((3, 70), np.nan, np.float32)
    logits[:, 3] = 1
    allowed = [np.arange(70) >= 67, np.zeros(70, np.bool_), None]
    assert sample(logits, rows(3, allowed=allowed, temperature=1.0, uniform=0.9)).tolist() == [67, 0, 3]


def test_log_probabilities_are_the_models_own() -> None:
    """Whatever was asked of the sampler; those of torch's log_softmax, the likeliest in its order."""
    count, rng = 40, np.random.default_rng(6)
    logits = random_logits(count)
    asked = rng.integers(-1, 21, count)
    settings = {"temperature": rng.choice([0, 1.7], count), "repetition": 1.3, "uniform": rng.random(count)}
    half = rng.random(VOCAB) < 0.5
    found = sampling.sample(
        logits, rows(count, [{1: 1}] * count, [{2: 9.0}] * count, [half] * count, logprobs=asked, **settings)
    )
    expected = torch.log_softmax(torch.from_numpy(logits).double(), -1)
    assert found.top_tokens.shape == (count, asked.max())
    for row, wanted in enumerate(asked):
        best = expected[row].topk(max(wanted, 0))
        assert found.top_tokens[row, : len(best.indices)].tolist() == best.indices.tolist()
        np.testing.assert_allclose(found.top_logprobs[row, : len(best.indices)], best.values, atol=1e-6)
        assert (found.top_tokens[row, len(best.indices) :] == -1).all()
        assert np.isnan(found.top_logprobs[row, len(best.indices) :]).all()
        own = expected[row, found.tokens[row]] if wanted >= 0 else np.nan
        np.testing.assert_allclose(found.logprobs[row], own, atol=1e-6)


def test_scores_of_rows_that_are_broken_or_tied() -> None:
    nan, inf = np.nan, np.inf
    logits = np.array([[nan, nan, inf], [0, nan, 0], [-inf, 2, 1]], np.float32)
    found = sampling.sample(logits, rows(3, logprobs=3))
    assert found.tokens.tolist() == [0, 0, 1]
    assert found.logprobs[:2].tolist() == [-inf, pytest.approx(np.log(0.5))]
    assert found.top_tokens.tolist() == [[-1, -1, -1], [0, 2, -1], [1, 2, -1]]
    assert np.isnan(found.top_logprobs).tolist() == (found.top_tokens < 0).tolist()
    forced = sampling.sample(logits[2:], rows(1, allowed=[np.array([True, False, False])], logprobs=0))
    assert (forced.tokens.tolist(), forced.logprobs.tolist(), forced.top_tokens.shape) == ([0], [-inf], (1, 0))
