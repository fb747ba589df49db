"""The official Python client: against the shipped model where the answer matters, against scripts where the refusal does."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from api.desk import Desk
from clients.scripts import AWKWARD, HELLO, PLANES, Reluctant, call
from clients.scripts import MODEL as FAKE
from fakes import say
from journeys.server import MODEL, Served
from reckon.errors import EngineUnavailable, QueueFull
from reckon.ledger.db import Ledger
from reckon.ledger.usage import UsageRow, recent

SUM: Any = [{"role": "user", "content": "What is 37 + 58?"}]
LONG: Any = {
    "model": MODEL, "messages": [{"role": "user", "content": "What is 345 + 278?"}],
    "temperature": 1.3, "seed": 3, "max_tokens": 1500,
}  # fmt: skip


@pytest.fixture
def client(reckon: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{reckon.url}/v1/openai", api_key=reckon.key, max_retries=0) as client:
        yield client


def row_of(reckon: Served, completion: str) -> UsageRow | None:
    ledger = Ledger(f"sqlite:///{reckon.home / 'ledger.db'}")
    try:
        return next((row for row in ledger.run_now(recent) if row.request == completion), None)
    finally:
        ledger.close()


def outcome(reckon: Served, completion: str) -> UsageRow:
    """The row once it is closed: whoever leaves is not there when it is."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        row = row_of(reckon, completion)
        if row is not None and row.outcome != "open":
            return row
        time.sleep(0.02)
    raise AssertionError(f"{completion} was not settled")


def test_create_and_its_raw_response(client: openai.OpenAI, reckon: Served) -> None:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=SUM, temperature=0, seed=7)
    answer = raw.parse()
    assert "\\boxed{95}" in (answer.choices[0].message.content or "")
    assert raw.request_id is not None and raw.request_id == answer._request_id
    assert raw.headers["x-request-id"].removeprefix("req_") == answer.id.removeprefix("chatcmpl-")
    assert raw.headers["x-reckon-seed"] == "7"
    assert answer.usage is not None
    row = outcome(reckon, answer.id)
    assert (row.prompt_tokens, row.completion_tokens) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert (answer.usage.model_extra or {})["estimated_cost"] == row.cost_nano / 1e9


def test_a_stream_is_the_same_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=SUM, temperature=0)
    with client.chat.completions.create(model=MODEL, messages=SUM, temperature=0, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert whole.usage is not None and chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["usage in finish", "usage apart"])
def test_the_stream_helper(client: openai.OpenAI, options: dict[str, Any]) -> None:
    with client.chat.completions.stream(model=MODEL, messages=SUM, temperature=0, **options) as stream:
        events = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert events[-1] == "content.done" or "content.done" in events
    assert "\\boxed{95}" in (answer.choices[0].message.content or "")
    assert (answer.choices[0].finish_reason, answer.choices[0].message.role) == ("stop", "assistant")
    assert answer.usage is not None and answer.usage.completion_tokens > 0


async def test_many_asynchronously(reckon: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{reckon.url}/v1", api_key=reckon.key, max_retries=0) as client:

        async def whole(question: str) -> str:
            messages: Any = [{"role": "user", "content": question}]
            answer = await client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
            return answer.choices[0].message.content or ""

        async def streamed(question: str) -> str:
            messages: Any = [{"role": "user", "content": question}]
            async with client.chat.completions.stream(model=MODEL, messages=messages, temperature=0) as stream:
                return (await stream.get_final_completion()).choices[0].message.content or ""

        questions = ["What is 37 + 58?", "What is 21 + 34?", "What is 40 + 13?"]
        answers = await asyncio.gather(*map(whole, questions), *map(streamed, questions))
    assert answers[:3] == answers[3:]
    assert all(box in answer for box, answer in zip(["\\boxed{95}", "\\boxed{55}", "\\boxed{53}"], answers, strict=False))


def test_leaving_a_stream_aborts_it(client: openai.OpenAI, reckon: Served) -> None:
    stream = client.chat.completions.create(**LONG, stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()
    row = outcome(reckon, chunk.id)
    assert row.outcome == "abort"
    assert 0 < row.completion_tokens < LONG["max_tokens"]


async def test_cancelling_a_task_aborts_its_stream(reckon: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{reckon.url}/v1", api_key=reckon.key, max_retries=0) as client:
        ids: list[str] = []
        begun = asyncio.Event()

        async def read() -> None:
            async for chunk in await client.chat.completions.create(**LONG, stream=True):
                ids.append(chunk.id)
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await asyncio.to_thread(outcome, reckon, ids[0])).outcome == "abort"


def test_a_timeout_aborts_and_the_next_request_is_answered(make_desk: Any, listening: Callable[[Desk], str]) -> None:
    desk = make_desk()
    with openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=0) as client:
        client.chat.completions.create(model=FAKE, messages=HELLO)  # so that only the answer is slow, not the first connection
        desk.engine.enqueue(30.0, *say("late"))
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(model=FAKE, messages=HELLO, timeout=0.5)
        assert client.chat.completions.create(model=FAKE, messages=HELLO).choices[0].message.content == " Hi!"
    assert sorted(row.outcome for row in desk.rows()) == ["abort", "stop", "stop"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("refusal", [QueueFull("Full.", retry_after=1), EngineUnavailable("Away.", retry_after=1)])
def test_a_refusal_is_retried_after_the_time_that_it_names(
    make_desk: Any, listening: Callable[[Desk], str], refusal: Any, stream: bool
) -> None:
    engine = Reluctant(refusals=[refusal])
    desk = make_desk(engine)
    with openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=1) as client:
        begin = time.monotonic()
        answer: Any = client.chat.completions.create(model=FAKE, messages=HELLO, stream=stream)
        waited = time.monotonic() - begin
        text = (
            "".join(chunk.choices[0].delta.content or "" for chunk in answer) if stream else answer.choices[0].message.content
        )
    assert (text, engine.refused, len(desk.rows())) == (" Hi!", 1, 1)
    assert 0.9 < waited < 3


def test_retries_end(make_desk: Any, listening: Callable[[Desk], str]) -> None:
    engine = Reluctant(refusals=[EngineUnavailable("Away.", retry_after=1) for _ in range(3)])
    desk = make_desk(engine)
    with (
        openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=1) as client,
        pytest.raises(openai.InternalServerError) as away,
    ):
        client.chat.completions.create(model=FAKE, messages=HELLO)
    assert (away.value.status_code, engine.refused, desk.rows()) == (503, 2, [])


