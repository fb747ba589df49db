"""What samples are worth: which of them were disturbed, and the medians and ratios of the others. Pure functions.

The rule. A sample is disturbed when the contestant's threads stood ready without a core for more than 5 % of it beyond what is
usual: some have more threads than cores, which wait for each other, and that is theirs. All samples of a burst are, when others
took more than 5 % of the machine's cores during the burst (beyond what the ticks of /proc/stat cannot resolve). A round in
which fewer than half of a contestant's samples are good does not count for it.
"""

import math
import statistics
from dataclasses import dataclass

import msgspec

MOST_WAITED = 0.05
MOST_TAKEN = 0.05
TICK = 0.01
"""Seconds: the grain of /proc/stat, for each core."""


class Sample(msgspec.Struct, frozen=True):
    """``seconds`` of one step or one prompt, and the sum of what threads waited for a core meanwhile."""

    seconds: float
    waited: float

    def disturbed(self, usual: float) -> bool:
        """``usual`` is the share of a sample that this contestant's threads wait anyway."""
        return self.waited > (usual + MOST_WAITED) * self.seconds


class Burst(msgspec.Struct, frozen=True):
    """One contestant's part of a round. ``used`` is its own CPU time, ``busy`` that of all cores; seconds."""

    samples: list[Sample]
    seconds: float
    used: float
    busy: float

    def disturbed(self, cores: int) -> bool:
        """Whether others took cores that it could have used, or the memory that it reads through."""
        return self.busy - self.used > cores * (MOST_TAKEN * self.seconds + TICK)

    def good(self, cores: int, usual: float) -> list[float]:
        """Seconds of the samples that count."""
        if self.disturbed(cores):
            return []
        return [sample.seconds for sample in self.samples if not sample.disturbed(usual)]


@dataclass(frozen=True, slots=True)
class Score:
    """What came of one contestant in one case; numbers are nan where no sample was good."""

    seconds: float
    """Median of all good samples."""
    rounds: list[float]
    """Median of the good samples of each round; nan for a round that does not count."""
    good: int
    samples: int
    usual: float
    """Share of a sample that threads wait for a core anyway."""


def score(bursts: list[Burst], cores: int) -> Score:
    """``bursts`` has one entry a round."""
    waits = [sample.waited / sample.seconds for burst in bursts if not burst.disturbed(cores) for sample in burst.samples]
    usual = statistics.median(waits) if waits else 0.0
    good = [burst.good(cores, usual) for burst in bursts]
    rounds = [
        statistics.median(seconds) if 2 * len(seconds) >= len(burst.samples) else math.nan
        for burst, seconds in zip(bursts, good, strict=True)
    ]
    every = [second for seconds in good for second in seconds]
    return Score(_median(every), rounds, len(every), sum(len(burst.samples) for burst in bursts), usual)


def ratio_of_medians(ours: Score, theirs: Score) -> float:
    """How many times as fast we are: their median over ours."""
    return theirs.seconds / ours.seconds


def ratios_by_round(ours: Score, theirs: Score) -> list[float]:
    """The same of each round that counts for both."""
    ratios = [their / our for our, their in zip(ours.rounds, theirs.rounds, strict=False)]
    return [ratio for ratio in ratios if not math.isnan(ratio)]


def ratio_by_round(ours: Score, theirs: Score) -> float:
    """Median of ``ratios_by_round``: the machine's slow drift is in both halves of each and falls out."""
    return _median(ratios_by_round(ours, theirs))


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else math.nan
