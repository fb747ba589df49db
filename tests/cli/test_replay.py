"""``reckon replay``: a server that repeats, one that does not, and all that cannot be compared."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.desk import TOKEN, chat_body
from cli.desk import Server, Start, Type
from fakes import say
from reckon.job import Delta, Finish, Scored, Usage

CHAT = "/v1/chat/completions"


def exchange(server: Server, **fields: Any) -> dict[str, Any]:
    """A recording of what this server answers."""
    body = chat_body(**fields)
    response = httpx.post(server.url + CHAT, json=body, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False)
    answer = response.text if fields.get("stream") else response.json()
    return {"request": {"path": CHAT, "body": body}, "headers": dict(response.headers), "response": answer}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recorded.jsonl"


def write(file: Path, *recordings: dict[str, Any]) -> str:
    file.write_text("\n".join(map(json.dumps, recordings)))
    return str(file)


@pytest.mark.parametrize("stream", [False, True])
def test_an_equal_answer_is_0(reckon: Type, server: Server, file: Path, stream: bool) -> None:
    recorded = write(file, exchange(server, stream=stream))
    result = reckon("replay", recorded, "--port", server.port)
    assert (result.exit_code, result.stdout) == (0, f"{file}: equal. The same fingerprint, the same bytes.\n")
    first, again = server.engine.jobs
    assert again.sampling == first.sampling, "the seed that was drawn is not the one that was replayed"
    assert all(key.revoked is not None for key in server.stored_keys())


def test_a_seed_of_ones_own_and_a_greedy_request_need_no_header(reckon: Type, server: Server, file: Path) -> None:
    recordings = [exchange(server, seed=2**63 - 1), exchange(server, temperature=0)]
    for recording in recordings:
        del recording["headers"]
    result = reckon("replay", write(file, *recordings), "--port", server.port)
    assert result.exit_code == 0
    assert server.engine.jobs[-2].sampling.seed == 2**63 - 1
    assert result.stdout.endswith("2 equal\n")


def test_other_bytes_under_the_same_fingerprint_are_a_broken_promise_and_1(reckon: Type, server: Server, file: Path) -> None:
    text = "Once upon a time there was a number, and it was "
    for last in ("42, they said.", "41, they said."):
        server.engine.enqueue(*say(text + last))
    result = reckon("replay", write(file, exchange(server)), "--port", server.port)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{file}: broken. A broken promise: the same fingerprint, other bytes.",
        f"  choices.0.message.content, from character {len(text) + 1}:",
        f'    recorded  …"{text[25:]}42, they said."',
        f'    now       …"{text[25:]}41, they said."',
    ]


def test_every_field_that_differs_is_told(reckon: Type, server: Server, file: Path) -> None:
    server.engine.enqueue(Delta(0, "content", "a", (Scored(b"a", -0.5),)), Finish(0, "stop", Usage(1, 0, 1)))
    server.engine.enqueue(Delta(0, "content", "a", (Scored(b"a", -0.25),)), Finish(0, "length", Usage(1, 0, 2)))
    result = reckon("replay", write(file, exchange(server, logprobs=True)), "--port", server.port, "--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    assert (found["place"], found["outcome"]) == (str(file), "broken")
    assert [(one["field"], one["recorded"], one["now"]) for one in found["differences"]] == [
        ("choices.0.finish_reason", "stop", "length"),
        ("choices.0.logprobs.content.0.logprob", -0.5, -0.25),
        ("usage.completion_tokens", 1, 2),
        ("usage.total_tokens", 2, 3),
    ]


def test_another_fingerprint_promises_nothing(reckon: Type, server: Server, file: Path) -> None:
    recorded = write(file, exchange(server))
    server.engine.fingerprint = "fp_other"
    result = reckon("replay", recorded, "--port", server.port)
    assert result.exit_code == 0
    assert "The same bytes, though not promised: another fingerprint." in result.stdout
    server.engine.enqueue(*say("Bye!"))
    result = reckon("replay", recorded, "--port", server.port)
    assert result.exit_code == 2
    assert "unpromised. Other bytes, and nothing promised the same: another fingerprint." in result.stdout
    assert "recorded with fp_fake\n  and now it is fp_other\n" in result.stdout


def test_a_device_that_promises_nothing_breaks_nothing(reckon: Type, start: Start, file: Path) -> None:
    server = start(repeatable=False)
    server.engine.enqueue(*say("Hello."))
    result = reckon("replay", write(file, exchange(server)), "--port", server.port)
    assert result.exit_code == 2
    assert "the device keeps no such promise" in result.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.pop("headers"), "The seed is not known"),
        (lambda one: one.update(response={"error": {"message": "no"}}), "The recorded answer cannot be compared: it is the"),
        (lambda one: one.update(response=[{"choices": 5}]), "The recorded answer cannot be compared: it is none of"),
        (lambda one: one["request"]["body"].update(model="no/model"), "The answer now cannot be compared: it is the error"),
        (lambda one: one["request"].update(path="/v1/models"), "The answer now cannot be compared: it is the error"),
        (lambda one: one["request"].update(path="/signin"), "The answer now cannot be compared: it is the error"),
    ],
)
def test_what_cannot_be_compared_is_2_and_holds_up_nothing(
    reckon: Type, server: Server, file: Path, change: Any, said: str
) -> None:
    good, bad = exchange(server), exchange(server)
    change(bad)
    result = reckon("replay", write(file, bad, good), "--port", server.port)
    assert result.exit_code == 2
    assert f"{file}:1: incomparable. {said}" in result.stdout
    assert f"{file}:2: equal." in result.stdout
    assert result.stdout.endswith("1 incomparable, 1 equal\n")


def test_a_broken_promise_is_never_hidden(reckon: Type, server: Server, file: Path) -> None:
    good, bad = exchange(server), exchange(server)
    del bad["headers"]
    server.engine.enqueue(*say("Bye!"))
    assert reckon("replay", write(file, good, bad), "--port", server.port).exit_code == 1


def test_no_server_and_no_file_are_2(reckon: Type, server: Server, file: Path) -> None:
    result = reckon("replay", str(file), "--port", server.port)
    assert (result.exit_code, result.stderr) == (2, f"Error: {file} cannot be read: No such file or directory\n")
    result = reckon("replay", write(file, exchange(server)), "--port", "1")
    assert result.exit_code == 2
    assert "no server answers at http://127.0.0.1:1" in result.stderr
    result = reckon("replay", str(file), "--url", "gpu")
    assert (result.exit_code, "url must be an address" in result.stderr) == (2, True)


def test_a_server_that_speaks_otherwise_cannot_be_compared(reckon: Type, server: Server, file: Path) -> None:
    recording = exchange(server)
    recording["request"]["path"] = "/health?x"
    result = reckon("replay", write(file, recording), "--port", server.port)
    assert (result.exit_code, "incomparable" in result.stdout) == (2, True)
