"""Speculation: tokens that may come next, guessed from what was said before, and whether computing them along is worth it.

Knows token ids and seconds; no models, no blocks. The scheduler asks. A guess is right exactly when the sampler, with the
random number of its position, picks that token anyway: guesses change how long an answer takes and never what it says.
Looking a continuation up in the text so far: Saxena 2023, "Prompt lookup decoding"; verified in one step as in Leviathan et
al. 2023, "Fast inference from transformers via speculative decoding".
"""

from collections.abc import Sequence
from typing import TypeAlias

from reckon.worker.past import SIZES, Past, Text

MOST = 15
"""Guesses per step and answer."""
FIRST_CHANCE = 0.5
LEARNT = 0.1
"""Weight of the newest guess in a chance."""
FORGOTTEN = 0.02
"""How far a chance comes back to the first one with every token that was not guessed at: what failed once is tried again."""


Place: TypeAlias = tuple[str, int]
"""Where a guess was found: in the answer's "own" text or in the "past" of its account, by how many tokens."""


class Drafter:
    """One answer's guesses. ``chances`` are of the guesses by where they were found: their own record decides."""

    def __init__(self, past: Past | None = None) -> None:
        self._past = past or Past()
        self._own = Text()
        self._chances: dict[Place, float] = {}
        self._place: Place = ("own", SIZES[0])

    def guess(self, tokens: Sequence[int], most: int) -> tuple[list[int], float]:
        """Up to ``most`` tokens that followed when an answer last stood like this, and the chance of each.

        ``tokens`` are prompt and answer; they only ever grow between calls.
        """
        self._own.read(tokens)
        best: tuple[Sequence[int], int] | None = None
        chance = 0.0
        for size in SIZES:
            run = tuple(tokens[-size:])
            start = self._own.after(run)
            own = None if start is None else (tokens, start)
            for place, found in (("own", size), own), (("past", size), self._past.after(run)):
                if found is not None and self._chances.get(place, FIRST_CHANCE) > chance:
                    best, chance, self._place = found, self._chances.get(place, FIRST_CHANCE), place
        return (_following(*best, min(most, MOST)), chance) if best else ([], 0.0)

    def learn(self, right: int, guessed: int) -> None:
        """``right`` of the ``guessed`` tokens were picked; those after the first wrong one say nothing."""
        chance = self._chances.get(self._place, FIRST_CHANCE)
        for hit in (*[1.0] * right, *[0.0] * (right < guessed)):
            chance += LEARNT * (hit - chance)
        if not guessed:
            chance += FORGOTTEN * (FIRST_CHANCE - chance)
        self._chances[self._place] = chance


def _following(tokens: Sequence[int], start: int, count: int) -> list[int]:
    """``count`` tokens from ``start``; past the end come the guesses themselves, so that what goes in circles goes on."""
    period = len(tokens) - start
    return [tokens[start + i % period] for i in range(count)]


class StepCost:
    """What a step costs by its rows, in seconds, fixed + row * rows: a line through the recent small steps."""

    ROWS = 64
    """Larger steps are left out: they are bound by arithmetic, and a line through them says little of small ones."""
    KEPT = 0.98
    """Of what was seen, at each new step."""
    SHARE = 0.1
    """A row's share of a step of one row, until steps of different sizes were seen."""

    def __init__(self) -> None:
        self._weight = self._rows = self._squares = self._seconds = self._products = 0.0

    def observe(self, rows: int, seconds: float) -> None:
        """A step of ``rows`` rows took ``seconds``."""
        if not 0 < rows <= self.ROWS:
            return
        if self._weight > 1:
            # A thread that the system put aside says nothing of the work.
            seconds = min(seconds, 3 * self._seconds / self._weight)
        self._weight = self._weight * self.KEPT + 1
        self._rows = self._rows * self.KEPT + rows
        self._squares = self._squares * self.KEPT + rows * rows
        self._seconds = self._seconds * self.KEPT + seconds
        self._products = self._products * self.KEPT + rows * seconds

    def line(self) -> tuple[float, float]:
        """(fixed, row), in seconds; in units of a step of one row while nothing was seen."""
        if not self._weight:
            return 1 - self.SHARE, self.SHARE
        mean_rows, mean = self._rows / self._weight, self._seconds / self._weight
        spread = self._squares / self._weight - mean_rows**2
        if spread < 0.25:
            row = mean / (mean_rows + 1 / self.SHARE - 1)
        else:
            row = (self._products / self._weight - mean_rows * mean) / spread
        row = min(max(row, 0.0), mean / mean_rows)
        return mean - row * mean_rows, row


class Worth:
    """Whether one more guess makes a step's tokens cheaper: it is gone through guess by guess, best answer first."""

    def __init__(self, cost: StepCost, rows: int, tokens: int) -> None:
        """A step of ``rows`` rows gives ``tokens`` tokens without guesses."""
        self._fixed, self._row = cost.line()
        self._rows, self._tokens = rows, float(tokens)

    def take(self, chance: float) -> bool:
        """Whether to compute a guess that is right with this ``chance``; it is counted in if so.

        Tokens per second grow exactly when the chance per added second is more than the step's tokens per second so far.
        """
        if chance * (self._fixed + self._row * self._rows) <= self._tokens * self._row:
            return False
        self._rows += 1
        self._tokens += chance
        return True
