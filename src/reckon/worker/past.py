"""Where guesses come from: texts in which a run of tokens is found again, an answer's own and earlier answers of its account.

Knows token ids only. Similar questions get similar answers, and a question that is asked again gets the same. Accounts share
nothing, as in the prefix cache: how fast an answer comes must not tell what others were told.
"""

from collections import OrderedDict
from collections.abc import Sequence

SIZES = (8, 4, 2)
"""Lengths of the last tokens that are looked up, the longest first: the longer they are, the better the guess."""
KEPT = 16_384
"""Tokens of an account's answers that are kept at least, and twice as many at most: some 10 MB."""
ACCOUNTS = 8
"""Those that were answered last are remembered."""


class Text:
    """Tokens that only ever grow, and where each run of them ended last."""

    def __init__(self) -> None:
        self._known = 0
        self._ends: dict[tuple[int, ...], int] = {}

    def read(self, tokens: Sequence[int], first: int = 0) -> None:
        """Note the runs up to ``tokens``, which begin at ``first`` or later.

        The end of all has nothing after it yet and is noted the next time.
        """
        for end in range(max(self._known, first + SIZES[-1]), len(tokens)):
            for size in SIZES:
                if size <= end - first:
                    self._ends[tuple(tokens[end - size : end])] = end
        self._known = len(tokens)

    def after(self, run: tuple[int, ...]) -> int | None:
        """Where the run ended the last time; None if it never did."""
        return self._ends.get(run)


class Past:
    """What one account was answered lately, in two parts: when the newer one is full, the older one is forgotten."""

    def __init__(self) -> None:
        self._newer: tuple[list[int], Text] = ([], Text())
        self._older: tuple[list[int], Text] = ([], Text())

    def remember(self, tokens: Sequence[int]) -> None:
        """An answer that has ended, with as much of its prompt as finds its beginning again."""
        if len(self._newer[0]) >= KEPT:
            self._newer, self._older = ([], Text()), self._newer
        kept, text = self._newer
        first = len(kept)
        kept += tokens[:KEPT]
        text.read(kept, first)

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
