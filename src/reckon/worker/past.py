"""Where guesses come from: which token followed a run of tokens the last time, in an answer and in earlier ones of its account.

Knows token ids only. Similar questions get similar answers, and a question that is asked again gets the same. Accounts share
nothing, as in the prefix cache: how fast an answer comes must not tell what others were told.
"""

from collections import OrderedDict
from itertools import islice
from typing import TypeAlias

LENGTHS = 3
"""Runs of 8, 4 and 2 tokens are looked up."""
KEPT = 4096 * LENGTHS
"""Runs in each of the two parts of a memory: some 4 MB for both."""
ACCOUNTS = 8
"""Those that were answered last are remembered."""
STREAKS = 4
"""How many times in a row before a token had followed: 0 to 3, and more often is no surer than 3."""
KINDS = LENGTHS * STREAKS
ASKED, SAID, PAST = 0, KINDS, 2 * KINDS
"""Where a run was seen: in the prompt, in the answer, or in an earlier answer. Places begin there."""
FIRST_CHANCE = 0.5

Follower: TypeAlias = tuple[int, int]
"""The token that followed a run the last time, and the place of that knowledge: where the run was seen + its length's number
* STREAKS + the streak. How far what stands in a place can be trusted is learnt (drafts.py)."""
Trail: TypeAlias = tuple[int, int, int, int, int, int, int]
"""As much of the last tokens as it takes to go on: the last token, the two last pairs, the four last fours; hashes."""
Keys: TypeAlias = tuple[int, ...]
"""The runs that end here, the longest first, as hashes. Should two runs share one, a guess is wrong."""

NOWHERE: Trail = (0, 0, 0, 0, 0, 0, 0)


def follow(trail: Trail, token: int) -> tuple[Trail, Keys]:
    """The trail after another token, and the runs that end with that. A run's hash is made of its halves'."""
    last, pair_before, pair, four_4th, four_3rd, four_2nd, four = trail
    newest_pair = hash((last, token))
    newest_four = hash((pair_before, newest_pair))
    eight = hash((four_4th, newest_four))
    return (token, pair, newest_pair, four_3rd, four_2nd, four, newest_four), (eight, newest_four, newest_pair)


class Runs:
    """Followers of runs, in two parts: when the newer one is full, the older one is forgotten."""

    def __init__(self) -> None:
        self.newer: dict[int, Follower] = {}
        self.older: dict[int, Follower] = {}

    def make_room(self, runs: int = 0) -> None:
        """For so many more."""
        if len(self.newer) + runs > KEPT:
            self.newer, self.older = {}, self.newer

    def said(self) -> dict[int, Follower]:
        """What was seen in the answer itself, as earlier knowledge for the next ones."""
        every = self.older | self.newer
        return {run: (token, place + PAST - SAID) for run, (token, place) in every.items() if place >= SAID}

    def take(self, runs: dict[int, Follower]) -> None:
        """Many at once; of too many, those that were seen first are left out."""
        self.make_room(len(runs))
        self.newer.update(islice(runs.items(), max(0, len(runs) - KEPT), None))


class Past:
    """Of one account: what its answers said lately, and how likely what stands in each place was right in the last one.

    ``seen`` is how many tokens that is known from.
    """

    def __init__(self) -> None:
        self.runs = Runs()
        self.chances = [FIRST_CHANCE] * (3 * KINDS)
        self.seen = [0] * (3 * KINDS)


class Pasts:
    """By account."""

    def __init__(self) -> None:
        self._pasts: OrderedDict[str, Past] = OrderedDict()

    def of(self, account: str) -> Past:
        past = self._pasts.setdefault(account, Past())
        self._pasts.move_to_end(account)
        if len(self._pasts) > ACCOUNTS:
            self._pasts.popitem(last=False)
        return past
