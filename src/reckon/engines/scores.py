"""Scores of an answer's tokens, kept back until the text they belong to goes out. Knows positions in text.

What holds text back, it does not know. engines/answer.py owns one per choice.
"""

from collections import deque

from reckon.job import Alternative, Scored
from reckon.link import Score
from reckon.text.tokenizer import Tokenizer

LEAST = -9999.0
"""Stands for a probability of 0, whose logarithm JSON cannot write; OpenAI reports the same number."""


class Scores:
    """Positions count characters of the decoded answer. A token of which any text is shown belongs to the answer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._waiting: deque[tuple[Scored, int, int]] = deque()  # score, where its text begins and ends

    def add(self, token: int, score: Score, start: int, end: int) -> None:
        """``end`` lies behind the character to which the token gave its last byte. A token without text has two equal ends."""
        own, tops = score
        top = tuple(Alternative(self._tokenizer.token_bytes(other), max(logprob, LEAST)) for other, logprob in tops)
        self._waiting.append((Scored(self._tokenizer.token_bytes(token), max(own, LEAST), top), start, end))

    def due(self, decided: int) -> tuple[Scored, ...]:
        """Those whose text is all before ``decided``."""
        found = []
        while self._waiting and self._waiting[0][2] <= decided:
            found.append(self._waiting.popleft()[0])
        return tuple(found)

    def cut(self, at: int) -> tuple[Scored, ...]:
        """Those that are left at the end of an answer cut at ``at``: what begins behind it is no part of the answer."""
        found = self.due(at) + tuple(scored for scored, start, _ in self._waiting if start < at)
        self._waiting.clear()
        return found

    def rest(self) -> tuple[Scored, ...]:
        """Those that are left at the end of an answer that was not cut."""
        found = tuple(scored for scored, _, _ in self._waiting)
        self._waiting.clear()
        return found
