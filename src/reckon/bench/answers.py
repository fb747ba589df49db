"""What a streamed chat completion said and when, read from a Reply after it is over. Knows OpenAI's chunks, anybody's."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from reckon.bench.asking import Reply

DONE = b"[DONE]"
SHOWN = 200
"""Characters of an error that are kept."""


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        return (self.reasoning_content or self.reasoning or "") + (self.content or "")


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


CHUNK = msgspec.json.Decoder(_Chunk)


@dataclass(slots=True)
class Answer:
    """``pieces`` are the times at which text came. ``error`` is empty for an answer that is complete.

    ``completion_tokens`` are the server's count, or the number of pieces where it does not count.
    """

    sent: float
    ended: float
    pieces: list[float] = field(default_factory=list)
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""

    @property
    def first(self) -> float:
        """Seconds to the first text, or to the end of an answer without any."""
        return (self.pieces[0] if self.pieces else self.ended) - self.sent

    @property
    def total(self) -> float:
        return self.ended - self.sent

    @property
    def gaps(self) -> list[float]:
        """Seconds between two pieces of text."""
        return [later - earlier for earlier, later in pairwise(self.pieces)]

    @property
    def gap(self) -> float:
        """The mean seconds per token after the first."""
        after_first = max(self.completion_tokens, len(self.pieces)) - 1
        return (self.pieces[-1] - self.pieces[0]) / after_first if after_first > 0 else 0.0


def read(reply: Reply) -> Answer:
    """Raises nothing: what is wrong with an answer is its ``error``."""
    answer = Answer(reply.sent, reply.ended)
    try:
        answer.error = reply.broken or _refusal(reply) or _follow(reply, answer)
    except msgspec.MsgspecError as error:
        answer.error = f"a chunk that cannot be read: {error}"
    answer.completion_tokens = answer.completion_tokens or len(answer.pieces)
    return answer


def _refusal(reply: Reply) -> str:
    return "" if reply.status == 200 else f"{reply.status}: {reply.body[:SHOWN].decode(errors='replace')}"


def _follow(reply: Reply, answer: Answer) -> str:
    """Fill the answer in; returns what is wrong with it."""
    texts, finished, done = [], False, False
    for at, data in reply.events():
        if data == DONE:
            done = True
            continue
        chunk = CHUNK.decode(data)
        if chunk.error is not None:
            return f"in the stream: {str(chunk.error)[:SHOWN]}"
        if chunk.usage is not None:
            answer.prompt_tokens, answer.completion_tokens = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        for choice in chunk.choices:
            finished = finished or choice.finish_reason is not None
            if text := choice.delta.text:
                texts.append(text)
                answer.pieces.append(at)
    answer.text = "".join(texts)
    return "" if finished and done else "the stream ended without a finish_reason" if done else "the stream was cut"
