"""Anthropic's Messages: the body to a Job, the answer whole and streamed, and that both are the same."""

import json
from typing import Any

import pytest

from api.desk import Desk
from fakes import say
from reckon.api import messages
from reckon.errors import EngineFailed, InvalidField
from reckon.job import Call, CallDelta, Delta, Finish, Function, Job, Message, Usage

PATH = "/v1/messages"
USER = {"role": "user", "content": "Hello!"}
TOOL = {"name": "add", "description": "Adds.", "input_schema": {"type": "object", "properties": {"a": {"type": "number"}}}}
USE = {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1}}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "fake/model", "max_tokens": 10, "messages": [USER], **fields}


def parsed(**fields: Any) -> Job:
    return messages.parse(json.dumps(body(**fields)).encode(), request="msg-1", account="a").job


def refused(**fields: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        parsed(**fields)
    return caught.value


def test_a_conversation_with_all_it_may_have() -> None:
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "2"}], "is_error": False}
    turns = [
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, USE]},
        {"role": "user", "content": [result, {"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}]},
    ]
    job = parsed(messages=turns, system=[{"type": "text", "text": "Be brief."}], tools=[TOOL], stop_sequences=["x"], top_k=5)
    assert job.messages == (
        Message("system", "Be brief."),
        Message("user", "Hello!"),
        Message("assistant", "Let me see.", tool_calls=(Call("call_1", "add", '{"a":1}'),)),
        Message("tool", "2", tool_call_id="call_1"),
        Message("user", "And?"),
    )
    assert job.tools == (Function("add", "Adds.", TOOL["input_schema"]),)
    assert (job.stop, job.max_tokens, job.sampling.top_k, job.n, job.continues, job.grammar) == (("x",), 10, 5, 1, False, None)


def test_the_last_message_of_an_assistant_is_gone_on_with() -> None:
    assert parsed(messages=[USER, {"role": "assistant", "content": "The answer is ("}]).continues


@pytest.mark.parametrize(
    ("choice", "start"),
    [
        ({"type": "any"}, "start: calls"),
        ({"type": "any", "disable_parallel_tool_use": True}, "start: call\n"),
        ({"type": "tool", "name": "add"}, "start: call\n"),
        ({"type": "auto", "disable_parallel_tool_use": True}, "start: TEXT call?"),
        ({"type": "auto"}, None),
        (None, None),
    ],
)
def test_the_choice_of_a_tool(choice: Any, start: str | None) -> None:
    job = parsed(tools=[TOOL], tool_choice=choice)
    assert job.grammar.source.startswith(start) if job.grammar and start else job.grammar is start, job.grammar
    assert len(job.tools) == 1
    assert parsed(tools=[TOOL], tool_choice={"type": "none"}).tools == ()


def turn(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"max_tokens": None}, "max_tokens", "max_tokens is required: an integer with 0 ≤ max_tokens ≤ 1000000."),
        ({"max_tokens": -1}, "max_tokens", "max_tokens must be an integer with 0 ≤ max_tokens ≤ 1000000, not -1."),
        ({"stop": "x"}, "stop", '"stop" is an unknown field.'),
        ({"stop_sequences": [""]}, "stop_sequences", "stop_sequences must be a string or an array of at most 16 strings, none"),
        ({"messages": []}, "messages", "messages must be an array of at least one message, not []."),
        (
            {"messages": [USER | {"role": "system"}]},
            "messages.0.role",
            'messages.0.role must be user or assistant, not "system".',
        ),
        ({"messages": [USER | {"name": "x"}]}, "messages.0.name", "messages.0.name is not a known field."),
        (turn({"type": "image"}), "messages.0.content.0.type", 'must be one of text, tool_result, not "image".'),
        (turn({"type": "text"}), "messages.0.content.0.text", "messages.0.content.0.text must be a string, not null."),
        (turn({"type": "text", "text": "a", "x": 1}), "messages.0.content.0.x", "messages.0.content.0.x is not a known field."),
        (turn("a"), "messages.0.content.0", 'messages.0.content.0 must be an object, not "a".'),
        (
            turn({"type": "tool_result", "tool_use_id": "x", "content": ["a"]}),
            "messages.0.content.0.content.0.type",
            'messages.0.content.0.content.0.type must be one of text, not "a".',
        ),
        (turn(), "messages.0.content", "messages.0.content must be a string or an array of at least one part, not []."),
        (turn({**USE, "input": []}, role="assistant"), "messages.0.content.0.input", "must be an object, not []."),
        (
            {**turn({"type": "tool_result", "tool_use_id": "x"}), "system": "Be brief."},
            "messages.0.content.0.tool_use_id",
            "messages.0.content.0.tool_use_id must be the id of a tool call of an earlier assistant's message",
        ),
        ({"system": [{"type": "image"}]}, "system.0.type", 'system.0.type must be one of text, not "image".'),
        ({"tools": [TOOL | {"name": "a b"}]}, "tools.0.name", "tools.0.name must be 1 to 64 letters, digits"),
        ({"tools": [TOOL | {"type": "bash_20250124"}]}, "tools.0.type", 'tools.0.type must be "custom", the only kind of tool'),
        ({"tools": [TOOL], "tool_choice": {"type": "one"}}, "tool_choice.type", "must be one of auto, any, none, tool, not"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name", "tool_choice.name must be a string when"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name", "the name of one of tools"),
        ({"service_tier": "gold"}, "service_tier", "service_tier must be one of auto, standard_only"),
    ],
)
def test_refusals_name_the_place_in_this_body(fields: Any, param: str, message: str) -> None:
    error = refused(**fields)
    assert (error.param, message in error.message) == (param, True), error.message


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for frame in text.split("\n\n")[:-1]:
        event, data = frame.split("\n")
        found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    assert all(event == data["type"] for event, data in found)
    return found


