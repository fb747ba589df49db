"""One answer inside the worker: its tokens, how far they are computed, and the blocks they live in. Knows no other answer."""

import copy
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reckon.devices.philox import Draws
from reckon.job import Grammar, Sampling, Usage
from reckon.link import Failed, Score, Submit
from reckon.worker.blocks import Chain
from reckon.worker.drafts import Drafter

log = logging.getLogger(__name__)


class Matcher(Protocol):
    """Where an answer stands in its grammar. Both raise ValueError, in words for the owner, when the grammar broke."""

    def allow(self, mask: NDArray[np.uint32]) -> None:
        """Write which tokens may come next, one bit per token from the lowest, into ``mask``, [ceil(vocab / 32)] zeros."""

    def take(self, token: int) -> bool:
        """The token was picked. True when the answer is complete: nothing but its end may follow."""


MatcherMaker: TypeAlias = Callable[[Grammar], Matcher]
"""A matcher at the beginning of an answer. Raises ValueError like a Matcher. Takes long: it compiles."""

MOST_BEGINNINGS = 5


def no_matcher(grammar: Grammar) -> Matcher:
    """For a worker that is never asked for a grammar, such as a benchmark's. Raises ValueError when it is."""
    raise ValueError("this engine has no grammars")


def failure(request: int, error: Exception, usage: Usage) -> Failed:
    """What a matcher that raised leads to. Anything but a ValueError is our defect, logged as one and charged to nobody."""
    if isinstance(error, ValueError):
        return Failed(request, str(error) or "the answer left its grammar", "grammar", usage)
    log.error("the grammar of request %d failed", request, exc_info=error)
    return Failed(request, "the engine could not follow the grammar of this request")


@dataclass(frozen=True, slots=True)
class Pick:
    """What a step found for one sequence: its next token, with a score where asked for; or what its matcher raised."""

    token: int
    score: Score | None = None
    error: Exception | None = None


Penalties: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Tokens that penalties touch, and how often the answer has each."""
Biases: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Tokens, and what is added to the logit of each."""
KNOBS = 6


class History:
    """The tokens that penalties look at, each once, with how often the answer has it (0: it stands in the prompt only)."""

    def __init__(self, prompt: list[int], generated: list[int]) -> None:
        self.tokens: NDArray[np.int32] = np.unique(np.array(prompt, np.int32))  # [distinct]
        self.counts: NDArray[np.int32] = np.zeros(len(self.tokens), np.int32)  # [distinct]
        self._places = {int(token): place for place, token in enumerate(self.tokens)}
        for token in generated:
            self.add(token)

    def if_it_went_on(self, tokens: Collection[int]) -> Penalties:
        """What they would look at if the answer went on with these tokens."""
        other = self
        if tokens:
            other = copy.copy(self)
            other.counts, other._places = self.counts.copy(), self._places.copy()
            for token in tokens:
                other.add(token)
        return other.tokens, other.counts

    def add(self, token: int) -> None:
        place = self._places.setdefault(token, len(self._places))
        if place == len(self.tokens):
            self.tokens = np.append(self.tokens, np.int32(token))
            self.counts = np.append(self.counts, np.int32(0))
        self.counts[place] += 1


