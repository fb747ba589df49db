"""The promise, over HTTP: the same requests have the same bytes alone, in a crowd, with a warm cache, on a server of any flags.

Each of WAYS is one more start of a server, which is the restart too. What one recorded is replayed on the first.
"""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeys.server import MODEL, Served, serve
from reckon.replay.answer import promised, whole

WAYS: dict[str, list[str]] = {
    "one thread and small steps": ["--threads", "1", "--step-tokens", "16"],
    "little memory": ["--kv-memory-gb", "0.0053"],
}
"""Flags that change how an answer is computed and must not change what it says: another one is another line. ``served`` has two
threads and the defaults."""
REPLAYED = "one thread and small steps"
OTHERS = 64
LONG = "You are careful with numbers. " * 12
"""More than two KV blocks, so that there is something to find in the prefix cache."""
ADD = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


CHAT, TEXT, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/messages"
SUM = said("What is 47 + 86?")
PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "greedy": (CHAT, {"messages": SUM, "temperature": 0, "max_tokens": 90, "logprobs": True, "top_logprobs": 3}),
    "streamed": (CHAT, {"messages": SUM, "temperature": 0, "max_tokens": 90, "logprobs": True, "stream": True}),
    "seeded": (CHAT, {"messages": [{"role": "system", "content": LONG}, *SUM], "seed": 2**63 - 1, "max_tokens": 90}),
    "wild": (CHAT, {"messages": said("Tell me a story."), "seed": 3, "temperature": 1.8, "min_p": 0.02, "max_tokens": 60,
                    "n": 3, "stream": True, "logprobs": True}),
    "penalised": (CHAT, {"messages": said("Count to 30."), "seed": 4, "presence_penalty": 0.4, "frequency_penalty": 0.3,
                         "repetition_penalty": 1.1, "logit_bias": {"40": 2}, "top_k": 40, "top_p": 0.95, "max_tokens": 60}),
    "stopped": (CHAT, {"messages": SUM, "seed": 5, "stop": ["So", "Lined"], "logprobs": True}),
    "json": (CHAT, {"messages": SUM, "seed": 6, "response_format": {"type": "json_object"}, "max_tokens": 80}),
    "call": (CHAT, {"messages": SUM, "seed": 7, "tool_choice": "required", "max_tokens": 120,
                    "tools": [{"type": "function", "function": {"name": "add", "parameters": ADD}}]}),
    "text": (TEXT, {"prompt": LONG + "1+1=", "seed": 8, "max_tokens": 60, "logprobs": 4}),
    "message": (MESSAGES, {"messages": SUM, "seed": 9, "max_tokens": 90, "stream": True}),
}  # fmt: skip

Told = tuple[dict[str, Any], str]
"""What is promised of an answer, and the fingerprint that promises it."""


async def ask(client: httpx.AsyncClient, name: str) -> Told:
    path, body = PROBES[name]
    response = await client.post(path, json={"model": MODEL, **body})
    assert response.status_code == 200, response.text
    answer = whole(response.text if body.get("stream") else response.json())
    return promised(answer), response.headers["x-reckon-fingerprint"]


async def alone(client: httpx.AsyncClient) -> dict[str, Told]:
    return {name: await ask(client, name) for name in PROBES}


async def crowded(client: httpx.AsyncClient) -> dict[str, Told]:
    """The probes at once among others, whose answers are told too. They are long enough to want a second KV block."""

    async def other(number: int) -> Told:
        body = {"messages": said(f"What is {number} + {3 * number}?"), "seed": number, "temperature": 1.5, "ignore_eos": True}
        response = await client.post(CHAT, json={"model": MODEL, "max_tokens": 50 + number % 16, **body})
        return promised(whole(response.json())), response.headers["x-reckon-fingerprint"]

    others = [asyncio.create_task(other(number)) for number in range(OTHERS)]
    told = await asyncio.gather(*(ask(client, name) for name in PROBES))
    names = [*PROBES, *(f"other {number}" for number in range(OTHERS))]
    return dict(zip(names, [*told, *await asyncio.gather(*others)], strict=True))


def client_of(served: Served) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=200)
    return httpx.AsyncClient(base_url=served.url, headers=served.headers, timeout=120, limits=limits)


async def preemptions(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith("reckon_engine_preemptions{"))


@pytest.fixture(scope="module")
def first(served: Served) -> dict[str, Told]:
    """Each probe's answer alone, with nothing of its prompt in the cache."""
    return asyncio.run(with_client(served, alone))


@pytest.fixture(scope="module")
def crowd(served: Served, first: dict[str, Told]) -> dict[str, Told]:
    """All answers in a crowd, after ``first``."""
    return asyncio.run(with_client(served, crowded))


async def with_client(served: Served, ask_all: Callable[[httpx.AsyncClient], Awaitable[dict[str, Told]]]) -> dict[str, Told]:
    async with client_of(served) as client:
        return await ask_all(client)


def test_the_probes_say_something(first: dict[str, Told]) -> None:
    trees = {name: tree for name, (tree, _) in first.items()}
    assert len({str(tree) for tree in trees.values()}) == len(PROBES)
    assert len({fingerprint for _, fingerprint in first.values()}) == 1
    assert trees["call"]["choices"][0]["message"]["tool_calls"][0]["id"].startswith("call_")
    assert trees["stopped"]["choices"][0]["finish_reason"] == "stop"
    assert len(trees["greedy"]["choices"][0]["logprobs"]["content"]) > 50
    assert len({choice["delta"]["content"] for choice in trees["wild"]["choices"]}) == 3


async def test_with_a_warm_cache(served: Served, first: dict[str, Told]) -> None:
    async with client_of(served) as client:
        path, body = PROBES["seeded"]
        usage = (await client.post(path, json={"model": MODEL, **body})).json()["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] >= 64
        assert await alone(client) == first


def test_among_64_others(first: dict[str, Told], crowd: dict[str, Told]) -> None:
    assert {name: crowd[name] for name in first} == first
    assert len({str(tree) for tree, _ in crowd.values()}) == len(PROBES) + OTHERS


@pytest.mark.parametrize("way", WAYS)
async def test_by_another_server(
    served: Served, first: dict[str, Told], crowd: dict[str, Told], way: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    with serve(tmp_path / "home", *WAYS[way], "--record", str(kept)) as other:
        async with client_of(other) as client:
            assert await alone(client) == first
            drawn = {"model": MODEL, "messages": SUM, "temperature": 1.3, "max_tokens": 60}
            assert (await client.post(CHAT, json=drawn)).status_code == 200
            recorded = await files(kept, len(PROBES) + 1)
            assert await crowded(client) == crowd
            assert (await preemptions(client) > 5) == (way == "little memory")
        assert str(kept) in other.output
    if way == REPLAYED:
        replay(served, recorded)


async def files(directory: Path, count: int) -> list[str]:
    """So many recordings: the last is written when its answer is out already."""
    async with asyncio.timeout(10):
        while len(found := sorted(map(str, directory.iterdir()))) < count:
            await asyncio.sleep(0.01)
    assert len(found) == count
    return found


def replay(served: Served, recorded: list[str]) -> None:
    """What one server answered, on another."""
    command = [sys.executable, "-m", "reckon", "replay", "--url", served.url, "--key", served.key, *recorded]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"{len(recorded)} equal"), done