def folded(found: list[tuple[str, Any]]) -> Any:
    """The message that a client makes of a stream."""
    message: Any = None
    inputs: dict[int, str] = {}
    for event, data in found:
        match event:
            case "message_start":
                message = data["message"]
            case "content_block_start":
                assert data["index"] == len(message["content"])
                message["content"].append(data["content_block"])
            case "content_block_delta" if "text" in data["delta"]:
                message["content"][data["index"]]["text"] += data["delta"]["text"]
            case "content_block_delta":
                inputs[data["index"]] = inputs.get(data["index"], "") + data["delta"]["partial_json"]
            case "message_delta":
                message |= data["delta"] | {"usage": data["usage"]}
    for index, text in inputs.items():
        try:
            message["content"][index]["input"] = json.loads(text)
        except ValueError:
            message["content"][index]["input"] = {}
    return message


CALL = (CallDelta(0, 0, '{"a"', "call_1", "add"), CallDelta(0, 0, ":1}"), CallDelta(0, 1, "{}", "call_2", "sub"))


@pytest.mark.parametrize(
    ("script", "content", "reason", "stop"),
    [
        (say("Hi", "!"), [{"type": "text", "text": "Hi!"}], "end_turn", None),
        (say("Hi", reason="length"), [{"type": "text", "text": "Hi"}], "max_tokens", None),
        (say(), [], "end_turn", None),
        (
            [Delta(0, "content", "a"), Finish(0, "stop", Usage(), "\n\n")],
            [{"type": "text", "text": "a"}],
            "stop_sequence",
            "\n\n",
        ),
        (
            [Delta(0, "content", "Let me."), *CALL, Finish(0, "tool_calls", Usage())],
            [{"type": "text", "text": "Let me."}, USE, {"type": "tool_use", "id": "call_2", "name": "sub", "input": {}}],
            "tool_use",
            None,
        ),
        ([CALL[0], Finish(0, "length", Usage())], [USE | {"input": {}}], "max_tokens", None),
    ],
)
async def test_whole_and_stream_say_the_same(desk: Desk, script: Any, content: Any, reason: str, stop: str | None) -> None:
    desk.engine.enqueue(*script)
    desk.engine.enqueue(*script)
    whole = (await desk.client().post(PATH, json=body())).json()
    streamed = await desk.client().post(PATH, json=body(stream=True))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    found = events(streamed.text)
    assert found[-1][0] == "message_stop"
    assert (whole["content"], whole["stop_reason"], whole["stop_sequence"]) == (content, reason, stop)
    assert folded(found) | {"id": whole["id"]} == whole
    row = desk.rows()[0]
    assert whole["usage"]["input_tokens"] == row.prompt_tokens == 1
    assert (whole["usage"]["output_tokens"], whole["usage"]["cache_read_input_tokens"]) == (row.completion_tokens, 0)


async def test_an_error_is_a_status_or_an_event(desk: Desk) -> None:
    refused = await desk.client().post(PATH, json=body(temperature=3))
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "temperature")
    desk.engine.enqueue(*say("a")[:-1], EngineFailed("The engine lost it."))
    found = events((await desk.client().post(PATH, json=body(stream=True))).text)
    assert found[-1][0] == "error" and found[-1][1]["error"]["code"] == "engine_failed"


async def test_a_key_as_anthropics_clients_send_it_and_what_has_no_effect(desk: Desk) -> None:
    client = desk.client(headers={"x-api-key": desk.key, "anthropic-version": "2023-06-01"})
    response = await client.post(PATH, json=body(metadata={"user_id": "x"}, thinking={"type": "disabled"}))
    assert response.status_code == 200
    assert response.headers["x-reckon-ignored"] == "metadata, thinking"
