"""Speculation: tokens that may come next, guessed from what was said before, and whether computing them along is worth it.

Knows token ids and seconds; no models, no blocks. The scheduler asks. A guess is right exactly when the sampler, with the
random number of its position, picks that token anyway: guesses change how long an answer takes and never what it says.
Looking a continuation up in the text so far: Saxena 2023, "Prompt lookup decoding"; verified in one step as in Leviathan et
al. 2023, "Fast inference from transformers via speculative decoding".
"""

import math
from collections.abc import Callable, Sequence

from reckon.worker.past import ASKED, NOWHERE, SAID, STREAKS, Follower, Keys, Past, Runs, follow

MOST = 15
"""Guesses per step and answer."""
WEIGHTS = [max(0.05, 1 / (seen + 2)) for seen in range(20)]
"""Of the newest token in a chance, by how many there were before: the first chance counts as one of them."""
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
        self._chances, self._seen = self._past.chances.copy(), self._past.seen.copy()
        self._known = 0
        self._trail, self._keys = NOWHERE, Keys()

    def guess(self, tokens: Sequence[int], most: int, worth: Callable[[float], bool]) -> list[int]:
        """Up to ``most`` tokens that may come next, each while ``worth`` takes the chance that it comes, after those before it.

        ``tokens`` are prompt and answer; they only ever grow between calls.
        """
        self._read(tokens)
        chances = self._chances
        trail, keys, guesses, chance = self._trail, self._keys, list[int](), 1.0
        for _ in range(min(most, MOST)):
            likeliest, best = -1, 0.0
            for run in keys:
                found = self._find(run)
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
        self._past.chances, self._past.seen = self._chances, self._seen

    def _find(self, run: int) -> Follower | None:
        """What is known of a run, from the answer itself if there is anything."""
        own, past = self._own, self._past.runs
        return own.newer.get(run) or own.older.get(run) or past.newer.get(run) or past.older.get(run)

    def _read(self, tokens: Sequence[int]) -> None:
        """Learn from the tokens that came."""
        own, chances, seen = self._own, self._chances, self._seen
        trail, keys, begin = self._trail, self._keys, max(self._known, len(tokens) - READ)
        if begin > self._known:
            trail, keys = NOWHERE, Keys()
        for at in range(begin, len(tokens)):
            token = tokens[at]
            place = SAID if at >= self._asked else ASKED
            for run in keys:
                found = self._find(run)
                streak = 0
                if found:
                    right, known = found[0] == token, found[1]
                    if right:
                        streak = min(known % STREAKS + 1, STREAKS - 1)
                    if at >= self._asked:
                        chances[known] += WEIGHTS[seen[known]] * (right - chances[known])
                        seen[known] = min(seen[known] + 1, len(WEIGHTS) - 1)
                own.newer[run] = token, place + streak
                place += STREAKS
            trail, keys = follow(trail, token)
        own.make_room()
        self._known, self._trail, self._keys = len(tokens), trail, keys


class _Kind:
    """Steps of about the same size: 1 row, 2, 3 or 4, 5 to 8, and so on. The cpu device may read other weights from 5 rows on.

    ``mean`` is (rows, seconds), the newest counting most. It begins with the fastest of the first FIRST, which often read their
    code and data from far away, and a thread that the system put aside says nothing of the work either.
    """

    FIRST = 3
    NEW = 0.05

    __slots__ = ("count", "mean", "seen")

    def __init__(self) -> None:
        self.count = self.seen = 0
        self.mean = 0.0, math.inf

    def observe(self, rows: int, seconds: float, step: int) -> None:
        self.count, self.seen = self.count + 1, step
        before_rows, before = self.mean
        if self.count > self.FIRST:
            seconds = min(seconds, 2 * before)
            self.mean = before_rows + self.NEW * (rows - before_rows), before + self.NEW * (seconds - before)
        elif seconds < before:
            self.mean = rows, seconds


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
        size = (rows - 1).bit_length()
        kind = self._kinds.setdefault(size, _Kind())
        kind.observe(rows, seconds, self._steps)
        if kind.count == _Kind.FIRST or self._steps % self.EVERY == 0:
            self._kinds = {at: kind for at, kind in self._kinds.items() if kind.seen > self._steps - self.FORGOTTEN}
            known = [self._kinds[at] for at in sorted(self._kinds)]
            self.means = [kind.mean for kind in known if kind.count >= _Kind.FIRST] or [(1.0, 1.0)]


class Worth:
    """Whether one more guess makes a step's tokens cheaper: answers are gone through in the step's order, guess by guess."""

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
