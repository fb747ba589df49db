"""Anthropic's Messages: its fields, and its conversation in a chat's words; then ``answering.py`` as for a chat.

A chat's rules hold, and a refusal by them is put back into the words of this body. ``app.py`` routes to it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from reckon.api.answering import Answering
from reckon.api.answers import http
from reckon.api.answers.anthropic import Anthropic
from reckon.api.asking import body, conversation, formats, schema
from reckon.api.asking.conversation import CallBody, CalledBody, FunctionBody, MessageBody, ToolBody
from reckon.api.asking.fields import BY_NAME, MAX_STOPS, NO_EFFECT, NOT_THINKING, stops
from reckon.api.asking.reading import Field, Range, invalid
from reckon.errors import InvalidField
from reckon.job import Function, Job
from reckon.ledger.accounts import Account


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str | list[dict[str, Any]]


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    type: str | None = None
    cache_control: dict[str, Any] | None = None


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "text": {"text": (str,)},
    "tool_use": {"id": (str,), "name": (str,), "input": (dict,)},
    "tool_result": {"tool_use_id": (str,), "content": (str, list, type(None))},
}
"""By the type of a block: what it has. Of the rest, what says nothing to the model may be there too."""
IDLE = {"type", "cache_control", "citations", "caller", "is_error"}
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
SAMPLING = ("min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed")


def _tools(value: list[Tool]) -> tuple[Function, ...]:
    for number, tool in enumerate(value):
        if tool.type not in (None, "custom"):
            raise invalid(f"tools.{number}.type", '"custom", the only kind of tool', tool.type)
    functions = [FunctionBody(tool.name, tool.description, tool.input_schema) for tool in value]
    return conversation.functions([ToolBody("function", function) for function in functions])


def _choice(value: Choice) -> Choice:
    if value.type not in (*CHOICES, "tool"):
        raise invalid("tool_choice.type", "one of auto, any, none, tool", value.type)
    if (value.type == "tool") != (value.name is not None):
        raise invalid("tool_choice.name", "a string when tool_choice.type is tool, and else absent", value.name)
    return value


FIELDS = (
    BY_NAME["model"],
    Field(
        "messages",
        "array",
        "the turns of user and assistant; blocks are text, tool_use and tool_result. An answer goes on with a last assistant's",
        required=True,
        type=list[Turn],
        what=f"an array of 1 to {conversation.MAX_MESSAGES} messages",
    ),
    Field("max_tokens", "integer", "The maximum number of tokens to generate.", None, Range(0, 1_000_000), required=True),
    Field("system", "string", "the system message", type=str | list[dict[str, Any]], what="a string or an array of blocks"),
    *(BY_NAME[name] for name in ("stream", "temperature", "top_p", "top_k")),
    replace(
        BY_NAME["stop"],
        name="stop_sequences",
        kind="array",
        type=list[str],
        what=f"an array of at most {MAX_STOPS} strings, none of them empty",
        make=stops("stop_sequences"),
    ),
    replace(BY_NAME["tools"], type=list[Tool], make=_tools),
    Field(
        "tool_choice",
        "object",
        "type is auto, any, none, or tool with a name; disable_parallel_tool_use allows one call at most",
        type=Choice,
        what="an object with type",
        make=_choice,
    ),
    *(BY_NAME[name] for name in SAMPLING),
    Field("thinking", "object", NOT_THINKING, effect=False),
    Field("metadata", "object", NO_EFFECT, effect=False),
    Field("cache_control", "object", "prompts are cached anyway", effect=False),
    Field("service_tier", "string", "all requests are served alike", effect=False, allowed=("auto", "standard_only")),
)
"""Every field that a message accepts: Anthropic's, and the page's for sampling."""

ROWS = {field.name: field for field in FIELDS}
_IN_CHAT = re.compile(r"\bmessages\.(\d+)")
_WORDS = {".function.parameters": ".input_schema", ".function.name": ".name", ".tool_call_id": ".tool_use_id"}


class Messages:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def complete(self, request: Request, account: Account) -> ASGIApp:
        sent = await body.read(request, self._answering.max_body)
        job_id = http.completion_id(request.scope, "msg")
        asked = parse(sent, request=job_id, account=account.id, defaults=self._answering.defaults)
        return await self._answering.take(asked, account, Anthropic, http.arrived(request.scope))


def parse(sent: bytes, *, request: str, account: str, defaults: schema.Defaults = schema.no_defaults) -> schema.Asked:
    """Raises InvalidRequest and InvalidField."""
    places: list[str] = []
    try:
        given, read = schema.read(sent, ROWS, defaults)
        choice: Choice | None = read["tool_choice"]
        chosen: str | formats.Named | None = None
        if choice is not None:
            chosen = CHOICES[choice.type] if choice.name is None else formats.Named(choice.name)
        parallel = choice is None or not choice.disable_parallel_tool_use
        continues = bool(read["messages"]) and read["messages"][-1].role == "assistant"
        values = {field.name: field.default for field in BY_NAME.values()} | read | {"stop": read["stop_sequences"]}
        job = Job(
            id=request,
            account=account,
            messages=conversation.conversation(list(_bodies(read, places)), continues=continues),
            max_tokens=read["max_tokens"],
            tools=() if chosen == "none" else read["tools"],
            grammar=formats.grammar(None, read["tools"], chosen, parallel),
            continues=continues,
            **schema.shared(values),
        )
    except InvalidField as error:
        raise _in_its_words(error, places) from None
    return schema.asked(job, values, schema.ignored_fields(given, values, ROWS))


def _bodies(values: dict[str, Any], places: list[str]) -> Iterator[MessageBody]:
    """The conversation as a chat has it. ``places`` says where each of its messages came from."""
    if values["system"] is not None:
        places.append("system")
        yield MessageBody("system", _text(values["system"], "system"))
    for number, turn in enumerate(values["messages"]):
        place = f"messages.{number}"
        if turn.role not in ("user", "assistant"):
            raise invalid(f"{place}.role", "user or assistant", turn.role)
        for where, found in _turn(turn, place):
            places.append(where)
            yield found


def _turn(turn: Turn, place: str) -> Iterator[tuple[str, MessageBody]]:
    """The results of tools in a turn, each a message of a chat's, then what is left of it as one more."""
    texts: list[dict[str, Any]] = []
    calls: list[CallBody] = []
    kinds = ("text", "tool_use") if turn.role == "assistant" else ("text", "tool_result")
    for number, block in enumerate([] if isinstance(turn.content, str) else turn.content):
        where = f"{place}.content.{number}"
        kind = _checked(block, where, kinds)
        if kind == "text":
            texts.append({"type": "text", "text": block["text"]})
        elif kind == "tool_use":
            arguments = msgspec.json.encode(block["input"]).decode()
            calls.append(CallBody(block["id"], CalledBody(block["name"], arguments)))
        else:
            answer = _text(block.get("content") or "", f"{where}.content")
            yield where, MessageBody("tool", answer, tool_call_id=block["tool_use_id"])
    if isinstance(turn.content, str) or texts or calls or not turn.content:
        content = turn.content if isinstance(turn.content, str) else texts or (None if calls else [])
        yield place, MessageBody(turn.role, content, tool_calls=calls or None)


