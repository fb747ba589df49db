"""Speculation: tokens that may come next, guessed from what was said before, and whether computing them along is worth it.

Knows token ids and seconds; no models, no blocks. The scheduler asks. A guess is right exactly when the sampler, with the
random number of its position, picks that token anyway: guesses change how long an answer takes and never what it says.
Looking a continuation up in the text so far: Saxena 2023, "Prompt lookup decoding"; verified in one step as in Leviathan et
al. 2023, "Fast inference from transformers via speculative decoding".
"""

from collections.abc import Callable, Sequence

from reckon.worker.past import ASKED, NOWHERE, SAID, STREAKS, Keys, Past, Runs, follow

MOST = 15
"""Guesses per step and answer."""
LEARNT = 0.05
"""Weight of the newest token in a chance."""
CERTAIN = 0.98
READ = 4096
"""Tokens that are read at once, of a long prompt its last: reading holds up the step."""


class Drafter:
    """One answer's guesses. The first ``asked`` of its tokens are its prompt.

    Every token that comes says, for each place where it might have been found, whether it would have been guessed: so the
    chances are known of guesses that were never made. They begin as the account's last answer left them.
    """

    def __init__(self, past: Past | None = None, asked: int = 0) -> None:
        self._past = past or Past()
        self._asked = asked
        self._own = Runs()
        self._chances = self._past.chances.copy()
        self._known = 0
        self._trail, self._keys = NOWHERE, Keys()

    def guess(self, tokens: Sequence[int], most: int, worth: Callable[[float], bool]) -> list[int]:
        """Up to ``most`` tokens that may come next, each while ``worth`` takes the chance that it comes, after those before it.

        ``tokens`` are prompt and answer; they only ever grow between calls.
        """
        self._read(tokens)
        own, past, chances = self._own, self._past.runs, self._chances
        trail, keys, guesses, chance = self._trail, self._keys, list[int](), 1.0
        for _ in range(min(most, MOST)):
            likeliest, best = -1, 0.0
            for run in keys:
                found = own.newer.get(run) or own.older.get(run) or past.newer.get(run) or past.older.get(run)
                if found and chances[found[1]] > best:
                    likeliest, best = found[0], chances[found[1]]
            chance *= best
            if not worth(chance):
                break
            guesses.append(likeliest)
            trail, keys = follow(trail, likeliest)
        return guesses

    def end(self, tokens: Sequence[int]) -> None:
        """The answer is over: the account's next ones may say the same."""
        self._read(tokens)
        self._past.runs.take(self._own.said())
        self._past.chances = self._chances

    def _read(self, tokens: Sequence[int]) -> None:
        """Learn from the tokens that came."""
        own, past, chances = self._own, self._past.runs, self._chances
        trail, keys = self._trail, self._keys
        for at in range(max(self._known, len(tokens) - READ), len(tokens)):
            token = tokens[at]
            place = SAID if at >= self._asked else ASKED
            for run in keys:
                found = own.newer.get(run) or own.older.get(run) or past.newer.get(run) or past.older.get(run)
                streak = 0
                if found:
                    right, known = found[0] == token, found[1]
                    if right:
                        streak = min(known % STREAKS + 1, STREAKS - 1)
                    if at >= self._asked:
                        chances[known] += LEARNT * (right - chances[known])
                own.newer[run] = token, place + streak
                place += STREAKS
            trail, keys = follow(trail, token)
        own.make_room()
        self._known, self._trail, self._keys = len(tokens), trail, keys


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
        if not self._pays(chance):
            return False
        self._rows += 1
        self._tokens += chance
        return True

    @property
    def hopeless(self) -> bool:
        """Whether not even a guess that is nearly certain pays: then nobody has to look for one."""
        return not self._pays(CERTAIN)

    def _pays(self, chance: float) -> bool:
        return chance * (self._fixed + self._row * self._rows) > self._tokens * self._row
