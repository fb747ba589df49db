"""What an answer must look like: ``response_format`` and ``tool_choice`` to one grammar. Knows JSON and Lark; compiles nothing.

``fields.py`` reads the two fields with it, ``schema.py`` asks for the job's grammar. The engine compiles it before it admits
the job (``engines/grammars.py``) and follows it while it samples.
"""

import re
from typing import Any

import msgspec

from reckon.api.asking.reading import invalid, shown
from reckon.engines.grammars import MAX_SOURCE
from reckon.errors import InvalidField
from reckon.job import Function, Grammar

DEEPEST = 64
"""Levels of a JSON Schema: templates and grammars recurse into it."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KINDS = ("text", "json_object", "json_schema", "regex")
CHOICES = ("none", "auto", "required")
CHOICE_RULE = 'none, auto, required or {"type": "function", "function": {"name": …}}'

JSON_OPTIONS = {"whitespace_pattern": r"[ ]|\n[ \t]{0,32}"}
"""Between two tokens of JSON a model may write one space, or one line break and indentation, and not spaces for ever."""

CALL = '<tool_call> "\\n{{\\"name\\": \\"{name}\\", \\"arguments\\": " %json {schema} "}}\\n" </tool_call>'
"""A call in the Hermes format that Qwen2.5 writes; both markers are tokens of their own (text/toolcalls.py reads it)."""
TEXT = r"/(.|\n)*/ & ~/(.|\n)*<tool_call>(.|\n)*/"
_DETAILS = re.compile(r"\\.|[/\n]", re.DOTALL)
_WRITTEN = {"/": r"\/", "\n": r"\n", "\\\n": r"\n"}


class Named(msgspec.Struct, frozen=True):
    """The tool_choice of one function."""

    name: str


class SchemaBody(msgspec.Struct, forbid_unknown_fields=True):
    """``strict`` changes nothing: an answer always fits the schema."""

    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class FormatBody(msgspec.Struct, forbid_unknown_fields=True):
    """``regex`` is the page's name of the key, ``pattern`` that of others."""

    type: str
    json_schema: SchemaBody | None = None
    regex: str | None = None
    pattern: str | None = None


_KEYS = {"text": (), "json_object": (), "json_schema": ("json_schema",), "regex": ("regex", "pattern")}


def response_format(body: FormatBody) -> Grammar | None:
    """What the content must match; None for text. Raises InvalidField."""
    if body.type not in KINDS:
        raise invalid("response_format.type", f"one of {', '.join(KINDS)}", body.type)
    for key in ("json_schema", "regex", "pattern"):
        if getattr(body, key) is not None and key not in _KEYS[body.type]:
            param = f"response_format.{key}"
            raise InvalidField(f"{param} must be absent when response_format.type is {body.type}.", param=param)
    if body.type == "json_object":
        return _json({"type": "object"})
    if body.type == "json_schema":
        return _schema(body.json_schema)
    return _regex(body) if body.type == "regex" else None


def tool_choice(value: str | dict[str, Any]) -> str | Named:
    """Raises InvalidField; whether there is such a function is not known here."""
    if isinstance(value, str):
        if value not in CHOICES:
            raise invalid("tool_choice", CHOICE_RULE, value)
        return value
    if value.get("type") != "function":
        raise invalid("tool_choice.type", '"function", the only kind of tool', value.get("type"))
    function = value.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str):
        raise invalid("tool_choice.function", 'an object with the "name" of a function', function)
    for place, keys in (
        ("tool_choice", value.keys() - {"type", "function"}),
        ("tool_choice.function", function.keys() - {"name"}),
    ):
        for key in sorted(keys):
            param = f"{place}.{key[:64]}"
            raise InvalidField(f"{param} is not a known field.", param=param)
    return Named(name)


