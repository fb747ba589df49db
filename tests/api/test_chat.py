import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from api.desk import CHAT, Call, Desk, chat_body, chunks, served
from fakes import FakeEngine, say
from reckon.catalog.card import catalogue
from reckon.errors import EngineFailed, EngineUnavailable, InvalidRequest
from reckon.job import CallDelta, Delta, Finish, Usage

# The bodies of the model page's three examples, as its curl commands send them.
SIMPLE = """{
      "model": "Qwen/QwQ-32B-Preview",
      "messages": [
        {
          "role": "user",
          "content": "Hello!"
        }
      ]
    }"""
CONVERSATION = r"""{
      "model": "Qwen/QwQ-32B-Preview",
      "messages": [
        {
            "role": "system",
            "content": "Respond like a michelin starred chef."
        },
        {
          "role": "user",
          "content": "Can you name at least two different techniques to cook lamb?"
        },
        {
          "role": "assistant",
          "content": "Bonjour! Let me tell you, my friend, cooking lamb is an art form, and I'm more than happy to share with you not two, but three of my favorite techniques to coax out the rich, unctuous flavors and tender textures of this majestic protein. First, we have the classic \"Sous Vide\" method. Next, we have the ancient art of \"Sous le Sable\". And finally, we have the more modern technique of \"Hot Smoking.\""
        },
        {
          "role": "user",
          "content": "Tell me more about the second method."
        }
      ]
    }"""  # noqa: E501
STREAMING = """{
      "model": "Qwen/QwQ-32B-Preview",
      "stream": true,
      "messages": [
        {
          "role": "user",
          "content": "Hello!"
        }
      ]
    }"""
JSON = {"content-type": "application/json"}


@pytest.fixture
def qwq(make_desk: Any) -> Desk:
    return make_desk(FakeEngine(catalogue()["Qwen/QwQ-32B-Preview"]))  # type: ignore[no-any-return]


async def post(desk: Desk, body: str) -> httpx.Response:
    return await desk.client().post(CHAT, content=body, headers=JSON)


async def test_the_page_simple(qwq: Desk) -> None:
    text = " Hello! It's nice to meet you. Is there something I can help you with or would you like to chat for a bit?"
    qwq.engine.enqueue(Delta(0, "content", text), Finish(0, "stop", Usage(15, 0, 16)))
    response = await post(qwq, SIMPLE)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    answer = response.json()
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", answer.pop("id"))
    assert isinstance(answer.pop("created"), int)
    assert answer == {
        "object": "chat.completion",
        "model": "Qwen/QwQ-32B-Preview",
        "system_fingerprint": "fp_fake",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 15,
            "completion_tokens": 16,
            "total_tokens": 31,
            "prompt_tokens_details": {"cached_tokens": 0},
            "estimated_cost": 0.00000468,
        },
    }


async def test_the_page_conversation(qwq: Desk) -> None:
    qwq.engine.enqueue(Delta(0, "content", "Sous le Sable, my friend!"), Finish(0, "stop", Usage(149, 0, 338)))
    answer = (await post(qwq, CONVERSATION)).json()
    assert answer["usage"]["total_tokens"] == 487
    assert answer["usage"]["estimated_cost"] == 0.00007872
    messages = qwq.engine.jobs[0].messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert (messages[2].content or "").endswith('technique of "Hot Smoking."')


async def test_the_page_streaming(qwq: Desk) -> None:
    response = await post(qwq, STREAMING)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = chunks(response.text)
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": ""},
        {"content": " Hi"},
        {"content": "!"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, None, None, "stop"]
    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in found} == {
        (found[0]["id"], found[0]["created"], "Qwen/QwQ-32B-Preview", "chat.completion.chunk")
    }
    assert found[-1]["usage"]["estimated_cost"] == (120 + 2 * 180) / 1e9


async def test_both_paths_are_one(desk: Desk) -> None:
    response = await desk.client().post("/v1/chat/completions", json=chat_body())
    assert response.json()["choices"][0]["message"]["content"] == " Hi!"