def test_what_is_wrong_is_not_retried(make_desk: Any, listening: Callable[[Desk], str]) -> None:
    desk = make_desk()
    with (
        openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=5) as client,
        pytest.raises(openai.BadRequestError) as long,
    ):
        client.chat.completions.create(model=FAKE, messages=[{"role": "user", "content": "word " * 200}])
    assert len(desk.engine.jobs) == 1
    assert (long.value.code, long.value.param) == ("context_length_exceeded", "messages")


@pytest.mark.parametrize(
    ("fields", "error", "code", "param"),
    [
        ({"model": "no/model"}, openai.NotFoundError, "model_not_found", "model"),
        ({"temperature": 2.1}, openai.UnprocessableEntityError, "invalid_value", "temperature"),
        ({"messages": []}, openai.UnprocessableEntityError, "invalid_value", "messages"),
        ({"extra_body": {"top_g": 1}}, openai.UnprocessableEntityError, "invalid_value", "top_g"),
        ({"messages": [{"role": "user", "content": "one two " * 20_000}]}, openai.BadRequestError, "context_length_exceeded",
         "messages"),
    ],
)  # fmt: skip
def test_errors_have_their_classes(client: openai.OpenAI, fields: Any, error: Any, code: str, param: str) -> None:
    with pytest.raises(error) as refused:
        client.chat.completions.create(**({"model": MODEL, "messages": HELLO} | fields))
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.request_id is not None and refused.value.request_id.startswith("req_")


def test_a_wrong_key(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="rk-wrong").chat.completions.create(model=MODEL, messages=HELLO)
    assert refused.value.status_code == 401
    assert "rk-wrong" not in str(refused.value)


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/model")


def test_a_tool_loop(make_desk: Any, listening: Callable[[Desk], str]) -> None:
    desk = make_desk()
    desk.engine.enqueue(*call("add", {"a": 20, "b": 31, "why": AWKWARD}))
    desk.engine.enqueue(*say("It is ", "51."))
    tools: Any = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    messages: Any = list(HELLO)
    with openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=0) as client:
        with client.chat.completions.stream(model=FAKE, messages=messages, tools=tools) as stream:
            done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
            message = stream.get_final_completion().choices[0].message
        assert [event.name for event in done] == ["add"]
        assert message.tool_calls is not None
        messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "51"}]
        answer = client.chat.completions.create(model=FAKE, messages=messages, tools=tools)
    assert answer.choices[0].message.content == "It is 51."
    sent = desk.engine.jobs[-1].messages
    assert sent[1].tool_calls[0].arguments == message.tool_calls[0].function.arguments
    assert sent[2].tool_call_id == "call_1"


@pytest.mark.parametrize("text", [PLANES, AWKWARD], ids=["planes", "awkward"])
def test_text_survives_there_and_back(make_desk: Any, listening: Callable[[Desk], str], text: str) -> None:
    desk = make_desk()
    messages: Any = [{"role": "user", "content": text}]
    with openai.OpenAI(base_url=listening(desk), api_key=desk.key, max_retries=0) as client:
        for stream in (False, True):
            desk.engine.enqueue(*say(*text))
            answer: Any = client.chat.completions.create(model=FAKE, messages=messages, stream=stream)
            chunks = [chunk.choices[0].delta.content or "" for chunk in answer] if stream else []
            assert ("".join(chunks) if stream else answer.choices[0].message.content) == text
            assert desk.engine.jobs[-1].messages[0].content == text
