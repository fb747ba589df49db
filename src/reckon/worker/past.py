"""Where guesses come from: texts in which a run of tokens is found again, an answer's own and earlier answers of its account.

Knows token ids only. Similar questions get similar answers, and a question that is asked again gets the same. Accounts share
nothing, as in the prefix cache: how fast an answer comes must not tell what others were told.
"""

from collections import OrderedDict
from collections.abc import Sequence

SIZES = (8, 4, 2)
"""Lengths of the last tokens that are looked up, the longest first: the longer they are, the better the guess."""
KEPT = 8192
"""Tokens of an account's answers in each of its two parts: some 2 MB."""
ACCOUNTS = 8
"""Those that were answered last are remembered."""


class Text:
    """Tokens that only ever grow, and where each run of them ended last."""

    def __init__(self) -> None:
        self._known = 0
        self._ends: dict[int, int] = {}  # by hash: should two runs share one, a guess is wrong

    def read(self, tokens: Sequence[int], first: int = 0) -> None:
        """Note the runs up to ``tokens``, which begin at ``first`` or later.

        The end of all has nothing after it yet and is noted the next time.
        """
        for end in range(max(self._known, first + SIZES[-1]), len(tokens)):
            for size in SIZES:
                if size <= end - first:
                    self._ends[hash(tuple(tokens[end - size : end]))] = end
        self._known = len(tokens)

    def after(self, run: tuple[int, ...]) -> int | None:
        """Where the run ended the last time; None if it never did."""
        return self._ends.get(hash(run))


class Past:
    """What one account was answered lately, in two parts: when the newer one is full, the older one is forgotten."""

    def __init__(self) -> None:
        self._newer: tuple[list[int], Text] = ([], Text())
        self._older: tuple[list[int], Text] = ([], Text())

    def remember(self, tokens: Sequence[int], prompt_length: int) -> None:
        """Of a request that has ended: its answer, and as much of its prompt as finds the answer's beginning again."""
        first = max(0, prompt_length - SIZES[0])
        said = tokens[first : first + KEPT]
        if len(self._newer[0]) + len(said) > KEPT:
            self._newer, self._older = ([], Text()), self._newer
        kept, text = self._newer
        before = len(kept)
        kept += said
        text.read(kept, before)

    def after(self, run: tuple[int, ...]) -> tuple[list[int], int] | None:
        """The newest text with the run in it, and where the run ends there."""
        for kept, text in (self._newer, self._older):
            end = text.after(run)
            if end is not None:
                return kept, end
        return None


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
