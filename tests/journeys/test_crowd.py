"""64 answers at once are, byte for byte, the 64 answers given alone; what they cost adds up; nothing is left behind."""

import asyncio
import json
from typing import Any

import httpx

from journeys.server import MODEL, Served, serve
from reckon.ledger.db import Ledger
from reckon.ledger.usage import totals

CROWD = 64


def request(number: int) -> dict[str, Any]:
    """Different lengths, samplings and stop strings."""
    questions = [f"What is {number + 10} + {3 * number % 90}?", "Hello!", f"Tell me about the year {1900 + number}, please."]
    settings: list[dict[str, Any]] = [
        {"temperature": 0},
        {"temperature": 1},
        {"temperature": 0.8, "top_p": 0.9, "top_k": 20},
        {"temperature": 1.5, "min_p": 0.05, "stop": ["\n", "abacus"]},
        {"temperature": 1, "presence_penalty": 1, "frequency_penalty": 0.5, "stop": "carry"},
        {"temperature": 1, "repetition_penalty": 1.2, "n": 2},
    ]
    return {
        "model": MODEL,
        "seed": number,
        "max_tokens": 20 + 5 * (number % 30),
        "messages": [{"role": "user", "content": questions[number % 3]}],
        **settings[number % len(settings)],
    }


async def stream(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[list[str], list[str], dict[str, Any]]:
    """The text and finish reason of each choice, and the usage."""
    n = body.get("n", 1)
    texts, reasons, usage = [""] * n, [""] * n, {}
    async with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as response:
        assert response.status_code == 200, await response.aread()
        lines = [line async for line in response.aiter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    for line in lines[:-1]:
        chunk = json.loads(line.removeprefix("data: "))
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
            reasons[choice["index"]] = choice["finish_reason"] or reasons[choice["index"]]
        usage = chunk.get("usage") or usage
    return texts, reasons, usage


async def metrics(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


async def test_a_crowd_gets_what_each_gets_alone(tmp_path_factory: Any) -> None:
    with serve(tmp_path_factory.mktemp("crowd")) as served:
        async with httpx.AsyncClient(base_url=served.url, headers=served.headers, timeout=120) as client:
            requests = [request(number) for number in range(CROWD)]
            alone = [await stream(client, body) for body in requests]
            together = await asyncio.gather(*(stream(client, body) for body in requests))
            for body, one, crowd in zip(requests, alone, together, strict=True):
                assert crowd[:2] == one[:2], body
                assert crowd[2]["completion_tokens"] == one[2]["completion_tokens"], body
            assert len({tuple(texts) for texts, _, _ in alone}) > CROWD / 2
            answers = [*alone, *together]
            await _counters_agree(client, served, [usage for _, _, usage in answers])
        assert served.stop() == 0


async def _counters_agree(client: httpx.AsyncClient, served: Served, usages: list[dict[str, Any]]) -> None:
    """The answers, the ledger and the engine counted the same tokens, and no KV block is held."""
    ledger = Ledger(f"sqlite:///{served.home / 'ledger.db'}")
    total = ledger.run_now(totals)
    ledger.close()
    sums = {name: sum(usage[f"{name}_tokens"] for usage in usages) for name in ("prompt", "completion")}
    assert (total.prompt_tokens, total.completion_tokens) == (sums["prompt"], sums["completion"])
    assert abs(total.cost_nano / 1e9 - sum(usage["estimated_cost"] for usage in usages)) < 1e-12
    for _ in range(100):
        counted = await metrics(client)
        kinds = {kind: counted.get(f'reckon_engine_tokens{{kind="{kind}",model="{MODEL}"}}') for kind in sums}
        if kinds == sums and counted[f'reckon_kv_blocks_held{{model="{MODEL}"}}'] == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the engine counted {kinds}, the answers {sums}")
