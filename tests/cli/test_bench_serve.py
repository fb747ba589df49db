"""``reckon bench serve`` against a real server over a FakeEngine: what it sends, prints and writes, and its refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.desk import TOKEN
from cli.desk import Start, Type, refusal
from fakes import say
from reckon.errors import QueueFull

LOAD = ("bench", "serve", "--model", "fake/model", "--rate", "200", "--prompt", "20", "--tokens", "2")


def test_a_load_on_our_server(start: Start, reckon: Type, tmp_path: Path) -> None:
    server = start()
    files = ("--json", str(tmp_path / "load.json"), "--plot", str(tmp_path / "load.png"))
    result = reckon(*LOAD, "--rate", "200,400", "--requests", "5", "--ttft-bound", "60000", *files, "--port", server.port)
    assert result.exit_code == 0, result.output
    jobs = [run.prepared.job for run in server.engine.runs]
    assert len(jobs) == 2 + 2 * 5, "two to learn how many tokens a word has, then five at each rate"
    assert {job.max_tokens for job in jobs[2:]} == {2} and all(job.ignore_eos for job in jobs)
    assert [len((job.messages[0].content or "").split()) for job in jobs[2:]] == [20] * 10
    assert len({job.messages[0].content for job in jobs}) == 12
    assert result.stdout.count("5 of 5") == 2
    record = json.loads((tmp_path / "load.json").read_text())
    assert (record["bench"], [row["complete"] for row in record["numbers"]]) == ("serve", [5, 5])
    assert [(row["prompt_tokens"], row["completion_tokens"], row["first"]["count"]) for row in record["numbers"]] == [
        (20.0, 2.0, 5)
    ] * 2
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    (key,) = server.stored_keys()
    assert key.name.startswith("bench-") and key.revoked is not None, "a key of its own, for as long as it lasts"


def test_equal_seeds_send_the_same(start: Start, reckon: Type) -> None:
    server = start()
    for seed in ("1", "1", "2"):
        assert reckon(*LOAD, "--requests", "3", "--seed", seed, "--url", server.url, "--key", TOKEN).exit_code == 0
    asked = [run.prepared.job.messages[0].content for run in server.engine.runs]
    assert sorted(map(str, asked[2:5])) == sorted(map(str, asked[7:10])) != sorted(map(str, asked[12:15]))


def test_what_fails_is_counted(start: Start, reckon: Type) -> None:
    server = start()
    for _ in range(3):
        server.engine.enqueue(*say("a", "b", reason="length"))
    server.engine.enqueue(*say("a")[:1])  # the engine stops in the middle
    result = reckon(*LOAD, "--requests", "2", "--url", server.url, "--key", TOKEN)
    assert result.exit_code == 0, result.output
    assert "1 of 2" in result.stdout and "At 200/s, 1 failed: in the stream: " in result.stdout


def test_a_server_that_refuses(start: Start, reckon: Type) -> None:
    server = start(refusal=QueueFull("no room"))
    sentence = refusal(reckon(*LOAD, "--url", server.url, "--key", TOKEN))
    assert sentence.startswith("the server does not answer: 429: ") and "no room" in sentence
    sentence = refusal(reckon(*LOAD, "--url", server.url, "--key", "rk-wrong"))
    assert sentence.startswith("the server does not answer: 401: ")


def test_no_server(reckon: Type) -> None:
    sentence = refusal(reckon(*LOAD, "--url", "http://127.0.0.1:9", "--key", TOKEN))
    assert sentence.startswith("the server does not answer: no connection: ")


def test_a_server_elsewhere_needs_a_key(reckon: Type) -> None:
    assert refusal(reckon(*LOAD, "--url", "http://example.com")) == "http://example.com needs a key: --key or RECKON_KEY"


@pytest.mark.parametrize("rates", ["", "0", "1,,2", "x", "nan", "-1", "inf"])
def test_bad_rates(rates: str, reckon: Type) -> None:
    result = reckon("bench", "serve", "--rate", rates)
    assert result.exit_code == 2
    assert f"{rates!r} must be numbers over 0 and under a million, divided by commas" in result.stderr


def test_a_plot_is_a_png(reckon: Type) -> None:
    assert refusal(reckon(*LOAD, "--plot", "load.jpeg")) == "plot must end in .png, not 'load.jpeg'"


def test_without_matplotlib(tmp_path: Path) -> None:
    """Where it is not installed, a plot is refused before anything is measured."""
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('No module named matplotlib', name='matplotlib')")
    command = [sys.executable, "-m", "reckon", *LOAD, "--key", "x", "--plot", str(tmp_path / "load.png")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "RECKON_HOME": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (
        1, "Error: --plot needs matplotlib: install reckon with the extra 'plots'\n"
    )  # fmt: skip
