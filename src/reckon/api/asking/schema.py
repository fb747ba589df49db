"""A body to a Job: a chat's whole, and the parts that completions share. Knows the rules between fields, not each field's own.

``chat.py`` calls ``parse``, ``completions.py`` what it is made of. Nobody checks a Job again.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from reckon.api.asking import formats, reading
from reckon.api.asking.conversation import conversation
from reckon.api.asking.fields import BY_NAME, StreamOptions
from reckon.api.asking.reading import Field
from reckon.errors import BadSetting, InvalidField
from reckon.job import Function, Job, Sampling

REASONS = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "audio": "the models served here speak text only",
    "web_search_options": "nothing here searches the web",
    "models": "a request is for one model",
}
"""Fields of OpenAI's or of the page's service that would change the answer, and what to say to those who send them."""

Defaults: TypeAlias = Callable[[str], Mapping[str, float]]
"""A model's own defaults, by the name of the field; what it does not give is the table's."""


def no_defaults(model: str) -> Mapping[str, float]:
    """The page's defaults for every model."""
    return {}


class Asked(msgspec.Struct, frozen=True):
    """A valid request. ``include_usage`` None means the default, usage in the last finish chunk.

    ``ignored`` names the fields that were sent and have no effect here.
    """

    job: Job
    stream: bool
    include_usage: bool | None
    continuous_usage: bool
    ignored: tuple[str, ...]


def parse(body: bytes, *, request: str, account: str, defaults: Defaults = no_defaults) -> Asked:
    """The Job with the id ``request``. Raises InvalidRequest for what is not a JSON object, InvalidField for the rest."""
    given, values = read(body, BY_NAME, defaults)
    job = Job(
        id=request,
        account=account,
        messages=conversation(values["messages"], continues=values["continue_final_message"]),
        max_tokens=_max_tokens(values),
        tools=_tools(values),
        grammar=formats.grammar(
            values["response_format"], values["tools"], values["tool_choice"], values["parallel_tool_calls"]
        ),
        continues=values["continue_final_message"],
        logprobs=_logprobs(values),
        **shared(values),
    )
    return asked(job, values, [*ignored_fields(given, values, BY_NAME), *_earlier_reasoning(values)])


def read(body: bytes, rows: Mapping[str, Field], defaults: Defaults) -> tuple[list[str], dict[str, Any]]:
    """The names that were sent, and the values of all rows. Raises InvalidRequest and InvalidField."""
    given = reading.members(body)
    for name in given:
        if name not in rows:
            hint = f"; {REASONS[name]}" if name in REASONS else ""
            raise InvalidField(f"{reading.shown(name)} is an unknown field{hint}.", param=name[: reading.SHOWN])
    model = rows["model"].read(given.get("model"), None)
    own = defaults(model)
    values = {name: row.default for name, row in rows.items()}
    values.update((name, value) for name, value in own.items() if name in rows)
    for name, row in rows.items():
        if name in given or row.required:
            values[name] = row.read(given.get(name), values[name])
    return list(given), values


def shared(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a Job takes from the fields that all kinds of requests have."""
    return {
        "model": values["model"],
        "sampling": _sampling(values),
        "stop": values["stop"],
        "n": values["n"],
        "logit_bias": values["logit_bias"],
        "stop_tokens": values["stop_token_ids"],
        "ignore_eos": values["ignore_eos"],
    }


def asked(job: Job, values: Mapping[str, Any], ignored: Iterable[str]) -> Asked:
    """The job with how its answer is to be sent. Raises InvalidField."""
    options = _stream_options(values)
    return Asked(job, values["stream"], options.include_usage, bool(options.continuous_usage_stats), tuple(ignored))


def check_defaults(model: str, defaults: Mapping[str, float]) -> None:
    """Raises BadSetting when a model's own defaults could not be sent as fields."""
    for name, value in defaults.items():
        row = BY_NAME.get(name)
        if row is None or row.range is None or value not in row.range:
            rule = "absent" if row is None else row.rule
            raise BadSetting(f"{name} of the generation_config.json of {model} must be {rule}, not {value}")


def _sampling(values: Mapping[str, Any]) -> Sampling:
    names = (name for name in Sampling.__struct_fields__ if name != "seed")
    seed = secrets.randbits(63) if values["seed"] is None else values["seed"]
    return Sampling(seed, **{name: values[name] for name in names})


def _max_tokens(values: Mapping[str, Any]) -> int | None:
    old, new = values["max_tokens"], values["max_completion_tokens"]
    if old is not None and new is not None and old != new:
        raise InvalidField(
            f"max_completion_tokens must be max_tokens when both are given, not {new} beside {old}.",
            param="max_completion_tokens",
        )
    limit: int | None = old if new is None else new
    return limit


def _stream_options(values: Mapping[str, Any]) -> StreamOptions:
    options: StreamOptions | None = values["stream_options"]
    if options is None:
        return StreamOptions()
    if not values["stream"]:
        message = f"stream_options must be absent unless stream is true, not {reading.shown(options)}."
        raise InvalidField(message, param="stream_options")
    return options


def _logprobs(values: Mapping[str, Any]) -> int | None:
    top: int | None = values["top_logprobs"]
    if not values["logprobs"]:
        if top is not None:
            raise InvalidField(f"top_logprobs must be absent unless logprobs is true, not {top}.", param="top_logprobs")
        return None
    return top or 0


def ignored_fields(given: Iterable[str], values: Mapping[str, Any], rows: Mapping[str, Field]) -> Iterator[str]:
    """What was sent and has no effect."""
    for name in given:
        if not rows[name].effect and values[name] is not None:
            yield name
    options: StreamOptions | None = values["stream_options"]
    if options is not None and options.include_obfuscation is not None:
        yield "stream_options.include_obfuscation"


def _earlier_reasoning(values: Mapping[str, Any]) -> Iterator[str]:
    """Templates of reasoning models leave earlier reasoning out of the prompt."""
    if any(body.reasoning_content for body in values["messages"]):
        yield "messages.reasoning_content"


def _tools(values: Mapping[str, Any]) -> tuple[Function, ...]:
    """What the model is told of: nothing when it must not call anything."""
    tools: tuple[Function, ...] = values["tools"]
    return () if values["tool_choice"] == "none" else tools
