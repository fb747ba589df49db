"""A closed loop of clients: each streams one completion after another. Knows HTTP and the clock, and no particular server."""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reckon.bench.versus.resident import Lost

WORD = re.compile(r"Ġ[a-z]{2,}")
"""A token that is a whole word with the space before it: so many of them make as many tokens."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """One answer: seconds to its first text and to its end, and its tokens."""

    first: float
    seconds: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every client asks for, ``times`` times."""

    clients: int
    times: int
    prompt: int
    tokens: int


def words_of(tokenizer: Path) -> list[str]:
    """What prompts are made of."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return [token.replace("Ġ", " ") for token in sorted(vocabulary) if WORD.fullmatch(token)]


async def crowd(
    url: str, headers: Mapping[str, str], model: str, wanted: Wanted, words: list[str], seed: int
) -> list[Streamed]:
    """All answers of all clients. Raises Lost for the first one that goes wrong."""
    limits = httpx.Limits(max_connections=wanted.clients)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=None, limits=limits, trust_env=False) as client:

        async def one(number: int) -> list[Streamed]:
            numbers = random.Random(seed * 1000 + number)
            prompts = ["".join(numbers.choices(words, k=wanted.prompt)) for _ in range(wanted.times)]
            return [await _stream(client, model, prompt, wanted.tokens) for prompt in prompts]

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(number)) for number in range(wanted.clients)]
        except ExceptionGroup as failed:
            raise Lost(_sentence(failed.exceptions[0])) from None
    return [streamed for task in tasks for streamed in task.result()]


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, Lost) else f"the request failed: {error!r}"


async def _stream(client: httpx.AsyncClient, model: str, prompt: str, tokens: int) -> Streamed:
    body = {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True}
    begin, first, reason = time.perf_counter(), 0.0, None
    async with client.stream("POST", "/v1/completions", json=body) as response:
        if response.status_code != 200:
            text = (await response.aread()).decode(errors="replace")
            raise Lost(f"it answered {response.status_code}: {text[:300]}")
        async for choice in _choices(response):
            first = first or (time.perf_counter() - begin if choice.get("text") else 0.0)
            reason = choice.get("finish_reason") or reason
    if reason != "length":
        raise Lost(f"an answer ended with {reason!r} and not at its {tokens} tokens")
    seconds = time.perf_counter() - begin
    return Streamed(first or seconds, seconds, tokens)


async def _choices(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Of each event of a stream, its only choice."""
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data and data != "[DONE]":
            event = json.loads(data)
            if "error" in event:
                raise Lost(f"a stream broke off: {event['error']}")
            if event.get("choices"):
                yield event["choices"][0]
