"""A request's body to a Job: the only maker of Jobs. Knows the rules between fields; each field's own are in ``fields.py``.

``chat.py`` calls ``parse``. Nobody checks a Job again.
"""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from reckon.api import reading
from reckon.api.conversation import conversation
from reckon.api.fields import BY_NAME, FIELDS, StreamOptions
from reckon.errors import InvalidField, UnsupportedMediaType
from reckon.job import Function, Job, Sampling

SUCCESSORS = {"functions": "use tools", "function_call": "use tool_choice"}


class ChatRequest(msgspec.Struct, frozen=True):
    """A valid request. ``include_usage`` None means the default, usage in the last finish chunk.

    ``ignored`` names the fields that were sent and have no effect here.
    """

    job: Job
    stream: bool
    include_usage: bool | None
    continuous_usage: bool
    ignored: tuple[str, ...]


def check_media_type(content_type: str, content_encoding: str) -> None:
    """Raises UnsupportedMediaType for a body that is not declared as plain UTF-8 JSON."""
    kind, _, parameters = content_type.lower().replace(" ", "").partition(";")
    if kind != "application/json":
        raise UnsupportedMediaType(f"content-type must be application/json, not {content_type or 'absent'}.")
    if parameters not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise UnsupportedMediaType(f"content-type must be JSON in UTF-8, not {content_type}.")
    if content_encoding.lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"content-encoding {content_encoding} is not supported; send the body as it is.")


def parse(body: bytes, *, request: str, account: str) -> ChatRequest:
    """The Job with the id ``request``. Raises InvalidRequest for what is not a JSON object, InvalidField for the rest."""
    given = reading.members(body)
    for name in given:
        if name not in BY_NAME:
            hint = f"; {SUCCESSORS[name]}" if name in SUCCESSORS else ""
            raise InvalidField(f"{reading.shown(name)} is an unknown field{hint}.", param=name[: reading.SHOWN])
    values = {field.name: field.read(given.get(field.name)) for field in FIELDS}
    options = _stream_options(values)
    job = Job(
        id=request,
        model=values["model"],
        account=account,
        messages=conversation(values["messages"]),
        sampling=_sampling(values),
        max_tokens=_max_tokens(values),
        stop=values["stop"],
        n=values["n"],
        tools=_tools(values),
    )
    ignored = tuple(_ignored(given, values))
    return ChatRequest(job, values["stream"], options.include_usage, bool(options.continuous_usage_stats), ignored)


def _sampling(values: dict[str, Any]) -> Sampling:
    names = (name for name in Sampling.__struct_fields__ if name != "seed")
    seed = secrets.randbits(63) if values["seed"] is None else values["seed"]
    return Sampling(seed, **{name: values[name] for name in names})


def _max_tokens(values: dict[str, Any]) -> int | None:
    old, new = values["max_tokens"], values["max_completion_tokens"]
    if old is not None and new is not None and old != new:
        raise InvalidField(
            f"max_completion_tokens must be max_tokens when both are given, not {new} beside {old}.",
            param="max_completion_tokens",
        )
    limit: int | None = old if new is None else new
    return limit


def _stream_options(values: dict[str, Any]) -> StreamOptions:
    options: StreamOptions | None = values["stream_options"]
    if options is None:
        return StreamOptions()
    if not values["stream"]:
        message = f"stream_options must be absent unless stream is true, not {reading.shown(options)}."
        raise InvalidField(message, param="stream_options")
    return options


def _ignored(given: Iterable[str], values: dict[str, Any]) -> Iterator[str]:
    """What was sent and has no effect. Earlier reasoning is not: templates of reasoning models leave it out of the prompt."""
    for name in given:
        if not BY_NAME[name].effect and values[name] is not None:
            yield name
    if any(body.reasoning_content for body in values["messages"]):
        yield "messages.reasoning_content"
    if values["stream_options"] is not None and values["stream_options"].include_obfuscation is not None:
        yield "stream_options.include_obfuscation"


def _tools(values: dict[str, Any]) -> tuple[Function, ...]:
    """What the model is told of: nothing when it must not call anything."""
    tools: tuple[Function, ...] = values["tools"]
    return () if values["tool_choice"] == "none" else tools
