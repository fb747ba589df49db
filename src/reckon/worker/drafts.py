"""Speculation: tokens that may come next, guessed from an answer's own past, and whether computing them along is worth it.

Knows token ids and seconds; no models, no blocks. The scheduler asks. A guess is right exactly when the sampler, with the
random number of its position, picks that token anyway: guesses change how long an answer takes and never what it says.
Looking a continuation up in the text so far: Saxena 2023, "Prompt lookup decoding"; verified in one step as in Leviathan et
al. 2023, "Fast inference from transformers via speculative decoding".
"""

from collections.abc import Sequence

SIZES = (8, 4, 2)
"""Lengths of the last tokens that are looked up, the longest first: the longer they are, the better the guess."""
MOST = 15
"""Guesses per step and answer."""
FIRST_CHANCE = 0.5
LEARNT = 0.1
"""Weight of the newest guess in a chance."""
FORGOTTEN = 0.02
"""How far a chance comes back to the first one with every token that was not guessed at: what failed once is tried again."""


class Drafter:
    """One answer's guesses. ``chances`` are of the guesses by how many tokens were found again: their own record decides."""

    def __init__(self) -> None:
        self._known = 0
        self._ends: dict[tuple[int, ...], int] = {}
        self._chances = dict.fromkeys(SIZES, FIRST_CHANCE)
        self._size = SIZES[0]

    def guess(self, tokens: Sequence[int], most: int) -> tuple[list[int], float]:
        """Up to ``most`` tokens that followed the last time that the answer stood like this, and the chance of each.

        ``tokens`` are prompt and answer; they only ever grow between calls.
        """
        self._read(tokens)
        for size in SIZES:
            start = self._ends.get(tuple(tokens[-size:]))
            if start is not None:
                self._size = size
                return _following(tokens, start, min(most, MOST)), self._chances[size]
        return [], 0.0

    def learn(self, right: int, guessed: int) -> None:
        """``right`` of the ``guessed`` tokens were picked; those after the first wrong one say nothing."""
        chances, size = self._chances, self._size
        for hit in (*[1.0] * right, *[0.0] * (right < guessed)):
            chances[size] += LEARNT * (hit - chances[size])
        if not guessed:
            chances[size] += FORGOTTEN * (FIRST_CHANCE - chances[size])

    def _read(self, tokens: Sequence[int]) -> None:
        """Note where each run of tokens ended last. The end of all has nothing after it yet and is noted the next time."""
        for end in range(max(self._known, SIZES[-1]), len(tokens)):
            for size in SIZES:
                if size <= end:
                    self._ends[tuple(tokens[end - size : end])] = end
        self._known = len(tokens)


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
