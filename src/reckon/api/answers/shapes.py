"""The bodies of answers, as OpenAI and the model page shape them: whole completions and the chunks of streams.

Types only, in the order of keys that the page shows. ``forms.py`` fills them; their JSON Schemas are the page's output and
streaming schema.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from reckon.job import Usage
from reckon.ledger.prices import usd


class PromptDetails(msgspec.Struct):
    cached_tokens: int


class UsageBody(msgspec.Struct):
    """``estimated_cost`` is in dollars; with a settled request it is what the ledger charged."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    estimated_cost: float


class FunctionCall(msgspec.Struct):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class AnswerMessage(msgspec.Struct, kw_only=True):
    """``content`` is null when tools were called and nothing was said; ``reasoning_content`` is there when there was any."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET


class TopLogprob(msgspec.Struct):
    """``token`` is for reading: ``bytes`` with what is no character replaced. A token may be a part of one."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class Logprobs(msgspec.Struct):
    content: list[TokenLogprob]
    refusal: None = None


class Choice(msgspec.Struct):
    index: int
    message: AnswerMessage
    finish_reason: str
    logprobs: Logprobs | None = None


class Completion(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: UsageBody


class FunctionDelta(msgspec.Struct):
    arguments: str
    name: str | UnsetType = UNSET


class ToolCallDelta(msgspec.Struct, kw_only=True):
    """``id``, ``type`` and the name come with a call's first fragment only: clients join what comes again."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: FunctionDelta


class DeltaBody(msgspec.Struct):
    """What is new. Empty in the last chunk of a choice; ``role`` is in the first only."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType = UNSET


class ChunkChoice(msgspec.Struct):
    index: int
    delta: DeltaBody
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: UsageBody | UnsetType | None = UNSET


class TextLogprobs(msgspec.Struct):
    """Of completions, token by token: its text, its log probability, the likeliest with it, where it begins in ``text``."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(msgspec.Struct):
    index: int
    text: str
    finish_reason: str
    logprobs: TextLogprobs | None = None


class TextCompletion(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: UsageBody


class TextChunkChoice(msgspec.Struct):
    index: int
    text: str
    finish_reason: str | None = None
    logprobs: TextLogprobs | None = None


class TextChunk(msgspec.Struct, kw_only=True):
    """A part of a streamed completion; its object is called as that of a whole one."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChunkChoice]
    usage: UsageBody | UnsetType | None = UNSET


Whole: TypeAlias = Completion | TextCompletion
AnyChunk: TypeAlias = Chunk | TextChunk
AnyPiece: TypeAlias = ChunkChoice | TextChunkChoice


class ChunkEnd(msgspec.Struct):
    """The last keys of either kind of chunk: all that differs between the chunks of an answer."""

    choices: Sequence[AnyPiece]
    usage: UsageBody | UnsetType | None = UNSET


def usage_body(usage: Usage, cost_nano: int) -> UsageBody:
    return UsageBody(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=PromptDetails(usage.cached_tokens),
        estimated_cost=usd(cost_nano),
    )
