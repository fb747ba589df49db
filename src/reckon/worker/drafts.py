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


class _Kind:
    """Steps of about the same size: 1 row, 2 or 3, 4 to 7, and so on; their means, the newest counting most."""

    KEPT = 0.95
    """Of what was seen, at each new step."""

    __slots__ = ("_rows", "_seconds", "_weight", "seen")

    def __init__(self) -> None:
        self._weight = self._rows = self._seconds = 0.0
        self.seen = 0

    def observe(self, rows: int, seconds: float, step: int) -> None:
        if self._weight > 1:
            # A thread that the system put aside says nothing of the work.
            seconds = min(seconds, 3 * self._seconds / self._weight)
        self._weight = self._weight * self.KEPT + 1
        self._rows = self._rows * self.KEPT + rows
        self._seconds = self._seconds * self.KEPT + seconds
        self.seen = step

    @property
    def mean(self) -> tuple[float, float]:
        """Rows and seconds."""
        return self._rows / self._weight, self._seconds / self._weight


class StepCost:
    """What a step takes by its rows, in seconds: straight lines between the means of the steps seen lately, by their size.

    The first rows may be had for less than later ones, while memory is what a step waits for, or for more, where the others
    come from caches: one line through all would be wrong where answers are few.
    """

    FORGOTTEN = 200
    """Steps after which a size that did not come up is no longer believed: else one bad measurement could be the last."""
    SHARE = 0.1
    """A row's share of a step of one row, until steps of different sizes were seen."""

    EVERY = 8
    """Steps until the means are taken anew, which takes longer than adding to them."""

    def __init__(self) -> None:
        self._kinds: dict[int, _Kind] = {}
        self._steps = 0
        self.means = [(1.0, 1.0)]
        """(rows, seconds), the fewest rows first; in units of a step of one row while nothing was seen."""

    def observe(self, rows: int, seconds: float) -> None:
        """A step of ``rows`` rows took ``seconds``."""
        if not rows:
            return
        self._steps += 1
        size = rows.bit_length()
        if new := size not in self._kinds:
            self._kinds[size] = _Kind()
        self._kinds[size].observe(rows, seconds, self._steps)
        if new or self._steps % self.EVERY == 0:
            since = self._steps - self.FORGOTTEN
            self.means = [self._kinds[size].mean for size in sorted(self._kinds) if self._kinds[size].seen > since]


class Worth:
    """Whether one more guess makes a step's tokens cheaper: it is gone through guess by guess, best answer first."""

    def __init__(self, cost: StepCost, rows: int, tokens: int) -> None:
        """A step of ``rows`` rows gives ``tokens`` tokens without guesses."""
        self._means = cost.means
        self._rows, self._tokens = rows, float(tokens)
        self._look()

    def take(self, chance: float) -> bool:
        """Whether to compute a guess that is right with this ``chance``; it is counted in if so.

        Tokens per second grow exactly when the chance per added second is more than the step's tokens per second so far.
        """
        if not self._pays(chance):
            return False
        self._rows += 1
        self._tokens += chance
        self._look()
        return True

    @property
    def hopeless(self) -> bool:
        """Whether not even a guess that is nearly certain pays: then nobody has to look for one."""
        return not self._pays(CERTAIN)

    def _pays(self, chance: float) -> bool:
        return chance * self._seconds > self._tokens * self._row

    def _look(self) -> None:
        """What the step takes with its rows so far, and one row more."""
        (rows, seconds), *others = self._means
        row = seconds / (rows + 1 / StepCost.SHARE - 1)
        for more_rows, more_seconds in others:
            row = max(0.0, (more_seconds - seconds) / (more_rows - rows))
            if self._rows < more_rows:
                break
            rows, seconds = more_rows, more_seconds
        self._seconds, self._row = seconds + row * (self._rows - rows), row
