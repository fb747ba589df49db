"""What travels between the rooms: a Job inwards, events outwards. Pure values; they know nothing of HTTP, text or tensors.

``api/asking/schema.py`` is the only maker of Jobs: whoever holds one need not check it again.
"""

from typing import Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Channel: TypeAlias = Literal["content", "reasoning"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "abort"]
UNREPEATABLE = "-unrepeatable"
"""How a system fingerprint ends that promises nothing."""


class Function(msgspec.Struct, frozen=True):
    """A function the model may call, as OpenAI describes it; ``parameters`` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None


class Call(msgspec.Struct, frozen=True):
    """One call the model made. ``arguments`` is JSON text, as it came out of the model."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One turn. ``content`` is None only for an assistant that called tools instead of speaking."""

    role: Role
    content: str | None
    name: str | None = None
    tool_calls: tuple[Call, ...] = ()
    tool_call_id: str | None = None


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is picked. Defaults and ranges are the model page's; ``seed`` is always a number here.

    The random number of a token is a function of (seed, choice, position) alone, so the token repeats in any batch.
    """

    seed: int
    temperature: float = 1.0
    top_p: float = 1.0
    min_p: float = 0.0
    top_k: int = 0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0


class Grammar(msgspec.Struct, frozen=True):
    """What an answer must match, in a language that llguidance compiles: a JSON Schema, a regex, or Lark."""

    format: Literal["json_schema", "regex", "lark"]
    source: str


class Job(msgspec.Struct, frozen=True):
    """A valid request. ``account`` separates tenants in the prefix cache; ``max_tokens`` None means up to the context.

    ``prompt`` is text that goes to the model as it is, for completions; a chat has ``messages`` instead. With
    ``continues`` the last message is an assistant's, and the answer goes on in the middle of it. ``logprobs`` is how many
    alternatives are reported beside each token's own probability; None reports nothing. ``logit_bias`` is by token id.
    """

    id: str
    model: str
    account: str
    messages: tuple[Message, ...]
    sampling: Sampling
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    tools: tuple[Function, ...] = ()
    prompt: str | None = None
    continues: bool = False
    grammar: Grammar | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    stop_tokens: tuple[int, ...] = ()
    ignore_eos: bool = False


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one request or of a sum of them. ``cached_tokens`` is the part of the prompt that was not computed again."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class Alternative(msgspec.Struct, frozen=True):
    """A token that could have stood at a place, and its log probability. ``bytes`` may be a part of a character."""

    bytes: bytes
    logprob: float


class Scored(msgspec.Struct, frozen=True):
    """A token of the answer, its log probability, and the likeliest alternatives, best first."""

    bytes: bytes
    logprob: float
    top: tuple[Alternative, ...] = ()


class Delta(msgspec.Struct, frozen=True):
    """More text of one choice. ``scores`` are of the tokens that came with it, where they were asked for; text may be empty."""

    choice: int
    channel: Channel
    text: str
    scores: tuple[Scored, ...] = ()


class CallDelta(msgspec.Struct, frozen=True):
    """More of one tool call: ``id`` and ``name`` come with the first fragment only, ``arguments`` in pieces of JSON text."""

    choice: int
    index: int
    arguments: str
    id: str | None = None
    name: str | None = None


class Finish(msgspec.Struct, frozen=True):
    """The one last event of a choice, with the stop string that ended it, if one did.

    The prompt is counted in one choice only, the first unless that ended before it was computed.
    """

    choice: int
    reason: FinishReason
    usage: Usage
    stop: str | None = None


Event: TypeAlias = Delta | CallDelta | Finish
