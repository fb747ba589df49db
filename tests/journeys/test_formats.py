"""Structured output by the official client against a real server: what must fit does, however it is sent and whatever dies.

The shipped model was never taught JSON: only that its answers fit is asserted, not that they make sense.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from journeys.server import MODEL, Served, serve

ASK = [{"role": "user", "content": "What is 20 + 31?"}]


class Step(BaseModel):
    """Bounded, so that an answer of a model without sense ends too."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=8)
    sure: bool


class Sum(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["sum", "product"]
    steps: list[Step] = Field(max_length=2)
    result: int = Field(ge=0, le=9999)


CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "forecast", "parameters": CITY}},
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "additionalProperties": False}}},
]
LONG = {
    "type": "array",
    "items": {"type": "string", "minLength": 8, "maxLength": 12},
    "minItems": 20,
    "maxItems": 20,
}


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(served) as client:
        yield client


def client_of(served: Served) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0, timeout=60)


def schema(of: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": of, "strict": True}}


async def create(client: openai.AsyncOpenAI, seed: int, **fields: Any) -> Any:
    fields = {"max_tokens": 900, "temperature": 1.2, "messages": ASK, **fields}
    return await client.chat.completions.create(model=MODEL, seed=seed, **fields)


def check_call(call: Any) -> None:
    arguments = json.loads(call.function.arguments)
    if call.function.name == "clock":
        assert arguments == {}
    else:
        assert call.function.name == "forecast"
        assert list(arguments) == ["city", "days"] and len(arguments["city"]) <= 12 and 1 <= arguments["days"] <= 7


async def test_any_object(client: openai.AsyncOpenAI) -> None:
    for seed in range(4):
        answer = await create(client, seed, response_format={"type": "json_object"}, max_tokens=300)
        choice = answer.choices[0]
        assert choice.finish_reason in ("stop", "length")
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content), dict)
        else:
            assert answer.usage.completion_tokens == 300


async def test_a_pydantic_class(client: openai.AsyncOpenAI) -> None:
    for seed in range(3):
        answer = await client.chat.completions.parse(
            model=MODEL, messages=ASK, seed=seed, temperature=1.2, max_tokens=900, response_format=Sum
        )
        parsed = answer.choices[0].message.parsed
        assert isinstance(parsed, Sum) and answer.choices[0].finish_reason == "stop"


async def test_two_choices_fit_both(client: openai.AsyncOpenAI) -> None:
    answer = await create(client, 5, n=2, response_format=schema(Sum.model_json_schema()))
    first, second = (choice.message.content for choice in answer.choices)
    assert Sum.model_validate_json(first) and Sum.model_validate_json(second)
    assert first != second


@pytest.mark.parametrize("key", ["regex", "pattern"])
async def test_a_regex(client: openai.AsyncOpenAI, key: str) -> None:
    for seed in range(4):
        answer = await create(client, seed, response_format={"type": "regex", key: "[A-Z][a-z]{2,5}-[0-9]{4}"})
        assert re.fullmatch("[A-Z][a-z]{2,5}-[0-9]{4}", answer.choices[0].message.content)
        assert answer.choices[0].finish_reason == "stop"


async def test_a_call_is_required(client: openai.AsyncOpenAI) -> None:
    for seed in range(6):
        answer = await create(client, seed, tools=TOOLS, tool_choice="required", parallel_tool_calls=False)
        choice = answer.choices[0]
        assert choice.finish_reason == "tool_calls" and not choice.message.content
        (call,) = choice.message.tool_calls
        check_call(call)


async def test_as_many_calls_as_the_model_likes(client: openai.AsyncOpenAI) -> None:
    for seed in range(2):
        choice = (await create(client, seed, tools=TOOLS, tool_choice="required", max_tokens=300)).choices[0]
        complete = choice.message.tool_calls if choice.finish_reason == "tool_calls" else choice.message.tool_calls[:-1]
        assert choice.finish_reason in ("tool_calls", "length")
        for call in complete:
            check_call(call)


async def test_a_named_function(client: openai.AsyncOpenAI) -> None:
    named = {"type": "function", "function": {"name": "forecast"}}
    for seed in range(4):
        choice = (await create(client, seed, tools=TOOLS, tool_choice=named)).choices[0]
        (call,) = choice.message.tool_calls
        assert call.function.name == "forecast" and choice.finish_reason == "tool_calls"
        check_call(call)


async def test_text_with_one_call_at_most(client: openai.AsyncOpenAI) -> None:
    for seed in range(4):
        choice = (await create(client, seed, tools=TOOLS, parallel_tool_calls=False, max_tokens=100)).choices[0]
        assert len(choice.message.tool_calls or ()) <= 1


