"""The rules of ``messages`` and ``tools``, each beside its refusal: makes the job's Messages and Functions. No other field.

``fields.py`` names the bodies as types, ``schema.py`` calls the two functions.
"""

import re
from typing import Annotated, Any

import msgspec

from reckon.api.asking.formats import DEEPEST, deeper_than
from reckon.api.asking.reading import invalid
from reckon.errors import InvalidField
from reckon.job import Call, Function, Message, Role

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
"""OpenAI calls the system message of newer models "developer"; here both are one."""
FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_MESSAGES = 2048
MAX_PARTS = 256
MAX_CALLS = 128
MAX_TOOLS = 128


class CalledBody(msgspec.Struct, forbid_unknown_fields=True):
    """``parsed_arguments`` is what OpenAI's client makes of the arguments; it repeats them."""

    name: str
    arguments: str
    parsed_arguments: Any = None


class CallBody(msgspec.Struct, forbid_unknown_fields=True):
    """A call as an answer had it; ``index`` is left from streamed ones."""

    id: str
    function: CalledBody
    type: str = "function"
    index: int | None = None


class MessageBody(msgspec.Struct, forbid_unknown_fields=True):
    """A message as sent. The last fields are what clients send back of an assistant's message, where they are empty."""

    role: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*ROLES]})]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[CallBody] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: None = None
    audio: None = None
    function_call: None = None
    parsed: None = None
    annotations: list[Any] | None = None


class FunctionBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    function: FunctionBody


def conversation(bodies: list[MessageBody], *, continues: bool = False) -> tuple[Message, ...]:
    """(user, assistant, tool)*, then user or tool; one system message anywhere. Raises InvalidField.

    With ``continues`` the last is an assistant's message instead, which the answer goes on with.
    """
    if not bodies:
        raise invalid("messages", "an array of at least one message", [])
    if len(bodies) > MAX_MESSAGES:
        raise InvalidField(f"messages must be an array of at most {MAX_MESSAGES}, not of {len(bodies)}.", param="messages")
    calls: set[str] = set()
    messages = []
    for number, body in enumerate(bodies):
        messages.append(_message(body, f"messages.{number}", calls))
        calls.update(call.id for call in messages[-1].tool_calls)
    _check_order(messages, continues)
    return tuple(messages)


def functions(bodies: list[ToolBody]) -> tuple[Function, ...]:
    """The functions that may be called. Raises InvalidField."""
    if len(bodies) > MAX_TOOLS:
        raise InvalidField(f"tools must be an array of at most {MAX_TOOLS}, not of {len(bodies)}.", param="tools")
    tools: dict[str, Function] = {}
    for number, body in enumerate(bodies):
        param, function = f"tools.{number}", body.function
        if body.type != "function":
            raise invalid(f"{param}.type", '"function", the only kind of tool', body.type)
        if not FUNCTION_NAME.fullmatch(function.name):
            raise invalid(f"{param}.function.name", "1 to 64 letters, digits, underscores or hyphens", function.name)
        if function.name in tools:
            raise invalid(f"{param}.function.name", "a name that no other tool has", function.name)
        if deeper_than(function.parameters, DEEPEST):
            message = f"{param}.function.parameters must not be nested more than {DEEPEST} levels deep."
            raise InvalidField(message, param=f"{param}.function.parameters")
        tools[function.name] = Function(function.name, function.description, function.parameters)
    return tuple(tools.values())


def _message(body: MessageBody, param: str, calls: set[str]) -> Message:
    role = ROLES.get(body.role)
    if role is None:
        raise invalid(f"{param}.role", "one of " + ", ".join(ROLES), body.role)
    if body.annotations:
        raise invalid(f"{param}.annotations", "empty: they are not supported", body.annotations)
    if body.reasoning_content is not None and role != "assistant":
        raise invalid(f"{param}.reasoning_content", "absent from a message that is not an assistant's", body.reasoning_content)
    made = _calls(body, role, param)
    return Message(role, _content(body, role, param), body.name, made, _answered(body, role, param, calls))


def _content(body: MessageBody, role: Role, param: str) -> str | None:
    param = f"{param}.content"
    if isinstance(body.content, str):
        return body.content
    if body.content is None:
        if role == "assistant" and body.tool_calls:
            return None
        raise invalid(param, "a string; only an assistant's message with tool_calls may do without", None)
    if not body.content:
        raise invalid(param, "a string or an array of at least one part", [])
    if len(body.content) > MAX_PARTS:
        raise InvalidField(f"{param} must be an array of at most {MAX_PARTS} parts, not {len(body.content)}.", param=param)
    return "\n".join(_text(part, f"{param}.{number}") for number, part in enumerate(body.content))


def _text(part: dict[str, Any], param: str) -> str:
    if part.get("type") != "text":
        raise invalid(f"{param}.type", '"text": this model takes text only', part.get("type"))
    for key in part:
        if key not in ("type", "text"):
            raise InvalidField(f"{param}.{key} is not a known field.", param=f"{param}.{key}")
    text = part.get("text")
    if not isinstance(text, str):
        raise invalid(f"{param}.text", "a string", text)
    return text


def _calls(body: MessageBody, role: Role, param: str) -> tuple[Call, ...]:
    param = f"{param}.tool_calls"
    if body.tool_calls and role != "assistant":
        raise invalid(param, f"absent from a message of the role {role}: only an assistant calls tools", body.tool_calls)
    if len(body.tool_calls or ()) > MAX_CALLS:
        raise invalid(param, f"an array of at most {MAX_CALLS} calls", body.tool_calls)
    calls = []
    for number, call in enumerate(body.tool_calls or ()):
        if call.type != "function":
            raise invalid(f"{param}.{number}.type", '"function", the only kind of tool', call.type)
        calls.append(Call(call.id, call.function.name, call.function.arguments))
    return tuple(calls)


def _answered(body: MessageBody, role: Role, param: str, calls: set[str]) -> str | None:
    """The call that a tool's message answers."""
    param = f"{param}.tool_call_id"
    if role != "tool":
        if body.tool_call_id is not None:
            raise invalid(param, f"absent from a message of the role {role}", body.tool_call_id)
        return None
    if body.tool_call_id not in calls:
        raise invalid(param, "the id of a tool call of an earlier assistant's message", body.tool_call_id)
    return body.tool_call_id


def _check_order(messages: list[Message], continues: bool) -> None:
    system = [number for number, message in enumerate(messages) if message.role == "system"]
    if len(system) > 1:
        param = f"messages.{system[1]}.role"
        raise InvalidField(f"{param} must not be system: messages.{system[0]} is, and there may be one only.", param=param)
    spoken = [number for number, message in enumerate(messages) if message.role != "system"]
    if not spoken:
        raise InvalidField("messages must hold a user's message, not a system message only.", param="messages")
    last, param = messages[-1], f"messages.{len(messages) - 1}"
    if continues and (last.role != "assistant" or last.tool_calls):
        found = f"one of the role {last.role}" if last.role != "assistant" else "one that calls tools"
        message = f"{param} must be an assistant's message with text, since continue_final_message is true, not {found}."
        raise InvalidField(message, param=f"{param}.role")
    if messages[spoken[-1]].role == "assistant" and not continues:
        param = f"messages.{spoken[-1]}.role"
        message = f"{param} must be user or tool in the last message; to go on with an assistant's, set continue_final_message."
        raise InvalidField(message, param=param)