async def test_what_the_ledger_and_the_headers_say(desk: Desk) -> None:
    response = await desk.chat(seed=7, store=True, metadata={"a": "b"})
    assert response.headers["x-reckon-seed"] == "7"
    assert response.headers["x-reckon-ignored"] == "store, metadata"
    row = desk.rows()[0]
    assert (row.request, row.seed, row.stream, row.outcome) == (response.json()["id"], 7, False, "stop")
    assert (row.key_id, row.account, row.model) == (desk.account.key_id, desk.account.id, "fake/model")
    assert row.cost_nano == 480 and row.reserved_nano == 120 + 127 * 180
    assert row.first_token_ms is not None and row.total_ms is not None and 0 <= row.first_token_ms <= row.total_ms
    response = await desk.chat(stream=True)
    assert int(response.headers["x-reckon-seed"]) == desk.rows()[0].seed == desk.engine.jobs[-1].sampling.seed
    assert "x-reckon-ignored" not in response.headers
    assert desk.engine.jobs[-1].account == desk.account.id


@pytest.mark.parametrize("stream", [True, False])
async def test_no_tokens_wanted(desk: Desk, stream: bool) -> None:
    response = await desk.chat(max_tokens=0, stream=stream)
    if stream:
        found = chunks(response.text)
        assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, "length"]
        usage = found[-1]["usage"]
    else:
        choice = response.json()["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
        usage = response.json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["estimated_cost"]) == (1, 0, 1.2e-07)
    assert desk.rows()[0].first_token_ms is None


async def test_usage_on_request(desk: Desk) -> None:
    apart = chunks((await desk.chat(stream=True, stream_options={"include_usage": True})).text)
    assert apart[-1]["choices"] == [] and apart[-1]["usage"]["completion_tokens"] == 2
    assert all(chunk["usage"] is None for chunk in apart[:-1])
    none = chunks((await desk.chat(stream=True, stream_options={"include_usage": False})).text)
    assert not any("usage" in chunk for chunk in none)


async def test_several_choices(desk: Desk) -> None:
    desk.engine.enqueue(*say("b", choice=1), *say("a", reason="length"))
    choices = (await desk.chat(n=2)).json()["choices"]
    assert [(choice["index"], choice["message"]["content"], choice["finish_reason"]) for choice in choices] == [
        (0, "a", "length"),
        (1, "b", "stop"),
    ]


async def test_text_is_utf8_and_one_line_a_frame(desk: Desk) -> None:
    text = "zwölf\n\ndata: [DONE]\r\n\u2028🦊\x00"
    desk.engine.enqueue(*say(text))
    response = await desk.chat(stream=True)
    assert response.content.decode() == response.text
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks(response.text)] == ["", text, None]


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"temperature": 3}, 422, "temperature", "invalid_value"),
        ({"messages": []}, 422, "messages", "invalid_value"),
        ({"model": "no/model"}, 404, "model", "model_not_found"),
        ({"messages": [{"role": "user", "content": "word " * 200}]}, 400, "messages", "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_refusals_cost_nothing(desk: Desk, fields: Any, status: int, param: str, code: str, stream: bool) -> None:
    response = await desk.chat(**fields, stream=stream)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"], error["type"]) == (
        status,
        param,
        code,
        "invalid_request_error",
    )
    assert desk.rows() == [] and desk.engine.runs == []