def grammar(answer: Grammar | None, tools: tuple[Function, ...], choice: str | Named | None, parallel: bool) -> Grammar | None:
    """What the whole answer must match. None leaves it free, calls of tools too. Raises InvalidField."""
    if isinstance(choice, Named):
        places = [place for place, tool in enumerate(tools) if tool.name == choice.name]
        if not places:
            raise invalid("tool_choice.function.name", "the name of one of tools", choice.name)
        return _lark("call", tools, places)
    if choice == "required":
        if not tools:
            raise InvalidField("tool_choice must not be required without tools.", param="tool_choice")
        return _lark("call" if not parallel else "calls", tools)
    if choice == "none" or not tools:
        return answer
    if answer is not None:
        return _lark(f"answer | {'calls' if parallel else 'call'}", tools, answer=answer)
    return None if parallel else _lark("TEXT call?", tools)


def _json(schema: dict[str, Any]) -> Grammar:
    return Grammar("json_schema", _encoded(schema))


def _encoded(schema: dict[str, Any]) -> str:
    """One line. llguidance's own options in a schema are replaced by ours; for JSON Schema that key means nothing."""
    return msgspec.json.encode(schema | {"x-guidance": JSON_OPTIONS}).decode()


def _schema(body: SchemaBody | None) -> Grammar:
    param = "response_format.json_schema"
    if body is None:
        raise InvalidField(f"{param} is required when response_format.type is json_schema.", param=param)
    if not NAME.fullmatch(body.name):
        raise invalid(f"{param}.name", "1 to 64 letters, digits, underscores or hyphens", body.name)
    if deeper_than(body.schema, DEEPEST):
        raise InvalidField(f"{param}.schema must not be nested more than {DEEPEST} levels deep.", param=f"{param}.schema")
    return _sized(_json(body.schema), f"{param}.schema")


def _regex(body: FormatBody) -> Grammar:
    if (body.regex is None) == (body.pattern is None):
        found = "neither" if body.regex is None else "both"
        message = f"response_format must have either regex or pattern when response_format.type is regex, not {found}."
        raise InvalidField(message, param="response_format.regex")
    if body.regex is not None:
        return _sized(Grammar("regex", body.regex), "response_format.regex")
    return _sized(Grammar("regex", body.pattern or ""), "response_format.pattern")


def _sized(grammar: Grammar, param: str) -> Grammar:
    if (size := len(grammar.source.encode())) > MAX_SOURCE:
        raise InvalidField(f"{param} must not be longer than {MAX_SOURCE} bytes, and has {size}.", param=param)
    return grammar


def _lark(
    start: str, tools: tuple[Function, ...], places: list[int] | None = None, *, answer: Grammar | None = None
) -> Grammar:
    """``start`` over the rules below; each function's rule is named by its place, which a refusal of the engine's reads."""
    chosen = range(len(tools)) if places is None else places
    lines = [f"start: {start}", r'calls: call ("\n" call)*']
    lines.append("call: " + " | ".join(f"function_{place}" for place in chosen))
    lines += [f"function_{place}: {CALL.format(name=tools[place].name, schema=_arguments(tools, place))}" for place in chosen]
    if answer is not None:
        is_json = answer.format == "json_schema"
        lines.append(f"answer: %json {answer.source}" if is_json else f"answer: /{_slashed(answer.source)}/")
    if "TEXT" in start:
        lines.append(f"TEXT: {TEXT}")
    return _sized(Grammar("lark", "\n".join(lines)), "tools")


def _arguments(tools: tuple[Function, ...], place: int) -> str:
    """The schema of a function's arguments, which are always an object."""
    schema = tools[place].parameters or {}
    if schema.get("type", "object") != "object":
        param = f"tools.{place}.function.parameters.type"
        raise InvalidField(f'{param} must be "object", not {shown(schema["type"])}.', param=param)
    return _encoded({"type": "object"} | schema)


def _slashed(regex: str) -> str:
    """A regex as it stands between Lark's slashes: with the meaning that it has on its own."""
    return _DETAILS.sub(lambda found: _WRITTEN.get(found[0], found[0]), regex)


def deeper_than(value: Any, levels: int) -> bool:
    """Whether JSON has more than ``levels`` levels below it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(deeper_than(item, levels - 1) for item in inner))
