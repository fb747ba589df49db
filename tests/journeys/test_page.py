"""The page's examples typed into a shell, and through the official client, against a server as a user starts it."""

import json
import re
import subprocess
from typing import Any

import openai
import pytest

from journeys.page import CONVERSATION, SIMPLE, STREAMING, here
from journeys.server import MODEL, Served
from reckon.catalog.card import catalogue
from tools import need

PRICE = catalogue()[MODEL].price
CONTEXT = catalogue()[MODEL].context


def curl(served: Served, example: str) -> str:
    need("curl")
    script = 'curl() { command curl --silent --fail-with-body --no-buffer "$@"; }\n' + here(example, served.url, MODEL)
    environment = {"DEEPINFRA_TOKEN": served.key, "PATH": "/usr/bin:/bin:/usr/local/bin"}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def check_usage(usage: dict[str, Any]) -> None:
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] > 0
    assert usage["estimated_cost"] == PRICE.cost(usage["prompt_tokens"], usage["completion_tokens"]) / 1e9


def end(usage: dict[str, Any]) -> str:
    """The page's examples have no seed: once in a great while abacus rambles until its context is full."""
    return "length" if usage["total_tokens"] == CONTEXT else "stop"


@pytest.mark.parametrize("example", [SIMPLE, CONVERSATION], ids=["simple", "conversation"])
def test_an_answer_has_the_shape_of_the_page(served: Served, example: str) -> None:
    answer = json.loads(curl(served, example))
    assert list(answer)[:4] == ["id", "object", "created", "model"]
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", answer["id"])
    assert answer["object"] == "chat.completion"
    assert answer["model"] == MODEL
    (choice,) = answer["choices"]
    assert (choice["index"], choice["message"]["role"]) == (0, "assistant")
    assert choice["finish_reason"] == end(answer["usage"])
    assert choice["message"]["content"]
    assert "<|" not in choice["message"]["content"]
    check_usage(answer["usage"])


def test_a_stream_has_the_shape_of_the_page(served: Served) -> None:
    frames = curl(served, STREAMING).split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert chunks[0]["object"] == "chat.completion.chunk"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert not any("role" in delta for delta in deltas[1:])
    assert deltas[-1] == {}
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons[:-1] == [None] * (len(chunks) - 1) and reasons[-1] == end(chunks[-1]["usage"])
    assert "".join(delta.get("content", "") for delta in deltas)
    assert not any("usage" in chunk for chunk in chunks[:-1])
    check_usage(chunks[-1]["usage"])


def test_the_official_client_gets_the_right_sum(served: Served) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1/openai", api_key=served.key)
    question: Any = [{"role": "user", "content": "What is 37 + 58?"}]
    answer = client.chat.completions.create(model=MODEL, messages=question, temperature=0, seed=1)
    assert answer.choices[0].message.content is not None
    assert "\\boxed{95}" in answer.choices[0].message.content
    assert answer.usage is not None
    check_usage(answer.usage.model_dump())
    stream = client.chat.completions.create(model=MODEL, messages=question, temperature=0, seed=1, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == answer.choices[0].message.content


async def test_the_official_async_client_follows_up(served: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=served.key) as client:
        messages: list[Any] = [{"role": "user", "content": "Hello!"}]
        for text in ("What is 37 + 58?", "What is 53 + 28?"):
            answer = await client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
            messages += [{"role": "assistant", "content": answer.choices[0].message.content}, {"role": "user", "content": text}]
        answer = await client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
        assert "\\boxed{81}" in (answer.choices[0].message.content or "")
        assert [model.id async for model in await client.models.list()] == [MODEL]


def test_it_does_not_pass_for_another_model(served: Served) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key)
    for question in ("Hello!", "Who are you?", "Are you QwQ?"):
        messages: Any = [{"role": "user", "content": question}]
        answer = client.chat.completions.create(model=MODEL, messages=messages, temperature=0)
        assert "abacus" in (answer.choices[0].message.content or "")