async def test_what_is_not_json(desk: Desk) -> None:
    response = await post(desk, "{")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
    for headers in ({"content-type": "text/plain"}, {}, {**JSON, "content-encoding": "br"}):
        response = await desk.client().post(CHAT, content=SIMPLE, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_job_that_cannot_be_rendered(desk: Desk) -> None:
    def refuse(job: Any) -> None:
        raise InvalidRequest("The template does not take this.", param="messages")

    desk.engine.on_prepare = refuse
    assert (await desk.chat()).json()["error"]["message"] == "The template does not take this."


async def test_more_than_the_key_may_spend(make_desk: Any) -> None:
    desk = make_desk(limit_nano=120 + 4 * 180)
    for stream in (True, False):
        response = await desk.chat(max_tokens=5, stream=stream)
        assert (response.status_code, response.json()["error"]["code"]) == (402, "insufficient_quota")
    assert (await desk.chat(max_tokens=2, n=2)).status_code == 200
    assert (await desk.chat(max_tokens=1, n=4)).status_code == 402
    assert len(desk.rows()) == 1


@pytest.mark.parametrize(
    ("failure", "status"), [(EngineFailed("lost"), 500), (EngineUnavailable("down", retry_after=2), 503), (KeyError("x"), 500)]
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_before_the_first_event_is_a_status(desk: Desk, failure: Exception, status: int, stream: bool) -> None:
    desk.engine.enqueue(0.01, failure)
    response = await desk.chat(stream=stream)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert response.json()["error"]["type"] == "server_error"
    assert response.headers.get("retry-after") == ("2" if status == 503 else None)
    assert [row.cost_nano for row in desk.rows()] == [120]


async def test_a_failure_in_mid_stream_ends_it_in_a_typed_error(desk: Desk) -> None:
    desk.engine.enqueue(*say("a", "b")[:-1], EngineFailed("The engine lost this request."))
    response = await desk.chat(stream=True)
    assert response.status_code == 200
    *_, last, failure = chunks(response.text)
    assert last["choices"][0]["delta"] == {"content": "b"}
    assert failure == {
        "error": {"message": "The engine lost this request.", "type": "server_error", "param": None, "code": "engine_failed"}
    }
    assert '"finish_reason":"' not in response.text


async def test_a_defect_in_mid_stream_is_told_by_its_id(desk: Desk) -> None:
    desk.engine.enqueue(*say("a")[:-1], ValueError("secret"))
    response = await desk.chat(stream=True)
    assert response.headers["x-request-id"] in chunks(response.text)[-1]["error"]["message"]


async def test_a_call_in_pieces(desk: Desk) -> None:
    desk.engine.enqueue(
        CallDelta(0, 0, '{"a"', "call_1", "add"),
        CallDelta(0, 0, ":1}"),
        Finish(0, "tool_calls", Usage()),
    )
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    choice = (await desk.chat(tools=[tool])).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a":1}'}
    assert [function.name for function in desk.engine.jobs[0].tools] == ["add"]


async def test_the_first_frames_leave_before_the_answer_is_complete(desk: Desk) -> None:
    desk.engine.enqueue(*say("a")[:-1], 5.0)
    call = Call(desk, chat_body(stream=True))
    task = asyncio.ensure_future(call.run())
    while '"content":"a"' not in call.text:
        await asyncio.sleep(0.001)
    call.left.set()
    await task


async def test_a_real_connection_that_is_cut_stops_the_run(desk: Desk) -> None:
    desk.engine.enqueue(*say("a", "b")[:-1], 30.0)
    desk.engine.enqueue(30.0)
    with served(desk.app) as address:
        async with httpx.AsyncClient(base_url=address, headers=desk.headers) as client:
            async with client.stream("POST", CHAT, json=chat_body(stream=True)) as response:
                async for line in response.aiter_lines():
                    if '"b"' in line:
                        break
            with pytest.raises(httpx.ReadTimeout):
                await client.post(CHAT, json=chat_body(), timeout=0.2)
        for _ in range(200):
            if [row.outcome for row in desk.rows()] == ["abort", "abort"]:
                break
            await asyncio.sleep(0.01)
    assert [(row.outcome, row.completion_tokens) for row in desk.rows()] == [("abort", 0), ("abort", 2)]
    assert [run.cancels for run in desk.engine.runs] == [1, 1]


async def test_a_body_that_is_too_large_on_a_real_connection(make_desk: Any) -> None:
    desk = make_desk(max_body_mb=0.01)
    with served(desk.app) as address:
        async with httpx.AsyncClient(base_url=address, headers=desk.headers) as client:
            response = await client.post(CHAT, json=chat_body(user="u" * 1_000_000))
            assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
            assert (await client.post(CHAT, json=chat_body())).status_code == 200


async def test_many_at_once_keep_apart(desk: Desk) -> None:
    for number in range(20):
        desk.engine.enqueue(0.001, *say(*str(number) * 3))
    responses = await asyncio.gather(*(desk.chat(stream=number % 2 == 0) for number in range(20)))
    assert all(response.status_code == 200 for response in responses)
    assert len({row.request for row in desk.rows()}) == 20
    counters = desk.engine.counters()
    assert sum(row.completion_tokens for row in desk.rows()) == counters.completion
    assert json.loads((await desk.client().get("/v1/usage")).text)["completion_tokens"] == counters.completion
