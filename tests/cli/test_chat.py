"""``reckon chat`` against a real server: what it sends, prints, pays, and leaves behind."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from api.desk import TOKEN, served
from cli.desk import Server, Start, Type, refusal
from fakes import say
from reckon.errors import EngineFailed, QueueFull
from reckon.job import Delta, Message
from reckon.ledger.accounts import create_key
from reckon.ledger.usage import recent

CLOSED = "http://127.0.0.1:9"


def spoken(messages: tuple[Message, ...]) -> list[tuple[str, str | None]]:
    return [(message.role, message.content) for message in messages]


def test_one_message(server: Server, reckon: Type) -> None:
    result = reckon("chat", "--url", server.url, "Hello", "there")
    assert (result.exit_code, result.stdout) == (0, " Hi!\n")
    assert re.fullmatch(r"2 tokens, \d+ tokens/s, first after \d+ ms, \$0\.000000600\n", result.stderr)
    (job,) = server.engine.jobs
    assert (job.model, spoken(job.messages)) == ("fake/model", [("user", "Hello there")])
    (request,) = server.ledger.run_now(recent)
    assert request.stream


def test_the_text_is_printed_as_it_comes(server: Server, home: Path) -> None:
    printed = threading.Event()
    waited: list[bool] = []

    async def until_printed() -> None:
        waited.append(await asyncio.to_thread(printed.wait, 20))

    first, second, *end = say(" Hi", "!")
    server.engine.enqueue(first, until_printed, second, *end)
    command = [sys.executable, "-m", "reckon", "chat", "--url", server.url, "--key", TOKEN, "Hello"]
    environ = {**os.environ, "RECKON_HOME": str(home), "NO_PROXY": "*"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.read(3) == b" Hi"
        printed.set()
        assert process.stdout.read() == b"!\n"
    assert (process.returncode, waited) == (0, [True])


def test_a_conversation_grows(server: Server, reckon: Type) -> None:
    server.engine.enqueue(*say("One"))
    server.engine.enqueue(*say("Two"))
    result = reckon("chat", "--url", server.url, "--system", "Be brief.", input="  First \nSecond\n\nnever read\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("Talking to fake/model.")
    assert "One\n" in result.stdout and "Two\n" in result.stdout
    first = [("system", "Be brief."), ("user", "First")]
    assert [spoken(job.messages) for job in server.engine.jobs] == [first, [*first, ("assistant", "One"), ("user", "Second")]]


def test_a_conversation_ends_with_the_input(server: Server, reckon: Type) -> None:
    assert reckon("chat", "--url", server.url, input="Hello").exit_code == 0
    assert reckon("chat", "--url", server.url, input="").exit_code == 0
    assert len(server.engine.jobs) == 1


def test_options_go_into_the_request(server: Server, reckon: Type) -> None:
    server.engine.enqueue(*say("a", reason="length"))
    result = reckon("chat", "--url", server.url, "--temperature", "0.5", "--seed", "7", "--model", "fake/model", "Hello")
    assert result.stderr.endswith(", ended by length\n")
    (job,) = server.engine.jobs
    assert (job.sampling.temperature, job.sampling.seed) == (0.5, 7)


def test_its_own_key_lives_as_long_as_the_conversation(server: Server, reckon: Type) -> None:
    alive: list[bool] = []
    server.engine.enqueue(lambda: alive.extend(key.revoked is None for key in server.stored_keys()), *say("a"))
    reckon("chat", "--url", server.url, "Hello")
    (key,) = server.stored_keys()
    assert alive == [True]
    assert key.revoked is not None and key.name.startswith("chat-") and not key.admin
    (request,) = server.ledger.run_now(recent)
    assert (request.key_id, request.outcome, request.cost_nano) == (key.key_id, "stop", 120 + 180)


@pytest.mark.parametrize("how", ["flag", "environment", "token"])
def test_a_given_key_is_used(how: str, server: Server, reckon: Type) -> None:
    account, secret = server.ledger.run_now(lambda db: create_key(db, "alice"))
    given: dict[str, Any] = {"flag": {}, "environment": {"RECKON_KEY": secret}, "token": {"RECKON_TOKEN": TOKEN}}[how]
    arguments = ["--key", secret] if how == "flag" else []
    assert reckon("chat", "--url", server.url, *arguments, "Hello", **given).exit_code == 0
    (key,) = server.stored_keys()
    assert (key.name, key.revoked) == ("alice", None)
    (request,) = server.ledger.run_now(recent)
    assert (request.key_id == account.key_id) == (how != "token")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_server_of_this_machine_is_found_by_its_settings(host: str, server: Server, reckon: Type) -> None:
    result = reckon("chat", "--host", host, "--port", server.port, "Hello")
    assert (result.exit_code, result.stdout) == (0, " Hi!\n")


def test_no_server(server: Server, reckon: Type) -> None:
    sentence = refusal(reckon("chat", "--url", CLOSED, "Hello"))
    assert sentence.startswith(f"no server answers at {CLOSED}")
    assert sentence.endswith("; `reckon serve` starts one")
    assert [key.revoked is None for key in server.stored_keys()] == [False]
    assert "http://[::1]:9" in refusal(reckon("chat", "--host", "::", "--port", "9", "Hello"))


def test_a_server_that_is_not_here_needs_a_key(server: Server, reckon: Type) -> None:
    assert refusal(reckon("chat", "--url", "https://reckon.example", "Hello")) == (
        "https://reckon.example needs a key: --key or RECKON_KEY"
    )
    assert server.stored_keys() == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "localhost", "http://", "http://[::1", "http://localhost:x", "ftp://localhost"]
)
def test_a_bad_url(url: str, reckon: Type) -> None:
    assert refusal(reckon("chat", "--url", url, "--key", "rk-x", "Hello")) == (
        f"url must be an address like http://127.0.0.1:8000, not {url!r}"
    )


def test_the_servers_own_words(server: Server, reckon: Type) -> None:
    chat = ("chat", "--url", server.url)
    assert "API key" in refusal(reckon(*chat, "--key", "rk-wrong", "Hello"))
    assert refusal(reckon(*chat, "--model", "no/model", "Hello")).startswith("The model `no/model` does not exist")
    assert "temperature" in refusal(reckon(*chat, "--temperature", "3", "Hello"))
    server.engine.refusal = QueueFull("Everything is full.", retry_after=3)
    assert refusal(reckon(*chat, "Hello")) == "Everything is full."
    assert [key.revoked is None for key in server.stored_keys()] == [False, False, False]


def test_a_stream_that_breaks(server: Server, reckon: Type) -> None:
    server.engine.enqueue(Delta(0, "content", "So far"), EngineFailed("The engine lost this request."))
    result = reckon("chat", "--url", server.url, "Hello")
    assert result.stdout.startswith("So far")
    assert refusal(result) == "The engine lost this request."
    assert all(key.revoked is not None for key in server.stored_keys())


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "answers, but not with a list of models: is it reckon?"),
        (200, b'{"data": []}', "answers, but not with a list of models: is it reckon?"),
        (502, b"<html>", "the server answered 502"),
        (500, b'{"error": "text"}', "the server answered 500"),
    ],
)
def test_something_else_answers(status: int, body: bytes, words: str, reckon: Type) -> None:
    async def something(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    with served(something) as url:  # type: ignore[arg-type]
        assert words in refusal(reckon("chat", "--url", url, "Hello"))


def test_ipv6_addresses_are_written_with_brackets(start: Start, reckon: Type) -> None:
    assert "http://[fe80::1]:9 needs a key" in refusal(reckon("chat", "--host", "fe80::1", "--port", "9", "Hello"))
