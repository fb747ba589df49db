"""What happens when things die: the worker, the client, the server; and how it starts and ends."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from journeys.server import MODEL, Served, serve
from reckon.ledger.db import Ledger
from reckon.ledger.usage import recent

LONG = {"model": MODEL, "seed": 3, "temperature": 1.3, "max_tokens": 1500, "stream": True,
        "messages": [{"role": "user", "content": "What is 345 + 278?"}]}  # fmt: skip
SHORT = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": "What is 20 + 31?"}]}


@pytest.fixture
def own(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A server that may be harmed."""
    with serve(tmp_path / "home") as served:
        yield served


async def text_of(client: httpx.AsyncClient, on_first: object = None) -> str:
    text = ""
    async with client.stream("POST", "/v1/chat/completions", json=LONG) as response:
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            assert "error" not in chunk, chunk
            for choice in chunk["choices"]:
                text += choice["delta"].get("content", "")
            if text and callable(on_first):
                on_first()
                on_first = None
    return text


async def test_a_killed_worker_comes_back_and_the_stream_goes_on(own: Served) -> None:
    async with httpx.AsyncClient(base_url=own.url, headers=own.headers, timeout=60) as client:
        undisturbed = await text_of(client)
        pid = own.worker_pid
        assert pid is not None
        assert await text_of(client, lambda: os.kill(pid, signal.SIGKILL)) == undisturbed
        assert own.worker_pid != pid
        assert own.process.poll() is None
        answer = await client.post("/v1/chat/completions", json=SHORT)
        assert "\\boxed{51}" in answer.json()["choices"][0]["message"]["content"]
        health = (await client.get("/health")).json()
        assert (health["status"], health["models"][MODEL]["restarts"]) == ("ok", 1)


async def test_a_client_that_leaves_stops_the_work_and_is_charged_for_what_was_made(own: Served) -> None:
    async with httpx.AsyncClient(base_url=own.url, headers=own.headers, timeout=60) as client:
        async with client.stream("POST", "/v1/chat/completions", json=LONG) as response:
            async for line in response.aiter_lines():
                if '"content":"' in line and '"content":""' not in line:
                    break
        for _ in range(200):
            health = (await client.get("/health")).json()["models"][MODEL]
            if health["running"] == 0:
                break
            await asyncio.sleep(0.02)
        assert health["running"] == 0
    await asyncio.sleep(0.2)
    ledger = Ledger(f"sqlite:///{own.home / 'ledger.db'}")
    (row,) = ledger.run_now(recent)
    ledger.close()
    assert row.outcome == "abort"
    assert 0 < row.completion_tokens < 1500
    assert row.cost_nano == row.prompt_tokens * 10 + row.completion_tokens * 20


async def test_ctrl_c_lets_the_running_answer_finish(own: Served) -> None:
    async with httpx.AsyncClient(base_url=own.url, headers=own.headers, timeout=60) as client:
        undisturbed = await text_of(client)
        assert await text_of(client, lambda: os.killpg(own.process.pid, signal.SIGINT)) == undisturbed
    assert own.process.wait(30) == 0
    assert "Stopped; every answer that was running is settled." in own.output
    assert "Traceback" not in own.output


def test_a_killed_server_leaves_no_worker_and_starts_again_with_the_same_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serve(home) as first:
        worker = first.worker_pid
        with httpx.stream("POST", f"{first.url}/v1/chat/completions", json=LONG, headers=first.headers) as response:
            next(response.iter_bytes())
            first.process.kill()
            first.process.wait(10)
    end = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
    with serve(home) as second:
        assert second.key == ""
        assert first.key not in second.output
        answer = httpx.post(f"{second.url}/v1/chat/completions", json=SHORT, headers=first.headers, timeout=60)
        assert "\\boxed{51}" in answer.json()["choices"][0]["message"]["content"]
        ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
        outcomes = [row.outcome for row in ledger.run_now(recent)]
        ledger.close()
        assert outcomes == ["stop", "lost"]


def test_what_start_prints_comes_in_order(served: Served) -> None:
    places = [
        served.output.index(text) for text in ("loading the weights of reckon/abacus", "Listening on", served.key, "curl")
    ]
    assert places == sorted(places)
    assert "api.deepinfra.com" not in served.output


def test_the_administrators_token_needs_no_stored_key(tmp_path: Path) -> None:
    with serve(tmp_path / "home", environment={"RECKON_TOKEN": "secret-of-the-house"}) as served:
        assert served.key == ""
        assert "secret-of-the-house" not in served.output
        headers = {"authorization": "bearer secret-of-the-house"}
        assert httpx.post(f"{served.url}/v1/chat/completions", json=SHORT, headers=headers, timeout=60).status_code == 200
        worker = Path(f"/proc/{served.worker_pid}/environ").read_bytes()
        assert b"secret-of-the-house" not in worker
