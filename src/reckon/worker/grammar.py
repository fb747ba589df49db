"""The grammars of a worker's answers: which tokens may come next, and when an answer is complete. Knows no step and no batch.

``loop.py`` makes one Grammars at the start; the scheduler asks it for a matcher for each answer that has a grammar.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from reckon.job import Grammar
from reckon.worker.compiler import compiled, open_tokenizer, raise_broken

log = logging.getLogger(__name__)


class GrammarMatcher:
    """worker/sequence.py's Matcher over llguidance.

    What a matcher may remember of its lexer is limited, and one that has met the limit is of no use any more. Another that is
    led along the same answer needs little for that, since most of what it remembered were ways not taken: the scheduler
    has one made. Matchers copied from each other would share that memory, and so one answer could break another; therefore
    each is compiled for itself.
    """

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def allow(self, mask: NDArray[np.uint32]) -> None:
        """Write the bits of the tokens that may come next. Stop tokens are among them where the answer may end."""
        bits = self._matcher.compute_bitmask()
        raise_broken(self._matcher)  # a broken matcher allows the end, which would pass for an answer
        mask[:] = np.frombuffer(bits, np.uint32)[: len(mask)]  # llguidance's has a word more where the last one is full

    def take(self, token: int) -> bool:
        """Go on behind ``token``; True when only the end may follow. Raises ValueError for a token that was not allowed."""
        if not self._matcher.consume_token(token):
            raise_broken(self._matcher)
            raise ValueError("the answer left its grammar")
        return self._matcher.is_stopped()


class Grammars:
    """Compiles grammars against one checkpoint. ``stop_tokens`` end an answer; ``vocab_size`` is the number of logits."""

    def __init__(self, directory: Path, stop_tokens: Sequence[int], vocab_size: int) -> None:
        self._directory = directory
        self._stop_tokens = tuple(stop_tokens)
        self._vocab_size = vocab_size
        self._tokenizer: LLTokenizer | None = None
        self._refusal = ""

    def load(self) -> None:
        """Read the tokenizer now and not with the first grammar, which would hold up every answer."""
        if self._tokenizer is not None or self._refusal:
            return
        began = time.monotonic()
        try:
            self._tokenizer = open_tokenizer(self._directory, self._stop_tokens, self._vocab_size)
        except ValueError as error:
            self._refusal = str(error)
            log.warning("%s", error)
        log.info("the tokenizer for grammars took %.2f s", time.monotonic() - began)

    def matcher(self, grammar: Grammar) -> GrammarMatcher:
        """A matcher of its own at the beginning of an answer. Raises ValueError when the grammar does not compile."""
        self.load()
        if self._tokenizer is None:
            raise ValueError(self._refusal)
        return GrammarMatcher(compiled(self._tokenizer, grammar))
