"""The compiled sampler over a vocabulary so large that it does not collect all of it: tokens and scores of the definition."""

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.devices.build import rows

from reckon.devices import sampling
from reckon.devices.batch import Sampled, SamplingRows
from reckon.devices.cpu.ranks import RUN
from reckon.devices.cpu.sampling import Choice, make_choice, make_room, make_scratch, pick

VOCAB, ROWS = 40 * RUN + 17, 40


@numba.njit(nogil=True, error_model="numpy", _nrt=False)
def pick_all(logits: NDArray[np.float32], choice: Choice) -> None:
    for row in range(len(logits)):
        pick(logits[row], row, 0, choice)


def picked(logits: NDArray[np.float32], settings: SamplingRows) -> Sampled:
    room = make_room(settings)
    pick_all(logits.copy(), make_choice(settings, room, make_scratch(1, -(-VOCAB // 64) * 64)))
    return room


def logits_of(spread: float) -> NDArray[np.float32]:
    """Rows of normal logits; rounded, so that many are equal."""
    return np.random.default_rng(1).normal(0, spread, (ROWS, VOCAB)).round(2).astype(np.float32)


@pytest.mark.parametrize("spread", [0.5, 3, 30])
@pytest.mark.parametrize(
    "settings",
    [{"top_k": 1}, {"top_k": 20}, {"top_k": 40}, {"top_k": 41}, {"top_k": 42}, {"top_k": 3000}, {"top_p": 0.0}, {"top_p": 0.3},
     {"top_p": 0.95}, {"top_p": 0.9999}, {"top_k": 30, "top_p": 0.8, "min_p": 0.01}, {}],
    ids=str,
)  # fmt: skip
def test_tokens_are_those_of_the_definition(settings: dict[str, float], spread: float) -> None:
    logits = logits_of(spread)
    asked = rows(ROWS, temperature=0.8, uniform=np.random.default_rng(2).random(ROWS), **settings)
    expected = sampling.sample(logits, asked).tokens
    assert np.array_equal(picked(logits, asked).tokens, expected)
    assert len(set(expected.tolist())) > 1


@pytest.mark.parametrize("settings", [{"top_k": 20}, {"top_k": 20, "top_p": 0.9}, {"top_p": 0.9}, {"top_p": 0.0}, {}], ids=str)
@pytest.mark.parametrize("allowed", [3, 30, 300])
def test_few_allowed_tokens(allowed: int, settings: dict[str, float]) -> None:
    numbers = np.random.default_rng(3)
    places = [numbers.choice(np.arange(1, VOCAB), allowed, replace=False) for _ in range(ROWS)]
    masks: list[NDArray[np.bool_] | None] = [np.isin(np.arange(VOCAB), place) for place in places]
    logits, chance = logits_of(3), numbers.random(ROWS)
    asked = rows(ROWS, allowed=masks, temperature=0.8, uniform=chance, **settings)
    found = picked(logits, asked).tokens
    assert np.array_equal(found, sampling.sample(logits, asked).tokens)
    assert all(token in place for token, place in zip(found, places, strict=True))


def test_what_is_not_finite_is_never_picked_and_the_first_of_equals_is() -> None:
    logits = np.full((4, VOCAB), -np.inf, np.float32)
    logits[0, RUN + 3 : RUN + 9] = 7
    logits[1, 5 * RUN], logits[1, 3] = np.inf, -2
    logits[2, 7 : 3 * RUN], logits[2, VOCAB - 1] = np.nan, -1e30
    logits[3, 4], logits[3, 9 * RUN] = -0.0, 0.0
    assert picked(logits, rows(4)).tokens.tolist() == [RUN + 3, 3, VOCAB - 1, 4]


def test_scores_are_those_of_the_definition() -> None:
    logits = logits_of(3)
    logits[0, 100:30_000], logits[1] = np.nan, -np.inf
    logits[1, [30, 20_000]] = 1, 2
    asked = rows(ROWS, temperature=0.8, uniform=np.random.default_rng(2).random(ROWS), logprobs=np.arange(ROWS) % 21)
    found, expected = picked(logits, asked), sampling.sample(logits, asked)
    assert np.array_equal(found.tokens, expected.tokens)
    assert np.array_equal(found.top_tokens, expected.top_tokens)
    np.testing.assert_allclose(found.logprobs, expected.logprobs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.top_logprobs, expected.top_logprobs, rtol=1e-5, atol=1e-5)