def _text(content: str | list[Any], place: str) -> str | list[dict[str, Any]]:
    for number, block in enumerate([] if isinstance(content, str) else content):
        _checked(block, f"{place}.{number}", ("text",))
    return content if isinstance(content, str) else [{"type": "text", "text": block["text"]} for block in content]


def _checked(block: Any, place: str, kinds: tuple[str, ...]) -> str:
    """The type of a block that has what it must have, and nothing that would be lost. Raises InvalidField."""
    kind = block.get("type") if isinstance(block, dict) else block
    if kind not in kinds:
        raise invalid(f"{place}.type", f"one of {', '.join(kinds)}", kind)
    for key, types in KEYS[kind].items():
        if not isinstance(block.get(key), types):
            what = {"input": "an object", "content": "a string or an array of blocks"}.get(key, "a string")
            raise invalid(f"{place}.{key}", what, block.get(key))
    for key in block.keys() - KEYS[kind].keys() - IDLE:
        raise InvalidField(f"{place}.{key[:64]} is not a known field.", param=f"{place}.{key[:64]}")
    return str(kind)


def _in_its_words(error: InvalidField, places: list[str]) -> InvalidField:
    """A rule of a chat's that was broken here. Faults of the body itself come before there is a conversation."""

    def told(text: str) -> str:
        for theirs, ours in _WORDS.items():
            text = text.replace(theirs, ours)
        return _IN_CHAT.sub(lambda found: places[int(found[1])], text) if places else text

    return InvalidField(told(error.message), param=told(error.param or ""))