@dataclass(slots=True, eq=False)
class Sequence:
    """``computed`` is the one measure of progress: keys and values of tokens[:computed] are in ``table``'s blocks.

    Whatever is missing up to ``len(tokens)`` has to be computed next. For a new answer that is its prompt (prefill), for a
    running one its last token (decode), after a preemption everything: the same subtraction.
    """

    request: int
    prompt_length: int
    tokens: list[int]
    sampling: Sampling
    knobs: tuple[float, ...]
    """KNOBS of ``sampling``, as a row of a step has them: temperature, top_p, min_p, and the penalties."""
    draws: Draws
    max_tokens: int
    stop_tokens: frozenset[int]
    chain: Chain
    salt: str
    leader: int | None
    pays_prompt: bool
    grammar: Grammar | None
    table: list[int] = field(default_factory=list)
    computed: int = 0
    cached: int = 0
    admitted: bool = False
    """Whether work was ever done for it, here or in an earlier worker: only then is there something to charge."""
    history: History | None = None
    bias: Biases | None = None
    logprobs: int = -1
    matcher: Matcher | None = None
    complete: bool = False
    """Whether the matcher has said that only the end may follow."""
    drafter: Drafter | None = None
    beginnings: int = 0
    begun_at: int = -1
    """How often a matcher was made for it, and how many tokens there were the last time."""

    @classmethod
    def of(cls, submit: Submit) -> "Sequence":
        sampling = submit.sampling
        penalised = sampling.repetition_penalty != 1 or sampling.presence_penalty != 0 or sampling.frequency_penalty != 0
        return cls(
            request=submit.request,
            prompt_length=len(submit.prompt),
            tokens=submit.prompt + submit.generated,
            sampling=sampling,
            knobs=_knobs(sampling),
            draws=Draws(sampling.seed, submit.choice),
            max_tokens=submit.max_tokens,
            stop_tokens=frozenset(submit.stop_tokens),
            chain=Chain(submit.salt),
            salt=submit.salt,
            leader=submit.leader,
            pays_prompt=submit.leader is None,
            grammar=submit.grammar,
            admitted=bool(submit.generated),
            history=History(submit.prompt, submit.generated) if penalised else None,
            bias=_biases(submit.bias) if submit.bias else None,
            logprobs=submit.logprobs,
        )

    @property
    def missing(self) -> int:
        """Tokens whose keys and values are not computed yet."""
        return len(self.tokens) - self.computed

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_length

    @property
    def uncompiled(self) -> bool:
        return self.grammar is not None and self.matcher is None

    @property
    def may_be_guessed(self) -> bool:
        """Whether guesses can be checked: a matcher would have to follow them and come back."""
        return self.matcher is None

    @property
    def may_begin_anew(self) -> bool:
        """Whether another matcher could get further than the one that broke. Each costs time that others wait for."""
        return self.beginnings < MOST_BEGINNINGS and self.generated > self.begun_at

    def follow(self, make: MatcherMaker) -> None:
        """Compile the grammar, if there is one, and follow it along the answer so far. Raises ValueError when it cannot be."""
        if self.grammar is None:
            return
        self.beginnings, self.begun_at = self.beginnings + 1, self.generated
        matcher = make(self.grammar)
        for token in self.tokens[self.prompt_length :]:
            self.complete = matcher.take(token)
        self.matcher = matcher

    def append(self, token: int) -> None:
        """Take the next token. Raises ValueError when the matcher does; the token is not there then.

        A stop token ends the answer and is no part of what the grammar sees.
        """
        if self.matcher is not None and token not in self.stop_tokens:
            self.complete = self.matcher.take(token)
        self.tokens.append(token)
        if self.history is not None:
            self.history.add(token)

    def usage(self, keep: int | None = None) -> Usage:
        """Tokens to charge: none if nothing was computed. ``keep`` cuts what nobody used.

        The prompt that choices have in common is counted once, by the first that is admitted.
        """
        if not self.admitted:
            return Usage()
        completion = self.generated if keep is None else min(keep, self.generated)
        if not self.pays_prompt:
            return Usage(completion_tokens=completion)
        return Usage(self.prompt_length, self.cached, completion)


def _knobs(sampling: Sampling) -> tuple[float, ...]:
    penalties = sampling.presence_penalty, sampling.frequency_penalty, sampling.repetition_penalty
    return sampling.temperature, sampling.top_p, sampling.min_p, *penalties


def _biases(pairs: Collection[tuple[int, float]]) -> Biases:
    return np.array([token for token, _ in pairs], np.int32), np.array([value for _, value in pairs], np.float32)
