import json
from typing import Any

import pytest

from reckon.api.asking import schema
from reckon.errors import InvalidField
from reckon.job import Call, Function, Job, Message

USER = {"role": "user", "content": "What is 1+1?"}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "2"}


def job(messages: Any, **fields: Any) -> Job:
    body = json.dumps({"model": "m", "messages": messages, **fields})
    return schema.parse(body.encode(), request="chatcmpl-1", account="acct_1").job


def refused(messages: Any, **fields: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidField) as caught:
        job(messages, **fields)
    return caught.value.param, caught.value.message


def test_a_conversation_with_a_call() -> None:
    system = {"role": "developer", "content": "Add.", "name": "boss"}
    call = Call("call_1", "add", '{"a":1}')
    assert job([USER, CALLING, system, RESULT]).messages == (
        Message("user", "What is 1+1?"),
        Message("assistant", None, tool_calls=(call,)),
        Message("system", "Add.", "boss"),
        Message("tool", "2", tool_call_id="call_1"),
    )


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_one_system_message_anywhere(place: int) -> None:
    messages = [USER, {"role": "assistant", "content": "2"}, USER]
    messages.insert(place, {"role": "system", "content": "Be brief."})
    assert [message.role for message in job(messages).messages].count("system") == 1


def test_an_answer_can_be_sent_back_as_it_came() -> None:
    answer = {"role": "assistant", "content": "2", "refusal": None, "annotations": [], "audio": None, "function_call": None}
    streamed = {**CALLING, "tool_calls": [{**CALLING["tool_calls"][0], "index": 0}]}  # type: ignore[index]
    assert job([USER, {**answer, "tool_calls": None}, USER]).messages[1] == Message("assistant", "2")
    assert job([USER, streamed, RESULT]).messages[1].tool_calls == (Call("call_1", "add", '{"a":1}'),)


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert job([{"role": "user", "content": parts}]).messages[0].content == "a\nb"
    assert job([{"role": "user", "content": ""}]).messages[0].content == ""


SYSTEM = {"role": "system", "content": "s"}
ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("messages", "param", "message"),
    [
        ([], "messages", "messages must be an array of at least one message, not []."),
        ([SYSTEM], "messages", "messages must hold a user's message, not a system message only."),
        (
            [SYSTEM, USER, {**SYSTEM, "role": "developer"}],
            "messages.2.role",
            "messages.2.role must not be system: messages.0 is, and there may be one only.",
        ),
        (
            [USER, ANSWER, SYSTEM],
            "messages.1.role",
            "messages.1.role must be user or tool in the last message;"
            " to go on with an assistant's, set continue_final_message.",
        ),
        (["hi"], "messages.0", 'messages.0 must be an object, not "hi".'),
        ([{"content": "a"}], "messages.0.role", "messages.0.role is required."),
        ([{"role": 1}], "messages.0.role", "messages.0.role must be a string, not 1."),
        (
            [{"role": "function", "content": "a"}],
            "messages.0.role",
            'messages.0.role must be one of system, developer, user, assistant, tool, not "function".',
        ),
        ([USER, {**USER, "extra": 1}], "messages.1.extra", "messages.1.extra is not a known field."),
        ([{**USER, "name": 1}], "messages.0.name", "messages.0.name must be a string, not 1."),
        ([{**USER, "refusal": "no"}], "messages.0.refusal", 'messages.0.refusal must be null, not "no".'),
        (
            [{**ANSWER, "annotations": [1]}, USER],
            "messages.0.annotations",
            "messages.0.annotations must be empty: they are not supported, not [1].",
        ),
        ([{"role": "user", "content": 1}], "messages.0.content", "messages.0.content must be a string or an array, not 1."),
        (
            [{"role": "user"}],
            "messages.0.content",
            "messages.0.content must be a string; only an assistant's message with tool_calls may do without, not null.",
        ),
        (
            [{"role": "assistant", "content": None, "tool_calls": []}, USER],
            "messages.0.content",
            "messages.0.content must be a string; only an assistant's message with tool_calls may do without, not null.",
        ),
        (
            [{"role": "user", "content": []}],
            "messages.0.content",
            "messages.0.content must be a string or an array of at least one part, not [].",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            "messages.0.content.0.type",
            'messages.0.content.0.type must be "text": this model takes text only, not "image_url".',
        ),
        (
            [{"role": "user", "content": [{"text": "a"}]}],
            "messages.0.content.0.type",
            'messages.0.content.0.type must be "text": this model takes text only, not null.',
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "messages.0.content.0.text",
            "messages.0.content.0.text must be a string, not null.",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}],
            "messages.0.content.0.cache_control",
            "messages.0.content.0.cache_control is not a known field.",
        ),
        ([{"role": "user", "content": ["a"]}], "messages.0.content.0", 'messages.0.content.0 must be an object, not "a".'),
        (
            [{**USER, "reasoning_content": "hm"}],
            "messages.0.reasoning_content",
            'messages.0.reasoning_content must be absent from a message that is not an assistant\'s, not "hm".',
        ),
        (
            [{**USER, "tool_call_id": "call_1"}],
            "messages.0.tool_call_id",
            'messages.0.tool_call_id must be absent from a message of the role user, not "call_1".',
        ),
        (
            [RESULT],
            "messages.0.tool_call_id",
            'messages.0.tool_call_id must be the id of a tool call of an earlier assistant\'s message, not "call_1".',
        ),
        (
            [USER, CALLING, {"role": "tool", "content": "2"}],
            "messages.2.tool_call_id",
            "messages.2.tool_call_id must be the id of a tool call of an earlier assistant's message, not null.",
        ),
        (
            [USER, {**CALLING, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}]}],
            "messages.1.tool_calls.0.function.arguments",
            "messages.1.tool_calls.0.function.arguments must be a string, not {}.",
        ),
        (
            [USER, {**CALLING, "tool_calls": [{"id": "c", "type": "custom", "function": {"name": "f", "arguments": ""}}]}],
            "messages.1.tool_calls.0.type",
            'messages.1.tool_calls.0.type must be "function", the only kind of tool, not "custom".',
        ),
    ],
)
def test_refused_messages(messages: Any, param: str, message: str) -> None:
    assert refused(messages) == (param, message)


