"""The fields of a chat request, in one table: name, kind, range, default, description. Knows no HTTP and no Job.

``schema.py`` makes the Job of what is read by it. Page and docs are generated from FIELDS too, so it is the only list.
Names, ranges, defaults and descriptions down to ``seed`` are the model page's.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from reckon.api.asking import conversation, formats
from reckon.api.asking.reading import Field, Range, invalid
from reckon.errors import InvalidField

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None
    include_obfuscation: bool | None = None


class Reasoning(msgspec.Struct, forbid_unknown_fields=True):
    effort: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*EFFORTS]})] | None = None
    enabled: bool | None = None


MAX_MODEL = 256
MAX_STOPS = 16
MAX_STOP = 1024
MAX_USER = 512
MAX_BIASES = 300
MAX_STOP_TOKENS = 16
MAX_METADATA = 16
MAX_METADATA_KEY, MAX_METADATA_VALUE = 64, 512
TOKENS = 2**31
"""Token ids are below it everywhere; what a vocabulary really has, the engine knows."""
SEEDS = 2**63
TIERS = ("auto", "default", "standard", "flex", "scale", "priority", "fast")
NO_EFFECT = "nothing here depends on it"
NOT_THINKING = "the models served here have no switch for their reasoning, which is content"
MODEL_RULE = f"a string of 1 to {MAX_MODEL} characters"
USER_RULE = f"a string of at most {MAX_USER} characters"
STOP_RULE = f"a string or an array of at most {MAX_STOPS} strings, none of them empty"
BIAS_RULE = f"an object of at most {MAX_BIASES} token ids, each with a number from -100 to 100"
STOP_TOKENS_RULE = f"an array of at most {MAX_STOP_TOKENS} token ids"
METADATA_RULE = (
    f"an object of at most {MAX_METADATA} strings of at most {MAX_METADATA_VALUE} characters,"
    f" with names of at most {MAX_METADATA_KEY}"
)
TOKEN_ID = re.compile(r"0|[1-9][0-9]{0,9}")


def _model(value: str) -> str:
    if not value or len(value) > MAX_MODEL:
        raise invalid("model", MODEL_RULE, value)
    return value


def stops(name: str) -> Callable[[str | list[str]], tuple[str, ...]]:
    def check(value: str | list[str]) -> tuple[str, ...]:
        found = [value] if isinstance(value, str) else value
        if len(found) > MAX_STOPS or not all(found):
            raise invalid(name, STOP_RULE, value)
        for number, stop in enumerate(found):
            if len(stop) > MAX_STOP:
                place = name if isinstance(value, str) else f"{name}.{number}"
                raise invalid(place, f"at most {MAX_STOP} characters long", stop)
        return tuple(found)

    return check


def _reasoning(value: Reasoning) -> Reasoning:
    if value.effort is not None and value.effort not in EFFORTS:
        raise invalid("reasoning.effort", f"one of {', '.join(EFFORTS)}", value.effort)
    return value


def _logit_bias(value: dict[str, float]) -> tuple[tuple[int, float], ...]:
    if len(value) > MAX_BIASES:
        raise InvalidField(f"logit_bias must be {BIAS_RULE}, not of {len(value)}.", param="logit_bias")
    for key, bias in value.items():
        if not TOKEN_ID.fullmatch(key) or int(key) >= TOKENS:
            raise invalid("logit_bias", BIAS_RULE, {key: bias})
        if not -100 <= bias <= 100:
            raise invalid(f"logit_bias.{key}", "a number from -100 to 100", bias)
    return tuple(sorted((int(key), bias) for key, bias in value.items()))


def _stop_token_ids(value: list[int]) -> tuple[int, ...]:
    if len(value) > MAX_STOP_TOKENS:
        raise invalid("stop_token_ids", STOP_TOKENS_RULE, value)
    for number, token in enumerate(value):
        if not 0 <= token < TOKENS:
            raise invalid(f"stop_token_ids.{number}", f"a token id, from 0 to {TOKENS - 1}", token)
    return tuple(value)


def _metadata(value: dict[str, str]) -> dict[str, str]:
    long = any(len(name) > MAX_METADATA_KEY or len(text) > MAX_METADATA_VALUE for name, text in value.items())
    if long or len(value) > MAX_METADATA:
        raise invalid("metadata", METADATA_RULE, value)
    return value


def _user(value: str) -> str:
    if len(value) > MAX_USER:
        raise invalid("user", USER_RULE, value)
    return value


def only(name: str, allowed: Any) -> Callable[[Any], Any]:
    """A field that is accepted with the one value that changes nothing."""

    def check(value: Any) -> Any:
        if value != allowed:
            raise invalid(name, f"{msgspec.json.encode(allowed).decode()}, the only value supported", value)
        return value

    return check


FIELDS = (
    Field("model", "string", "model name", required=True, what=MODEL_RULE, make=_model),
    Field(
        "messages",
        "array",
        "conversation messages: (user,assistant,tool)*,user including one system message anywhere",
        required=True,
        type=Annotated[list[conversation.MessageBody], msgspec.Meta(extra_json_schema={"minItems": 1})],
        what=f"an array of 1 to {conversation.MAX_MESSAGES} messages",
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
        type=str | Annotated[list[str], msgspec.Meta(extra_json_schema={"maxItems": MAX_STOPS})],
        what=STOP_RULE,
        make=stops("stop"),
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
        what=f"an array of at most {conversation.MAX_TOOLS} tools",
        make=conversation.functions,
    ),
    Field(
        "tool_choice",
        "string",
        "Controls which (if any) function is called by the model. none means the model will not call a function and instead"
        " generates a message. auto means the model can pick between generating a message or calling a function. required means"
        " that it must call one, an object with a name which. none is the default when no functions are present. auto is the"
        " default if functions are present.",
        type=str | dict[str, Any],
        what=formats.CHOICE_RULE,
        make=formats.tool_choice,
    ),
    Field(
        "response_format",
        "object",
        "The format of the response: text; json_object; json_schema with name and schema; regex with regex. What is generated"
        " cannot but match, unless max_tokens cuts it.",
        type=formats.FormatBody,
        what="an object with type",
        make=formats.response_format,
    ),
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
        what=USER_RULE,
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
    Field("logprobs", "boolean", "whether each token of the answer comes with its log probability", False),
    Field(
        "top_logprobs",
        "integer",
        "only with logprobs: how many of the likeliest tokens are shown at each place",
        None,
        Range(0, 20),
    ),
    Field(
        "logit_bias",
        "object",
        "what is added to the logits of tokens, by token id, before one is picked; -100 bans a token, 100 all but forces it",
        (),
        type=dict[str, float],
        what=BIAS_RULE,
        make=_logit_bias,
        examples=({"50256": -100},),
    ),
    Field(
        "stop_token_ids",
        "array",
        "up to 16 token ids that end the answer as the model's own end does",
        (),
        type=Annotated[list[int], msgspec.Meta(extra_json_schema={"maxItems": MAX_STOP_TOKENS})],
        what=STOP_TOKENS_RULE,
        make=_stop_token_ids,
    ),
    Field("ignore_eos", "boolean", "go on when the model ends its answer, until max_tokens or a stop", False),
    Field(
        "continue_final_message",
        "boolean",
        "the last message is the beginning of an assistant's, and the answer goes on in the middle of it",
        False,
    ),
    Field("reasoning_effort", "string", NOT_THINKING, effect=False, allowed=EFFORTS),
    Field(
        "reasoning",
        "object",
        NOT_THINKING,
        effect=False,
        type=Reasoning,
        what="an object with effort or enabled",
        make=_reasoning,
    ),
    Field("chat_template_kwargs", "object", "no template here takes any", effect=False),
    Field("store", "boolean", NO_EFFECT, effect=False),
    Field("metadata", "object", NO_EFFECT, effect=False, type=dict[str, str], what=METADATA_RULE, make=_metadata),
    Field("service_tier", "string", "all requests are served alike", effect=False, allowed=TIERS),
    Field("fail_fast", "boolean", "what cannot be taken is refused at once anyway", effect=False),
    Field("verbosity", "string", NO_EFFECT, effect=False, allowed=("low", "medium", "high")),
    Field("prompt_cache_key", "string", NO_EFFECT, effect=False),
    Field("prompt_cache_retention", "string", NO_EFFECT, effect=False),
    Field("prompt_cache_options", "object", NO_EFFECT, effect=False),
    Field("safety_identifier", "string", NO_EFFECT, effect=False),
    Field("prediction", "object", NO_EFFECT, effect=False),
    Field(
        "parallel_tool_calls",
        "boolean",
        "whether an answer may call more than one function; false allows one call at most",
        True,
    ),
    Field("modalities", "array", NO_EFFECT, effect=False, what='["text"]', make=only("modalities", ["text"])),
)
"""Every field that is accepted. What is not here is refused by its name."""

BY_NAME = {field.name: field for field in FIELDS}
