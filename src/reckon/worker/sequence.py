"""One answer inside the worker: its tokens, how far they are computed, and the blocks they live in. Knows no other answer."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reckon.job import Sampling, Usage
from reckon.link import Submit


class History:
    """The tokens that penalties look at, each once, with how often the answer has it (0: it stands in the prompt only)."""

    def __init__(self, prompt: list[int], generated: list[int]) -> None:
        self.tokens: NDArray[np.int32] = np.unique(np.array(prompt, np.int32))  # [distinct]
        self.counts: NDArray[np.int32] = np.zeros(len(self.tokens), np.int32)  # [distinct]
        self._places = {int(token): place for place, token in enumerate(self.tokens)}
        for token in generated:
            self.add(token)

    def add(self, token: int) -> None:
        place = self._places.setdefault(token, len(self._places))
        if place == len(self.tokens):
            self.tokens = np.append(self.tokens, np.int32(token))
            self.counts = np.append(self.counts, np.int32(0))
        self.counts[place] += 1


@dataclass(slots=True)
class Sequence:
    """``computed`` is the one measure of progress: keys and values of tokens[:computed] are in ``table``'s blocks.

    Whatever is missing up to ``len(tokens)`` has to be computed next. For a new answer that is its prompt (prefill), for a
    running one its last token (decode), after a preemption everything: the same subtraction.
    """

    request: int
    prompt_length: int
    tokens: list[int]
    sampling: Sampling
    choice: int
    max_tokens: int
    stop_tokens: frozenset[int]
    salt: str
    leader: int | None
    table: list[int] = field(default_factory=list)
    computed: int = 0
    cached: int = 0
    admitted: bool = False
    """Whether work was ever done for it, here or in an earlier worker: only then is there something to charge."""
    history: History | None = None

    @classmethod
    def of(cls, submit: Submit) -> "Sequence":
        sampling = submit.sampling
        penalised = sampling.repetition_penalty != 1 or sampling.presence_penalty != 0 or sampling.frequency_penalty != 0
        return cls(
            request=submit.request,
            prompt_length=len(submit.prompt),
            tokens=submit.prompt + submit.generated,
            sampling=sampling,
            choice=submit.choice,
            max_tokens=submit.max_tokens,
            stop_tokens=frozenset(submit.stop_tokens),
            salt=submit.salt,
            leader=submit.leader,
            admitted=bool(submit.generated),
            history=History(submit.prompt, submit.generated) if penalised else None,
        )

    @property
    def missing(self) -> int:
        """Tokens whose keys and values are not computed yet."""
        return len(self.tokens) - self.computed

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_length

    def append(self, token: int) -> None:
        self.tokens.append(token)
        if self.history is not None:
            self.history.add(token)

    def usage(self, keep: int | None = None) -> Usage:
        """Tokens to charge. A follower's prompt is its leader's, and counted there; ``keep`` cuts what nobody used."""
        completion = self.generated if keep is None else min(keep, self.generated)
        if self.leader is not None:
            return Usage(completion_tokens=completion)
        return Usage(self.prompt_length, self.cached, completion)