def test_an_answer_can_be_continued() -> None:
    system = {"role": "system", "content": "Be brief."}
    for messages in ([USER, ANSWER], [ANSWER], [USER, ANSWER, system, ANSWER]):
        made = job(messages, continue_final_message=True)
        assert made.continues and made.messages[-1] == Message("assistant", made.messages[-1].content)
    assert not job([USER]).continues


@pytest.mark.parametrize(
    ("last", "found"), [(USER, "one of the role user"), (SYSTEM, "one of the role system"), (CALLING, "one that calls tools")]
)
def test_only_an_answer_can_be_continued(last: Any, found: str) -> None:
    said = "must be an assistant's message with text, since continue_final_message is true, not"
    assert refused([USER, last], continue_final_message=True) == ("messages.1.role", f"messages.1 {said} {found}.")


@pytest.mark.parametrize(
    ("messages", "fields", "param"),
    [
        ([USER] * 2049, {}, "messages"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}] * 257}], {}, "messages.0.content"),
        ([USER, {**CALLING, "tool_calls": CALLING["tool_calls"] * 129}], {}, "messages.1.tool_calls"),  # type: ignore[operator]
        ([USER], {"tools": [{"type": "function", "function": {"name": f"f{n}"}} for n in range(129)]}, "tools"),
    ],
)
def test_what_one_request_may_hold(messages: Any, fields: Any, param: str) -> None:
    found, message = refused(messages, **fields)
    assert found == param and message.startswith(f"{param} must be an array of at most ")


def test_only_assistants_call() -> None:
    param, message = refused([{**CALLING, "role": "user", "content": "a"}])
    assert param == "messages.0.tool_calls"
    assert message.startswith(
        "messages.0.tool_calls must be absent from a message of the role user: only an assistant calls tools"
    )


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "add", **function}}


def test_tools() -> None:
    schema_of = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tools = [tool(parameters=schema_of, strict=True), tool(name="x" * 64, description=None)]
    assert job([USER], tools=tools).tools == (Function("add", None, schema_of), Function("x" * 64))


@pytest.mark.parametrize(
    ("tools", "param", "message"),
    [
        ([{"type": "custom"}], "tools.0.function", "tools.0.function is required."),
        (
            [{**tool(), "type": "custom"}],
            "tools.0.type",
            'tools.0.type must be "function", the only kind of tool, not "custom".',
        ),
        ([{"type": "function", "function": {}}], "tools.0.function.name", "tools.0.function.name is required."),
        (
            [tool(name="a b")],
            "tools.0.function.name",
            'tools.0.function.name must be 1 to 64 letters, digits, underscores or hyphens, not "a b".',
        ),
        (
            [tool(name="")],
            "tools.0.function.name",
            'tools.0.function.name must be 1 to 64 letters, digits, underscores or hyphens, not "".',
        ),
        (
            [tool(), tool(name="x" * 65)],
            "tools.1.function.name",
            f'tools.1.function.name must be 1 to 64 letters, digits, underscores or hyphens, not "{"x" * 65}".',
        ),
        (
            [tool(), tool()],
            "tools.1.function.name",
            'tools.1.function.name must be a name that no other tool has, not "add".',
        ),
        ([tool(strict="yes")], "tools.0.function.strict", 'tools.0.function.strict must be true or false, not "yes".'),
        ([tool(parameters=[])], "tools.0.function.parameters", "tools.0.function.parameters must be an object, not []."),
        ([tool(extra=1)], "tools.0.function.extra", "tools.0.function.extra is not a known field."),
        (["add"], "tools.0", 'tools.0 must be an object, not "add".'),
    ],
)
def test_refused_tools(tools: Any, param: str, message: str) -> None:
    assert refused([USER], tools=tools) == (param, message)


def test_a_schema_may_be_deep_but_not_without_end() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels else {}

    job([USER], tools=[tool(parameters=nested(60))])
    param, message = refused([USER], tools=[tool(parameters=nested(70))])
    assert (param, message) == (
        "tools.0.function.parameters",
        "tools.0.function.parameters must not be nested more than 64 levels deep.",
    )
