"""LangChain's ChatOpenAI and the command line ``llm``, pointed at reckon as their users would. Extra: clients."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import reduce
from operator import add as plus
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.desk import Desk
from clients.scripts import MODEL as FAKE
from clients.scripts import call
from fakes import say
from journeys.server import MODEL, Served
from tools import need_module

SUM = "What is 37 + 58?"


@pytest.fixture
def chat_openai() -> Any:
    return need_module("langchain_openai", "clients").ChatOpenAI


def test_langchain_invokes_and_streams(chat_openai: Any, reckon: Served) -> None:
    model = chat_openai(model=MODEL, base_url=f"{reckon.url}/v1/openai", api_key=reckon.key, temperature=0)
    whole = model.invoke(SUM)
    assert "\\boxed{95}" in whole.content
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.usage_metadata["total_tokens"] == whole.usage_metadata["input_tokens"] + whole.usage_metadata["output_tokens"]
    streamed = list(model.stream(SUM, stream_usage=True))
    assert "".join(chunk.content for chunk in streamed) == whole.content
    assert (
        sum((chunk.usage_metadata or {}).get("output_tokens", 0) for chunk in streamed) == whole.usage_metadata["output_tokens"]
    )


async def test_langchain_batches_asynchronously(chat_openai: Any, reckon: Served) -> None:
    async with httpx.AsyncClient() as http:
        model = chat_openai(model=MODEL, base_url=f"{reckon.url}/v1", api_key=reckon.key, temperature=0, http_async_client=http)
        first, second = await model.abatch([SUM, [("user", "What is 21 + 34?")]])
    assert "\\boxed{95}" in first.content
    assert "\\boxed{55}" in second.content


@pytest.mark.parametrize("streamed", [False, True])
def test_langchain_calls_tools(chat_openai: Any, make_desk: Any, listening: Callable[[Desk], str], streamed: bool) -> None:
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    desk = make_desk()
    desk.engine.enqueue(*call("add", {"a": 20, "b": 31}))
    desk.engine.enqueue(*say("It is ", "51."))
    model = chat_openai(model=FAKE, base_url=listening(desk), api_key=desk.key).bind_tools([add])
    asked = [("user", "What is 20 + 31?")]
    made = reduce(plus, model.stream(asked)) if streamed else model.invoke(asked)
    assert [(each["name"], each["args"], each["id"]) for each in made.tool_calls] == [("add", {"a": 20, "b": 31}, "call_1")]
    result = {"role": "tool", "tool_call_id": made.tool_calls[0]["id"], "content": str(add(**made.tool_calls[0]["args"]))}
    assert model.invoke([*asked, made, result]).content == "It is 51."
    assert [message.role for message in desk.engine.jobs[-1].messages] == ["user", "assistant", "tool"]


@pytest.fixture
def llm(tmp_path: Path, reckon: Served) -> Callable[..., Any]:
    """Runs ``llm`` in a home of its own that knows the server."""
    need_module("llm", "clients")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: abacus\n  model_name: {MODEL}\n  api_base: {reckon.url}/v1/openai\n  api_key_name: reckon\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"reckon": reckon.key}))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LLM_USER_PATH": str(tmp_path)}
        command = [sys.executable, "-m", "llm", *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_llm(llm: Callable[..., Any]) -> None:
    options = ("-o", "temperature", "0")
    streamed = llm("prompt", "-m", "abacus", *options, "--usage", SUM)
    assert "\\boxed{95}" in streamed.stdout
    assert re.search(r"Token usage: \d+ input, \d+ output", streamed.stderr)
    assert "\\boxed{55}" in llm("prompt", "--continue", "--no-stream", *options, "What is 21 + 34?").stdout
