"""The official Node client, pinned in node/package.json and installed there once."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.desk import Desk
from clients.scripts import AWKWARD, PLANES, Reluctant, call
from clients.scripts import MODEL as FAKE
from clients.test_openai_python import outcome
from fakes import say
from journeys.server import MODEL, Served
from reckon.errors import QueueFull
from tools import missing, need

HERE = Path(__file__).parent / "node"
PINNED = json.loads((HERE / "package.json").read_text())["dependencies"]["openai"]


@pytest.fixture(scope="session")
def node() -> Path:
    """The directory of the journeys, with the pinned client in it."""
    need("node")
    need("npm")
    installed = HERE / "node_modules" / "openai" / "package.json"
    if not installed.exists() or json.loads(installed.read_text())["version"] != PINNED:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
        if done.returncode:
            missing(f"npm could not install openai {PINNED}: {done.stderr.strip()[-400:]}")
    return HERE


@pytest.fixture
def real(node: Path, reckon: Served) -> Callable[..., Any]:
    """Runs a journey against the shipped model."""
    return lambda journey, **more: _run(journey, f"{reckon.url}/v1/openai", reckon.key, MODEL, **more)


@pytest.fixture
def scripted(node: Path, listening: Callable[[Desk], str]) -> Callable[..., Any]:
    """Runs a journey against a desk."""
    return lambda desk, journey, **more: _run(journey, listening(desk), desk.key, FAKE, **more)


def _run(journey: str, url: str, key: str, model: str, **more: str) -> Any:
    environment = {"PATH": os.environ["PATH"], "BASE_URL": url, "API_KEY": key, "MODEL": model, **more}
    done = subprocess.run(
        ["node", "journeys.mjs", journey], cwd=HERE, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_create_stream_and_helper_agree(real: Callable[..., Any], reckon: Served) -> None:
    created, streamed, helped = real("create"), real("stream"), real("helper")
    text = created["answer"]["choices"][0]["message"]["content"]
    assert "\\boxed{95}" in text
    assert streamed["text"] == helped["text"] == helped["answer"]["choices"][0]["message"]["content"] == text
    assert created["request_id"].removeprefix("req_") == created["answer"]["id"].removeprefix("chatcmpl-")
    assert created["seed"] == "7"
    for usage in (streamed["usage"], helped["usage"]):
        assert usage["completion_tokens"] == created["answer"]["usage"]["completion_tokens"]
        assert usage["prompt_tokens"] == created["answer"]["usage"]["prompt_tokens"]


def test_abort(real: Callable[..., Any], reckon: Served) -> None:
    seen = real("abort", QUESTION="What is 345 + 278?")
    assert seen["models"] == [MODEL]
    row = outcome(reckon, seen["id"])
    assert row.outcome == "abort"
    assert 0 < row.completion_tokens < 1500


def test_errors(real: Callable[..., Any]) -> None:
    seen = real("errors")
    assert all(error.pop("requestID").startswith("req_") for error in seen)
    assert [tuple(error.values()) for error in seen] == [
        ("UnprocessableEntityError", 422, "invalid_value", "temperature"),
        ("NotFoundError", 404, "model_not_found", "model"),
        ("BadRequestError", 400, "context_length_exceeded", "messages"),
        ("AuthenticationError", 401, "invalid_api_key", None),
    ]


@pytest.mark.parametrize("journey", ["tools", "streamedTools"])
def test_run_tools(scripted: Callable[..., Any], make_desk: Any, journey: str) -> None:
    desk = make_desk()
    desk.engine.enqueue(*call("add", {"a": 20, "b": 31}))
    desk.engine.enqueue(*say("It is ", "51."))
    seen = scripted(desk, journey)
    assert seen["text"] == "It is 51."
    assert [message["role"] for message in seen["messages"]] == ["user", "assistant", "tool", "assistant"]
    first, second = desk.engine.jobs
    assert [tool.name for tool in first.tools] == ["add"]
    asked, answered = second.messages[1:]
    assert json.loads(asked.tool_calls[0].arguments) == {"a": 20, "b": 31}
    assert (answered.content, answered.tool_call_id) == ("51", "call_1")


def test_a_refusal_is_retried(scripted: Callable[..., Any], make_desk: Any) -> None:
    engine = Reluctant(refusals=[QueueFull("Full.", retry_after=1)])
    seen = scripted(make_desk(engine), "retry")
    assert (seen["text"], engine.refused) == (" Hi!", 1)
    assert 0.9 < seen["seconds"] < 5


@pytest.mark.parametrize("text", [PLANES, AWKWARD.replace("\x00", "")], ids=["planes", "awkward"])
def test_text_survives_there_and_back(scripted: Callable[..., Any], make_desk: Any, text: str) -> None:
    desk = make_desk()
    desk.engine.enqueue(*say(*text))
    assert scripted(desk, "stream", QUESTION=text)["text"] == text
    assert desk.engine.jobs[-1].messages[0].content == text
