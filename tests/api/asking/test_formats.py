"""response_format, tool_choice and parallel_tool_calls: each value taken or refused by name, and the grammar that they make."""

import json
from typing import Any

import pytest

from reckon.api.asking import formats, schema
from reckon.api.asking.formats import DEEPEST, MAX_SOURCE
from reckon.errors import InvalidField, InvalidRequest
from reckon.job import Grammar

USER = {"role": "user", "content": "Hello!"}
POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
OPTIONS = json.dumps({"x-guidance": formats.JSON_OPTIONS}, separators=(",", ":"))[1:-1]


def tool(name: str = "move", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": POINT, **function}}


def asked(**fields: Any) -> schema.Asked:
    body = json.dumps({"model": "m", "messages": [USER], **fields}).encode()
    return schema.parse(body, request="chatcmpl-1", account="acct_1")


def grammar(**fields: Any) -> Grammar | None:
    return asked(**fields).job.grammar


def source(**fields: Any) -> str:
    found = grammar(**fields)
    assert found is not None
    return found.source


def refused(**fields: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidField) as caught:
        asked(**fields)
    return caught.value.param, caught.value.message


def json_schema(of: Any = POINT, **fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "point", "schema": of, **fields}}


def named(name: str = "move") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def nested(levels: int) -> dict[str, Any]:
    return {"items": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize("sent", [{}, {"response_format": None}, {"response_format": {"type": "text"}}])
def test_text_is_free(sent: dict[str, Any]) -> None:
    assert grammar(**sent) is None


def test_any_object() -> None:
    found = grammar(response_format={"type": "json_object"})
    assert found == Grammar("json_schema", '{"type":"object",' + OPTIONS + "}")


def test_a_schema_keeps_the_order_of_its_properties() -> None:
    ordered = {"type": "object", "properties": {"z": {}, "a": {}, "m": {"enum": ["ü"]}}}
    for extra in ({}, {"strict": True}, {"strict": False}, {"strict": None, "description": "d"}):
        found = grammar(response_format=json_schema(ordered, **extra))
        encoded = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
        assert found == Grammar("json_schema", encoded[:-1] + "," + OPTIONS + "}")


def test_a_client_cannot_set_the_compilers_options() -> None:
    found = source(response_format=json_schema({"x-guidance": {"lenient": True}}))
    assert json.loads(found) == {"x-guidance": formats.JSON_OPTIONS}


@pytest.mark.parametrize("key", ["regex", "pattern"])
def test_a_regex_under_either_name(key: str) -> None:
    assert grammar(response_format={"type": "regex", key: "a+/b"}) == Grammar("regex", "a+/b")
    assert grammar(response_format={"type": "regex", key: ""}) == Grammar("regex", "")


@pytest.mark.parametrize(
    ("value", "param", "says"),
    [
        ("text", "response_format", 'must be an object with type, not "text"'),
        ([], "response_format", "must be an object with type, not []"),
        ({}, "response_format.type", "is required"),
        ({"type": None}, "response_format.type", "must be a string, not null"),
        ({"type": "json"}, "response_format.type", 'must be one of text, json_object, json_schema, regex, not "json"'),
        ({"type": "text", "schema": {}}, "response_format.schema", "is not a known field"),
        ({"type": "text", "regex": "a"}, "response_format.regex", "must be absent when response_format.type is text"),
        ({"type": "json_object", "pattern": "a"}, "response_format.pattern", "must be absent"),
        ({"type": "regex", "json_schema": {"name": "a", "schema": {}}}, "response_format.json_schema", "must be absent"),
        ({"type": "json_schema"}, "response_format.json_schema", "is required"),
        ({"type": "json_schema", "json_schema": {}}, "response_format.json_schema.name", "is required"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "response_format.json_schema.schema", "is required"),
        (json_schema([]), "response_format.json_schema.schema", "must be an object, not []"),
        (json_schema(True), "response_format.json_schema.schema", "must be an object, not true"),
        (json_schema(name="a b"), "response_format.json_schema.name", 'digits, underscores or hyphens, not "a b"'),
        (json_schema(name=""), "response_format.json_schema.name", "1 to 64"),
        (json_schema(name="x" * 65), "response_format.json_schema.name", "1 to 64"),
        (json_schema(strict="yes"), "response_format.json_schema.strict", "must be true or false"),
        (json_schema(description=1), "response_format.json_schema.description", "must be a string"),
        (json_schema(more=1), "response_format.json_schema.more", "is not a known field"),
        (json_schema(nested(DEEPEST + 1)), "response_format.json_schema.schema", "must not be nested more than 64 levels deep"),
        (json_schema({"const": "x" * MAX_SOURCE}), "response_format.json_schema.schema", "must not be longer than 65536 bytes"),
        ({"type": "regex"}, "response_format.regex", "either regex or pattern when response_format.type is regex, not neither"),
        ({"type": "regex", "regex": "a", "pattern": "a"}, "response_format.regex", "not both"),
        ({"type": "regex", "regex": 1}, "response_format.regex", "must be a string, not 1"),
        ({"type": "regex", "regex": "ü" * (MAX_SOURCE // 2 + 1)}, "response_format.regex", "and has 65538"),
        ({"type": "regex", "pattern": "x" * (MAX_SOURCE + 1)}, "response_format.pattern", "and has 65537"),
    ],
)  # fmt: skip
def test_refused_formats(value: Any, param: str, says: str) -> None:
    found, message = refused(response_format=value)
    assert found == param
    assert says in message


def test_the_limits_themselves_are_allowed() -> None:
    assert grammar(response_format=json_schema(nested(DEEPEST), name="x" * 64)) is not None
    assert source(response_format={"type": "regex", "regex": "x" * MAX_SOURCE}) == "x" * MAX_SOURCE


def test_sixty_thousand_levels_are_refused_before_anything_walks_them() -> None:
    deep = '{"a":' * 60_000 + "1" + "}" * 60_000
    body = (
        '{"model": "m", "messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": %s}}}'
    )
    with pytest.raises((InvalidRequest, InvalidField)) as caught:
        schema.parse((body % deep).encode(), request="r", account="a")
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_calls_are_free_unless_something_is_asked(choice: str | None) -> None:
    for tools in ([], [tool()]):
        job = asked(tools=tools, tool_choice=choice).job
        assert job.grammar is None
        assert len(job.tools) == (0 if choice == "none" else len(tools))
    assert asked(tool_choice=choice).job.grammar is None


def test_required() -> None:
    tools = [tool("move"), tool("stop", parameters=None)]
    arguments = json.dumps(POINT, separators=(",", ":"))[:-1] + "," + OPTIONS + "}"
    assert source(tools=tools, tool_choice="required").split("\n") == [
        "start: calls",
        'calls: call ("\\n" call)*',
        "call: function_0 | function_1",
        'function_0: <tool_call> "\\n{\\"name\\": \\"move\\", \\"arguments\\": " %json ' + arguments + ' "}\\n" </tool_call>',
        'function_1: <tool_call> "\\n{\\"name\\": \\"stop\\", \\"arguments\\": " %json {"type":"object",'
        + OPTIONS + '} "}\\n" </tool_call>',
    ]  # fmt: skip
    assert source(tools=tools, tool_choice="required", parallel_tool_calls=False).startswith("start: call\n")
    assert source(tools=tools, tool_choice="required", parallel_tool_calls=None).startswith("start: calls\n")


def test_a_named_function_is_called_once_and_the_others_stay_in_the_prompt() -> None:
    job = asked(tools=[tool("move"), tool("stop")], tool_choice=named("stop")).job
    assert [function.name for function in job.tools] == ["move", "stop"]
    assert job.grammar is not None
    lines = job.grammar.source.split("\n")
    assert lines[0] == "start: call" and lines[2] == "call: function_1"
    assert not any(line.startswith("function_0") for line in lines)


def test_one_call_at_most_beside_free_text() -> None:
    lines = source(tools=[tool()], parallel_tool_calls=False).split("\n")
    assert lines[0] == "start: TEXT call?"
    assert lines[-1] == f"TEXT: {formats.TEXT}"


def test_a_format_and_tools_allow_either() -> None:
    lines = source(tools=[tool()], response_format={"type": "json_object"}).split("\n")
    assert lines[0] == "start: answer | calls"
    assert lines[-1] == 'answer: %json {"type":"object",' + OPTIONS + "}"
    pattern = {"type": "regex", "regex": "a/b\\/\\\\/[^/]\n"}
    lines = source(tools=[tool()], response_format=pattern, parallel_tool_calls=False).split("\n")
    assert lines[0] == "start: answer | call"
    assert lines[-1] == r"answer: /a\/b\/\\\/[^\/]\n/"


def test_a_format_is_for_content_and_a_call_that_must_be_has_none() -> None:
    only_calls = source(tools=[tool()], tool_choice="required")
    assert source(tools=[tool()], tool_choice="required", response_format={"type": "json_object"}) == only_calls
    for choice in ("none", None):
        found = grammar(tools=[tool()] if choice else [], tool_choice=choice, response_format={"type": "json_object"})
        assert found is not None and found.format == "json_schema"


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"tool_choice": "must"}, "tool_choice", f'must be {formats.CHOICE_RULE}, not "must"'),
        ({"tool_choice": 1}, "tool_choice", f"must be {formats.CHOICE_RULE}, not 1"),
        ({"tool_choice": {}}, "tool_choice.type", 'must be "function", the only kind of tool, not null'),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type", 'not "allowed_tools"'),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function", 'an object with the "name" of a function, not null'),
        ({"tool_choice": {"type": "function", "function": "a"}}, "tool_choice.function", 'not "a"'),
        ({"tool_choice": {"type": "function", "function": {"name": 1}}}, "tool_choice.function", 'not {"name":1}'),
        ({"tool_choice": {**named(), "more": 1}}, "tool_choice.more", "is not a known field"),
        ({"tool_choice": {"type": "function", "function": {"name": "a", "x": 1}}}, "tool_choice.function.x", "not a known"),
        ({"tool_choice": named("fly"), "tools": [tool()]}, "tool_choice.function.name", 'the name of one of tools, not "fly"'),
        ({"tool_choice": named()}, "tool_choice.function.name", 'the name of one of tools, not "move"'),
        ({"tool_choice": "required"}, "tool_choice", "must not be required without tools"),
        ({"tool_choice": "required", "tools": []}, "tool_choice", "must not be required without tools"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls", "must be true or false, not 1"),
        (
            {"tool_choice": "required", "tools": [tool(), tool("b", parameters={"type": "array"})]},
            "tools.1.function.parameters.type",
            'must be "object", not "array"',
        ),
        (
            {"tool_choice": "required", "tools": [tool(parameters={"description": "x" * MAX_SOURCE})]},
            "tools",
            "must not be longer than 65536 bytes",
        ),
    ],
)
def test_refused_choices(fields: dict[str, Any], param: str, says: str) -> None:
    found, message = refused(**fields)
    assert found == param
    assert message.startswith(param) and says in message


def test_a_choice_of_nothing_is_like_none() -> None:
    job = asked(tools=[tool()], tool_choice="none", parallel_tool_calls=False).job
    assert job.grammar is None and job.tools == ()


def test_what_has_an_effect_is_not_named_as_ignored() -> None:
    assert asked(tools=[tool()], parallel_tool_calls=True, tool_choice="auto", response_format={"type": "text"}).ignored == ()
