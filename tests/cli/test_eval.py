"""``reckon eval``: a table and an exit code from answers that are known beforehand."""

import json
from pathlib import Path

import pytest

from cli.desk import Server, Type, refusal
from fakes import say

LINES = (
    {"suite": "mine", "model": "Qwen/QwQ-32B-Preview", "bars": {"sums": 0.5, "words": 1.0}, "doubt": "does not fit"},
    {"kind": "sums", "messages": [{"role": "user", "content": "1+1"}], "expect": {"boxed": "2"}},
    {"kind": "sums", "messages": [{"role": "user", "content": "2+2"}], "expect": {"boxed": "4"}},
    {"kind": "words", "messages": [{"role": "user", "content": "hello"}], "expect": {"says": [["hi"]]}},
)


@pytest.fixture
def suite(tmp_path: Path, server: Server) -> str:
    file = tmp_path / "mine.jsonl"
    lines = [{**LINES[0], "model": server.engine.card.id}, *LINES[1:]]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_shares_bars_and_what_was_mended(reckon: Type, server: Server, suite: str) -> None:
    server.engine.enqueue(*say(r"That does not fit. \boxed{2}"))
    server.engine.enqueue(*say(r"\boxed{5}"))
    server.engine.enqueue(*say("Hi!"))
    result = reckon("eval", suite, "--port", server.port, "--concurrency", "1", "--wrong", "1")
    assert result.exit_code == 0, result.output
    assert "50.0%" in result.output and "100.0%" in result.output
    assert "1 answers found a mistake of their own; 1 of these were right in the end." in result.output
    assert "sums: '2+2'" in result.output
    assert server.stored_keys()[0].revoked is not None


def test_below_a_bar_the_exit_code_is_one(reckon: Type, server: Server, suite: str) -> None:
    for text in (r"\boxed{2}", r"\boxed{4}", "Go away."):
        server.engine.enqueue(*say(text))
    result = reckon("eval", suite, "--port", server.port, "--concurrency", "1", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["kinds"]["sums"] == {"problems": 2, "right": 1.0, "bar": 0.5, "sampled": None, "majority": None}
    assert report["failures"] == ["words: 0.0% right, the bar is 100%"]


def test_a_limit_takes_the_first_of_each_kind(reckon: Type, server: Server, suite: str) -> None:
    for text in (r"\boxed{2}", "Hi!"):
        server.engine.enqueue(*say(text))
    result = reckon("eval", suite, "--port", server.port, "--concurrency", "1", "--limit", "1", "--json")
    assert json.loads(result.stdout)["kinds"]["sums"]["problems"] == 1


def test_without_a_suite_or_a_server_one_sentence(reckon: Type, suite: str) -> None:
    assert "not 'nothing'" in refusal(reckon("eval", "nothing"))
    assert "no server answers at http://127.0.0.1:1" in refusal(reckon("eval", suite, "--port", "1"))


def test_a_model_that_is_not_there_is_the_servers_refusal(reckon: Type, server: Server, suite: str) -> None:
    assert "the server answered 404" in refusal(reckon("eval", suite, "--port", server.port, "--model", "no/such"))
