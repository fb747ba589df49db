"""Which samples count, and the medians and ratios of those, on numbers that one can check by head."""

import math
from typing import Any

import msgspec
import pytest

from bench.versus.scripts import burst
from reckon.bench.versus.tally import Burst, Sample, Score, ratio_by_round, ratio_of_medians, ratios_by_round, score


def made(*seconds: float, **others: float) -> Burst:
    return msgspec.convert(burst(*seconds, **others), Burst)


@pytest.mark.parametrize(("waited", "disturbed"), [(0.0, False), (0.0049, False), (0.0051, True), (0.2, True)])
def test_a_sample_that_waited_is_disturbed(waited: float, disturbed: bool) -> None:
    assert Sample(0.1, waited).disturbed(usual=0.0) is disturbed
    assert Sample(0.1, waited + 0.03).disturbed(usual=0.3) is disturbed


@pytest.mark.parametrize(
    ("cores", "taken", "disturbed"),
    [
        (1, 0.0, False),
        (1, 0.059, False),
        (1, 0.061, True),
        (2, 0.061, False),
        (2, 0.119, False),
        (2, 0.121, True),
        (2, -1, False),
    ],
)
def test_a_burst_is_disturbed_when_others_took_the_cores(cores: int, taken: float, disturbed: bool) -> None:
    """One second: 5 % of a core and a tick of it."""
    one = made(0.5, 0.5, taken=taken)
    assert one.disturbed(cores) is disturbed
    assert one.good(cores, 0.0) == ([] if disturbed else [0.5, 0.5])


def test_medians_of_the_good_samples() -> None:
    mixed = Burst([Sample(1.0, 0.0), Sample(9.0, 1.0), Sample(3.0, 0.1)], 13.0, 13.0, 13.0)
    found = score([made(5.0, 7.0), mixed], cores=2)
    assert found == Score(seconds=4.0, rounds=[6.0, 2.0], good=4, samples=5, usual=0.0)


def test_threads_that_always_wait_for_each_other_disturb_nobody() -> None:
    crowded = [Burst([Sample(1.0, 0.2), Sample(2.0, 0.4), Sample(9.0, 6.0)], 12.0, 12.0, 12.0) for _ in range(3)]
    found = score([*crowded, made(5.0, waited=4.0, taken=5.0)], cores=2)  # what is usual is not learnt from disturbed rounds
    assert found.usual == 0.2
    assert (found.seconds, found.rounds[:3], found.good, found.samples) == (1.5, [1.5] * 3, 6, 10)


def test_a_round_with_few_good_samples_does_not_count() -> None:
    mostly_bad = Burst([Sample(1.0, 0.0), Sample(9.0, 1.0), Sample(9.0, 1.0)], 19.0, 19.0, 19.0)
    found = score([mostly_bad, made(2.0, 2.0)], cores=2)
    assert (found.seconds, found.good, found.samples) == (2.0, 3, 5)
    assert math.isnan(found.rounds[0]) and found.rounds[1] == 2.0


def test_nothing_good_is_not_a_number() -> None:
    found = score([made(1.0, taken=5.0)], cores=2)
    assert math.isnan(found.seconds) and (found.good, found.samples) == (0, 1)
    assert math.isnan(score([], 2).seconds)
    assert math.isnan(ratio_by_round(found, found))


def of_rounds(*rounds: float) -> Score:
    return score([made(seconds) if seconds else made(1.0, taken=1.0) for seconds in rounds], cores=2)


@pytest.mark.parametrize(
    ("ours", "theirs", "by_round", "middle", "of_medians"),
    [
        # The machine became three times slower: per round the ratio is 2 throughout.
        ((1.0, 3.0, 1.0), (2.0, 6.0, 2.0), [2.0, 2.0, 2.0], 2.0, 2.0),
        ((1.0, 4.0), (2.0, 4.0), [2.0, 1.0], 1.5, 3.0 / 2.5),
        # The second round does not count for us, the third not for them; there is no fourth of theirs.
        ((1.0, 0.0, 1.0, 1.0), (3.0, 9.0, 0.0), [3.0], 3.0, 6.0),
    ],
)
def test_ratios(ours: Any, theirs: Any, by_round: list[float], middle: float, of_medians: float) -> None:
    first, second = of_rounds(*ours), of_rounds(*theirs)
    assert ratios_by_round(first, second) == by_round
    assert ratio_by_round(first, second) == middle
    assert ratio_of_medians(first, second) == pytest.approx(of_medians)
