import numpy as np
import pytest

from reckon.devices.philox import Draws, philox, uniform

# From the authors' own list, Random123 kat_vectors, "philox4x32 10": counter, key, output.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def words(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value], np.uint64) for value in values)


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert tuple(int(word[0]) for word in philox(words(*counter), words(*key))) == output


def test_uniform_is_53_bits_of_two_words() -> None:
    high, low = KNOWN[0][2][:2]
    assert uniform(0, 0, 0) == ((high >> 5) * 2**26 + (low >> 6)) / 2**53


def test_seed_is_the_key_and_position_and_choice_the_counter() -> None:
    seed, choice, position = 0x299F31D0_A4093822, 3, 70_000
    high, low, _, _ = philox(words(position, choice, 0, 0), words(0xA4093822, 0x299F31D0))
    assert uniform(seed, choice, position) == ((int(high[0]) >> 5) * 2**26 + (int(low[0]) >> 6)) / 2**53


def test_numbers_never_change() -> None:
    """Answers that were given for a seed must be found again by later versions."""
    found = uniform([7, 7, 8, 2**64 - 1], [0, 1, 0, 3], [5, 5, 5, 2**32 - 1])
    assert found.tolist() == [
        0.3386129538434701,
        0.17015092596447845,
        0.14257802191930613,
        0.06392797899188751,
    ]


def test_a_number_depends_on_its_own_row_only() -> None:
    rng = np.random.default_rng(0)
    seeds, choices, positions = rng.integers(0, 2**64, 300, np.uint64), rng.integers(0, 4, 300), rng.integers(0, 2**32, 300)
    together = uniform(seeds, choices, positions)
    alone = [float(uniform(*row)) for row in zip(seeds, choices, positions, strict=True)]
    assert together.tolist() == alone
    assert uniform(int(seeds[0]), 2, positions).shape == (300,)


def test_every_part_matters() -> None:
    base = uniform(1, 1, 1)
    assert base not in (uniform(2, 1, 1), uniform(1 + 2**32, 1, 1), uniform(1, 2, 1), uniform(1, 1, 2))


@pytest.mark.parametrize("along", ["seeds", "choices", "positions"])
def test_uniformity(along: str) -> None:
    count = 200_000
    numbers = uniform(**({"seeds": 42, "choices": 0, "positions": 0} | {along: np.arange(count)}))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert abs(numbers.mean() - 1 / 2) < 4 * (1 / 12 / count) ** 0.5
    bins = np.bincount((numbers * 100).astype(int), minlength=100)
    assert ((bins - count / 100) ** 2 / (count / 100)).sum() < 99 + 4 * (2 * 99) ** 0.5
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / count**0.5
    assert len(np.unique(numbers)) == count


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_draws_are_these_numbers_in_whatever_order_they_are_asked_for(seed: int) -> None:
    rng, draws = np.random.default_rng(1), Draws(seed, 2)
    ahead = [position for start in range(0, 400, 3) for position in range(start, start + 16)]
    anywhere = rng.integers(0, 2**20, 100).tolist()
    for position in (*ahead, *anywhere, 0, 2**32 - 1):
        assert draws.at(position) == uniform(seed, 2, position)


def test_guesses_do_not_make_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("reckon.devices.philox.uniform", lambda *args: calls.append(args) or uniform(*args))
    draws = Draws(3, 0)
    for start in range(2000):
        for position in range(start, start + 16):
            draws.at(position)
    assert len(calls) <= 2000 / (Draws.SPAN - 2 * Draws.BEHIND) + 1