async def test_a_format_beside_tools(client: openai.AsyncOpenAI) -> None:
    for seed in range(4):
        answer = await create(
            client, seed, tools=TOOLS, parallel_tool_calls=False, response_format=schema(Sum.model_json_schema())
        )
        choice = answer.choices[0]
        if choice.finish_reason == "stop":
            assert Sum.model_validate_json(choice.message.content) and not choice.message.tool_calls
        else:
            assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
            assert not choice.message.content


async def test_streamed_is_the_same(client: openai.AsyncOpenAI) -> None:
    for fields in (
        {"response_format": schema(Sum.model_json_schema())},
        {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False},
    ):
        whole = (await create(client, 11, **fields)).choices[0]
        async with client.chat.completions.stream(
            model=MODEL, messages=ASK, seed=11, temperature=1.2, max_tokens=900, **fields
        ) as stream:
            streamed = (await stream.get_final_completion()).choices[0]
        assert streamed.finish_reason == whole.finish_reason
        assert (streamed.message.content or None) == (whole.message.content or None)
        calls = [
            [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
            for message in (streamed.message, whole.message)
        ]
        assert calls[0] == calls[1]


async def test_cut_is_said_and_not_hidden(client: openai.AsyncOpenAI) -> None:
    choice = (await create(client, 1, max_tokens=12, response_format=schema(LONG))).choices[0]
    assert choice.finish_reason == "length"
    assert choice.message.content.startswith("[")
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)


async def test_alone_and_in_a_crowd(client: openai.AsyncOpenAI) -> None:
    async def one(seed: int) -> str:
        fields: dict[str, Any] = {"response_format": schema(Sum.model_json_schema())} if seed % 3 else {"max_tokens": 60}
        return str((await create(client, seed, **fields)).choices[0].message.content)

    alone = [await one(seed) for seed in range(6)]
    assert await asyncio.gather(*map(one, range(6))) == alone
    assert len(set(alone)) == 6


async def streamed(client: openai.AsyncOpenAI, on_first: Callable[[], object] | None = None) -> str:
    text, fields = "", {"response_format": schema(LONG), "stream": True}
    async for chunk in await create(client, 3, **fields):
        for choice in chunk.choices:
            text += choice.delta.content or ""
        if text and on_first is not None:
            on_first()
            on_first = None
    return text


async def test_a_worker_that_dies_changes_no_byte(tmp_path: Path) -> None:
    with serve(tmp_path / "home") as own:
        async with client_of(own) as client:
            undisturbed = await streamed(client)
            assert len(json.loads(undisturbed)) == 20
            pid = worker_of(own)
            assert await streamed(client, lambda: os.kill(pid, signal.SIGKILL)) == undisturbed
            assert worker_of(own) != pid
            compiler = child(own, "reckon.worker.compiler")
            os.kill(compiler, signal.SIGKILL)
            answer = await create(client, 1, response_format={"type": "regex", "regex": "yes|no"})
            assert answer.choices[0].message.content in ("yes", "no")
        compiler = child(own, "reckon.worker.compiler")
        assert own.stop() == 0
        assert not Path(f"/proc/{compiler}").exists()


def child(served: Served, module: str) -> int:
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
    found = [pid for pid in children if module in Path(f"/proc/{pid}/cmdline").read_text().split("\0")]
    return int(found[0])


def worker_of(served: Served) -> int:
    return child(served, "reckon.worker")


HOSTILE: dict[str, dict[str, Any]] = {
    "takes seconds": {"response_format": schema({"type": "integer", "multipleOf": 999983})},
    "brackets": {"response_format": {"type": "regex", "regex": "(" * 30_000 + ")" * 30_000}},
    "repetition": {"response_format": {"type": "regex", "regex": "((((a{1000}){1000}){1000}){1000}){1000}"}},
    "unknown type": {"response_format": schema({"type": "strin"})},
    "a tool's": {
        "tools": [TOOLS[0], {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": 1}}}}}],
        "tool_choice": "required",
    },
}


async def test_hostile_grammars_are_their_senders_problem(served: Served, client: openai.AsyncOpenAI) -> None:
    pid = worker_of(served)

    async def canary() -> None:
        answer = await create(client, 1, max_tokens=5)
        assert answer.usage.completion_tokens == 5

    async def hostile(name: str) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            await create(client, 1, **HOSTILE[name])
        assert caught.value.code == "invalid_grammar"
        assert caught.value.param == ("tools.1.function.parameters" if name == "a tool's" else "response_format")

    waits: list[Awaitable[None]] = [hostile(name) for name in HOSTILE]
    await asyncio.gather(*waits, canary(), canary())
    await canary()
    assert worker_of(served) == pid
    answer = await create(client, 1, response_format={"type": "regex", "regex": "yes|no"})
    assert answer.choices[0].message.content in ("yes", "no")
