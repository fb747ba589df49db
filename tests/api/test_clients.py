"""The official clients against a real server: what they make of our answers is what compatible means."""

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from api.desk import Desk, served
from fakes import say
from reckon.errors import EngineFailed, QueueFull
from reckon.job import CallDelta, Finish, Usage

HELLO: Any = [{"role": "user", "content": "Hello!"}]
MODEL = "fake/model"
TOOLS: Any = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
CALL = (CallDelta(0, 0, '{"a"', "call_1", "add"), CallDelta(0, 0, ":1}"), Finish(0, "tool_calls", Usage()))


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    with served(desk.app) as address:
        yield address + "/v1/openai"


@pytest.fixture
def client(desk: Desk, address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=desk.key, base_url=address, max_retries=0) as client:
        yield client


def test_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content == " Hi!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.total_tokens == 3
    assert answer.usage.model_extra == {"estimated_cost": 480 / 1e9}
    assert answer._request_id is not None and answer._request_id.startswith("req_")


def test_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == " Hi!"
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 2


def test_the_accumulating_helper(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.stream(model=MODEL, messages=HELLO, stream_options=options) as stream:
        answer = stream.get_final_completion()
    assert (answer.choices[0].message.role, answer.choices[0].message.content) == ("assistant", " Hi!")
    assert answer.usage is not None and answer.usage.total_tokens == 3


def test_tools_there_and_back(client: openai.OpenAI, desk: Desk) -> None:
    desk.engine.enqueue(*CALL)
    message = client.chat.completions.create(model=MODEL, messages=HELLO, tools=TOOLS).choices[0].message
    assert message.tool_calls is not None and message.content is None
    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "2"}
    answer = client.chat.completions.create(model=MODEL, messages=[*HELLO, message, result], tools=TOOLS)
    assert answer.choices[0].message.content == " Hi!"
    assert desk.engine.jobs[-1].messages[1].tool_calls[0].arguments == '{"a":1}'


def test_tools_streamed(client: openai.OpenAI, desk: Desk) -> None:
    desk.engine.enqueue(*CALL)
    with client.chat.completions.stream(model=MODEL, messages=HELLO, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert (call.id, call.type, call.function.name, call.function.arguments) == ("call_1", "function", "add", '{"a":1}')


def test_an_accumulated_message_can_be_sent_back(client: openai.OpenAI, desk: Desk) -> None:
    with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        message: Any = stream.get_final_completion().choices[0].message
    client.chat.completions.create(model=MODEL, messages=[*HELLO, message, *HELLO])
    assert desk.engine.jobs[-1].messages[1].content == " Hi!"
    desk.engine.enqueue(*CALL)
    with client.chat.completions.stream(model=MODEL, messages=HELLO, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    result: Any = {"role": "tool", "tool_call_id": "call_1", "content": "2"}
    client.chat.completions.create(model=MODEL, messages=[*HELLO, message, result], tools=TOOLS)
    assert desk.engine.jobs[-1].messages[1].tool_calls[0].arguments == '{"a":1}'


def test_errors_are_the_clients_own(client: openai.OpenAI, desk: Desk) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as invalid:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature=3)
    assert (invalid.value.param, invalid.value.code) == ("temperature", "invalid_value")
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="no/model", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="rk-wrong").models.list()
    desk.engine.refusal = QueueFull("Full.", retry_after=3)
    with pytest.raises(openai.RateLimitError) as full:
        client.chat.completions.create(model=MODEL, messages=HELLO)
    assert full.value.response.headers["retry-after"] == "3"


def test_a_broken_stream_raises(client: openai.OpenAI, desk: Desk) -> None:
    desk.engine.enqueue(*say("a")[:-1], EngineFailed("lost"))
    with pytest.raises(openai.APIError, match="lost"):
        list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "fake"


async def test_asynchronously(desk: Desk, address: str) -> None:
    async with openai.AsyncOpenAI(api_key=desk.key, base_url=address, max_retries=0) as client:

        async def streamed() -> str:
            stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, n=2)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        answer, text = await asyncio.gather(client.chat.completions.create(model=MODEL, messages=HELLO), streamed())
    assert answer.choices[0].message.content == " Hi!"
    assert text == " Hi! Hi!"
