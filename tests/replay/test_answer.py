"""Streams and whole answers of all dialects, as they came from the real API and as clients dump them, say the same."""

from typing import Any

import openai
import pytest

from api.desk import Desk, chat_body, served
from fakes import FakeEngine, say
from reckon.errors import BadSetting
from reckon.job import Alternative, CallDelta, Delta, Event, Finish, Scored, Usage
from reckon.replay.answer import events, joined, promised, whole

SCORES = (Scored(b"a", -0.5, (Alternative(b"a", -0.5), Alternative(b"index", -1.5))), Scored(b"\xf0\x9f", -2.0))
SCRIPTS: dict[str, tuple[dict[str, Any], list[Event]]] = {
    "plain": ({}, say("Hel", "lo")),
    "choices": ({"n": 2}, [*say("one ", "two")[:-1], *say("three", choice=1), Finish(0, "length", Usage(3, 1, 2))]),
    "scores": (
        {"logprobs": True, "top_logprobs": 2},
        [Delta(0, "content", "a", SCORES[:1]), Delta(0, "content", "", SCORES[1:]), Finish(0, "stop", Usage(3, 0, 2))],
    ),
    "calls": (
        {"tools": [{"type": "function", "function": {"name": "add"}}]},
        [
            Delta(0, "content", "Let me see."),
            CallDelta(0, 0, '{"a":', "call_1", "add"),
            CallDelta(0, 0, "1}"),
            CallDelta(0, 1, "{}", "call_2", "add"),
            Finish(0, "tool_calls", Usage(3, 0, 2)),
        ],
    ),
}


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    """A stream says ``delta`` where a whole answer says ``message``, and places of calls, which a whole answer leaves out."""
    choices = []
    for choice in tree["choices"]:
        said = dict(choice.get("delta") or choice["message"])
        said["tool_calls"] = [{key: call[key] for key in call if key != "index"} for call in said.get("tool_calls", [])]
        said["content"] = said.get("content") or ""
        choices.append({key: choice[key] for key in choice if key not in ("delta", "message")} | said)
    return {key: value for key, value in tree.items() if key != "object"} | {"choices": choices}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_chats_stream_is_its_whole_answer(desk: Desk, name: str) -> None:
    fields, script = SCRIPTS[name]
    desk.engine.enqueue(*script)
    desk.engine.enqueue(*script)
    told = promised(whole((await desk.chat(**fields)).json()))
    streamed = promised(whole((await desk.chat(**fields, stream=True)).text))
    assert flat(streamed) == flat(told)


async def test_a_texts_stream_is_its_whole_answer(desk: Desk) -> None:
    body = {"model": "fake/model", "prompt": "a", "n": 2, "logprobs": 2}
    script = [Delta(0, "content", "a", SCORES[:1]), *say("x", choice=1), Delta(0, "content", "", SCORES[1:]), *say("b")]
    desk.engine.enqueue(*script)
    desk.engine.enqueue(*script)
    client = desk.client()
    told = promised(whole((await client.post("/v1/completions", json=body)).json()))
    assert promised(whole((await client.post("/v1/completions", json={**body, "stream": True})).text)) == told
    assert told["choices"][0]["logprobs"]["tokens"] == ["a", "bytes:\\xf0\\x9f"]


async def test_a_messages_stream_is_its_whole_answer(desk: Desk) -> None:
    body = {"model": "fake/model", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
    script = [*say("He", "llo")[:-1], CallDelta(0, 0, '{"a":1}', "call_1", "add"), Finish(0, "tool_calls", Usage(100, 64, 2))]
    desk.engine.enqueue(*script)
    desk.engine.enqueue(*script)
    client = desk.client()
    told = promised(whole((await client.post("/v1/messages", json=body)).json()))
    streamed = promised(whole((await client.post("/v1/messages", json={**body, "stream": True})).text))
    assert streamed["content"][1].pop("partial_json") == '{"a":1}'
    streamed["content"][1]["input"] = {"a": 1}
    assert streamed == told
    assert told["usage"] == {"input_tokens": 100, "output_tokens": 2}


def test_what_clients_dump_of_their_types_is_the_same(desk: Desk) -> None:
    with served(desk.app) as url, openai.OpenAI(base_url=f"{url}/v1", api_key=desk.key, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**chat_body())
        assert promised(whole(raw.parse().model_dump())) == promised(whole(raw.http_response.json()))
        dumped = [chunk.model_dump() for chunk in client.chat.completions.create(**chat_body(stream=True))]
        with client.chat.completions.with_streaming_response.create(**chat_body(stream=True)) as response:
            text = response.text()
    assert promised(whole(dumped)) == promised(whole(text))


async def test_what_a_server_makes_up_is_not_promised(make_desk: Any) -> None:
    desk: Desk = make_desk(FakeEngine(fingerprint="one"))
    desk.engine.enqueue(*say("a")[:-1], Finish(0, "stop", Usage(100, 64, 2)))
    desk.engine.enqueue(*say("a")[:-1], Finish(0, "stop", Usage(100, 0, 2)))
    first = (await desk.chat()).json()
    desk.engine.fingerprint = "other"
    second = (await desk.chat()).json()
    assert first["usage"] != second["usage"] and first["id"] != second["id"]
    assert promised(first) == promised(second)
    assert promised(first)["usage"] == {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}


def test_events_are_read_as_clients_read_them() -> None:
    text = ': keep-alive\r\n\r\nevent: x\r\ndata: {"a":\r\ndata:1}\r\n\r\ndata: {"b": 2}\n\n\n\ndata: [DONE]\n\n'
    assert events(text) == [{"a": 1}, {"b": 2}]
    with pytest.raises(BadSetting, match="an event that is not a JSON object"):
        events("data: [1]\n\n")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"error": {"message": "no"}}, "it is the error 'no'"),
        ({"error": "no"}, "it is the error 'no'"),
        ('data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\ndata: {"error": {"message": "lost"}}\n\n', "'lost'"),
        ('event: error\ndata: {"type": "error", "error": {"message": "lost"}}\n\n', "it is the error 'lost'"),
        ('data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n', "not a complete answer"),
        ('data: {"type": "message_start", "message": {"content": []}}\n\n', "not a complete answer"),
        ([], "not a complete answer"),
        ("", "not a complete answer"),
        ({"choices": []}, "not a complete answer"),
        ({"object": "list"}, "not a complete answer"),
    ],
)
def test_what_is_no_complete_answer(response: Any, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        whole(response)
    assert said in refused.value.message


def test_choices_come_in_the_order_of_their_index() -> None:
    piece = [{"choices": [{"index": index, "delta": {"content": str(index)}}]} for index in (1, 0, 1)]
    assert [choice["delta"]["content"] for choice in joined(piece)["choices"]] == ["0", "11"]
