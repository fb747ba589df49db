"""The fields of a chat request, in one table: name, kind, range, default, description. Reads each; knows no HTTP and no Job.

``schema.py`` makes the Job of what is read here. Page and docs are generated from FIELDS too, so it is the only list.
Names, ranges, defaults and descriptions down to ``seed`` are the model page's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from reckon.api import conversation
from reckon.api.reading import invalid, read, shown
from reckon.errors import InvalidField

KINDS: dict[str, tuple[Any, str]] = {
    "string": (str, "a string"),
    "number": (float, "a number"),
    "integer": (int, "an integer"),
    "boolean": (bool, "true or false"),
    "array": (list[Any], "an array"),
    "object": (dict[str, Any], "an object"),
}
"""By the page's word for it: the type that is decoded, and how a refusal calls it."""


@dataclass(frozen=True, slots=True)
class Range:
    """Where a number may lie; an open end excludes its bound."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.low_open else self.low <= value
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def text(self, name: str) -> str:
        return f"{self.low} {'<' if self.low_open else '≤'} {name} {'<' if self.high_open else '≤'} {self.high}"


@dataclass(frozen=True, slots=True)
class Field:
    """One row. ``type`` and ``what`` replace those of the kind where it is not the whole story.

    ``make`` turns the decoded value into what the Job takes, or raises InvalidField. ``effect`` is False for a field of
    OpenAI's that nothing here depends on: its value is checked, and the answer's headers say that it had no effect.
    """

    name: str
    kind: str
    description: str
    default: Any = None
    range: Range | None = None
    required: bool = False
    effect: bool = True
    type: Any = None
    what: str = ""
    make: Callable[[Any], Any] | None = None

    @property
    def rule(self) -> str:
        """What the value must be, as a refusal says it."""
        return (self.what or KINDS[self.kind][1]) + (f" with {self.range.text(self.name)}" if self.range else "")

    def read(self, raw: msgspec.Raw | None) -> Any:
        """The value, or the default when it is absent or null. Raises InvalidField."""
        if raw is None or bytes(raw) == b"null":
            if self.required:
                raise InvalidField(f"{self.name} is required: {self.rule}.", param=self.name)
            return self.default
        value = read(raw, self.type or KINDS[self.kind][0], self.name, self.rule)
        if self.range is not None and value not in self.range:
            raise invalid(self.name, self.rule, raw)
        return self.make(value) if self.make is not None else value


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None
    include_obfuscation: bool | None = None


MAX_STOPS = 16
MAX_USER = 512
SEEDS = 2**63
NO_EFFECT = "a field of OpenAI's that nothing here depends on"
STOP_RULE = f"a string or an array of at most {MAX_STOPS} strings, none of them empty"


def _model(value: str) -> str:
    if not value:
        raise invalid("model", "a model's name", value)
    return value


def _stop(value: str | list[str]) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if len(stops) > MAX_STOPS or not all(stops):
        raise invalid("stop", STOP_RULE, value)
    return tuple(stops)


def _user(value: str) -> str:
    if len(value) > MAX_USER:
        raise invalid("user", f"a string of at most {MAX_USER} characters", value)
    return value


def _tool_choice(value: str | dict[str, Any]) -> str:
    if isinstance(value, dict) or value == "required":
        raise InvalidField(f"tool_choice {shown(value)} is not supported yet; none and auto are.", param="tool_choice")
    if value not in ("none", "auto"):
        raise invalid("tool_choice", "none or auto", value)
    return value


def _response_format(value: dict[str, Any]) -> None:
    kind = value.get("type")
    if kind in ("json_object", "json_schema", "regex"):
        raise InvalidField(f"response_format.type {kind} is not supported yet; only text is.", param="response_format.type")
    if kind != "text":
        raise invalid("response_format.type", '"text"', kind)
    for key in value:
        if key != "type":
            raise InvalidField(f"response_format.{key} is not a known field.", param=f"response_format.{key}")


def _logprobs(value: bool) -> bool:
    if value:
        raise InvalidField("logprobs: true is not supported yet.", param="logprobs")
    return value


def _top_logprobs(value: int) -> None:
    raise InvalidField(f"top_logprobs needs logprobs, which is not supported yet; it is {value}.", param="top_logprobs")


def _only(name: str, allowed: Any) -> Callable[[Any], Any]:
    """A field that is accepted with the one value that changes nothing."""

    def check(value: Any) -> Any:
        if value != allowed:
            raise invalid(name, f"{msgspec.json.encode(allowed).decode()}, the only value supported", value)
        return value

    return check


FIELDS = (
    Field("model", "string", "model name", required=True, make=_model),
    Field(
        "messages",
        "array",
        "conversation messages: (user,assistant,tool)*,user including one system message anywhere",
        required=True,
        type=list[conversation.MessageBody],
        what="an array of messages",
    ),
    Field("stream", "boolean", "whether to stream the output via SSE or return the full response", False),
    Field(
        "temperature",
        "number",
        "What sampling temperature to use, between 0 and 2. Higher values like 0.8 will make the output more random, while"
        " lower values like 0.2 will make it more focused and deterministic",
        1.0,
        Range(0, 2),
    ),
    Field(
        "top_p",
        "number",
        "An alternative to sampling with temperature, called nucleus sampling, where the model considers the results of the"
        " tokens with top_p probability mass. So 0.1 means only the tokens comprising the top 10% probability mass are"
        " considered.",
        1.0,
        Range(0, 1, low_open=True),
    ),
    Field(
        "min_p",
        "number",
        "Float that represents the minimum probability for a token to be considered, relative to the probability of the most"
        " likely token. Must be in [0, 1]. Set to 0 to disable this.",
        0.0,
        Range(0, 1),
    ),
    Field("top_k", "integer", "Sample from the best k (number of) tokens. 0 means off", 0, Range(0, 1000, high_open=True)),
    Field(
        "max_tokens",
        "integer",
        "The maximum number of tokens to generate in the chat completion. The total length of input tokens and generated tokens"
        " is limited by the model's context length.",
        None,
        Range(0, 1_000_000),
    ),
    Field(
        "stop",
        "string",
        "up to 16 sequences where the API will stop generating further tokens",
        (),
        type=str | list[str],
        what=STOP_RULE,
        make=_stop,
    ),
    Field("n", "integer", "number of sequences to return", 1, Range(1, 4)),
    Field(
        "presence_penalty",
        "number",
        "Positive values penalize new tokens based on whether they appear in the text so far, increasing the model's likelihood"
        " to talk about new topics.",
        0.0,
        Range(-2, 2),
    ),
    Field(
        "frequency_penalty",
        "number",
        "Positive values penalize new tokens based on how many times they appear in the text so far, increasing the model's"
        " likelihood to talk about new topics.",
        0.0,
        Range(-2, 2),
    ),
    Field(
        "tools",
        "array",
        "A list of tools the model may call. Currently, only functions are supported as a tool.",
        (),
        type=list[conversation.ToolBody],
        what="an array of tools",
        make=conversation.functions,
    ),
    Field(
        "tool_choice",
        "string",
        "Controls which (if any) function is called by the model. none means the model will not call a function and instead"
        " generates a message. auto means the model can pick between generating a message or calling a function. specifying a"
        " particular function choice is not supported currently. none is the default when no functions are present. auto is the"
        " default if functions are present.",
        type=str | dict[str, Any],
        what="none or auto",
        make=_tool_choice,
    ),
    Field("response_format", "object", "The format of the response. Currently, only text is supported.", make=_response_format),
    Field(
        "repetition_penalty",
        "number",
        "Alternative penalty for repetition, but multiplicative instead of additive (> 1 penalize, < 1 encourage)",
        1.0,
        Range(0.01, 5),
    ),
    Field(
        "user",
        "string",
        "A unique identifier representing your end-user, which can help monitor and detect abuse. Avoid sending us any"
        " identifying information. We recommend hashing user identifiers.",
        make=_user,
    ),
    Field(
        "seed",
        "integer",
        "Seed for random number generator. If not provided, a random seed is used, and reported in the header x-reckon-seed.",
        None,
        Range(0, SEEDS, high_open=True),
    ),
    Field("max_completion_tokens", "integer", "OpenAI's newer name of max_tokens", None, Range(0, 1_000_000)),
    Field(
        "stream_options",
        "object",
        "only with stream. include_usage: without it, usage is in the last chunk that has a choice; true sends it in a chunk of"
        " its own, without choices; false sends none. continuous_usage_stats: the usage so far in every chunk",
        type=StreamOptions,
        what="an object with include_usage or continuous_usage_stats",
    ),
    Field("logprobs", "boolean", "log probabilities of the tokens; only false is supported yet", False, make=_logprobs),
    Field("top_logprobs", "integer", "not supported yet", make=_top_logprobs),
    Field("store", "boolean", NO_EFFECT, effect=False),
    Field("metadata", "object", NO_EFFECT, effect=False),
    Field("service_tier", "string", NO_EFFECT, effect=False),
    Field("reasoning_effort", "string", NO_EFFECT, effect=False),
    Field("verbosity", "string", NO_EFFECT, effect=False),
    Field("prompt_cache_key", "string", NO_EFFECT, effect=False),
    Field("prompt_cache_retention", "string", NO_EFFECT, effect=False),
    Field("safety_identifier", "string", NO_EFFECT, effect=False),
    Field("prediction", "object", NO_EFFECT, effect=False),
    Field("parallel_tool_calls", "boolean", NO_EFFECT, effect=False, make=_only("parallel_tool_calls", True)),
    Field("modalities", "array", NO_EFFECT, effect=False, make=_only("modalities", ["text"])),
    Field("logit_bias", "object", NO_EFFECT, effect=False, make=_only("logit_bias", {})),
)
"""Every field that is accepted. What is not here is refused by its name."""

BY_NAME = {field.name: field for field in FIELDS}
