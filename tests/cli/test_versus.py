"""``reckon bench versus``: our real engine on a tiny checkpoint beside fake peers; tables, JSON, refusals."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bench.versus.scripts import Stage, burst
from cli.desk import Type, refusal
from reckon.bench.checkpoint import Shape, write

SHORT = ("--decode", "2", "--prompt", "5", "--prefill", "9", "--rounds", "2", "--steps", "3")
DEVICE = ("--device", "reference", "--threads", "1")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("random") / "tiny"
    write(directory, Shape(32, 48, 1, 2, 1, vocab=1100, context=1024), 0, None)
    return str(directory)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def rows(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if line.startswith("│")]


def versus(reckon: Type, checkpoint: str, *more: str) -> Result:
    return reckon("bench", "versus", checkpoint, *DEVICE, *SHORT, *more)


def test_a_contest(checkpoint: str, stage: Stage, reckon: Type, tmp_path: Path) -> None:
    """One who is slow (and was disturbed once), one who dies on the way, one who is not there, one who was not asked."""
    slow = {"decode": burst(100.0, 200.0, 300.0), "prefill": [burst(50.0)] * 2 + [burst(50.0, taken=50.0)]}
    venvs = {
        "vllm": stage.venv("vllm", **slow),
        "llama.cpp": stage.venv("llama.cpp", decode="die"),
        "transformers": tmp_path / "nowhere",
    }
    peers = [word for name, venv in venvs.items() for word in ("--peer", f"{name}={venv}")]
    result = versus(reckon, checkpoint, *peers, "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 0, result.output
    assert "llama.cpp is out: ended during 'decode' with code 3: the last word" in result.stderr
    assert "Not asked to take part: openvino." in result.stdout
    who = {row[0]: row for row in rows(result.stdout) if len(row) == 4 and row[0]}
    assert "path reference/float32" in who["reckon"][2] and who["vllm"][1] == "fake 1.0"
    assert who["transformers"][1] == "out"
    measured = [row for row in rows(result.stdout) if len(row) == 7]
    assert [row[0] for row in measured if row[0]] == ["decode B=2, context 5", "prefill 9"]
    decode, prefill = measured[:4], measured[4:]
    for case, seconds, good in ((decode, "200,000.0", "6 of 6"), (prefill, "50,000.0", "1 of 2")):
        assert [row[1] for row in case] == ["reckon", "vllm", "llama.cpp", "transformers"]
        assert (case[0][4], case[1][2], case[1][6]) == ("", seconds, good)
        assert case[2][2:] == case[3][2:] == ["out", "", "", "", ""]
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["bench"] == "versus" and record["machine"]["cores"] >= 1
    held_to_account(record["numbers"], checkpoint)


def held_to_account(written: dict[str, Any], checkpoint: str) -> None:
    """The JSON of the contest above says what the tables say, and how it was found."""
    assert (written["model"], written["threads"], written["rounds"], written["steps"]) == (checkpoint, 1, 2, 3)
    assert written["contestants"]["vllm"]["versions"] == {"fake": "1.0"} and written["contestants"]["vllm"]["lost"] is None
    assert written["contestants"]["transformers"]["lost"].endswith("/bin/python cannot be run: No such file or directory")
    decode, prefill = written["cases"]
    assert (decode["kind"], decode["batch"], decode["prompt"], prefill["prompt"]) == ("decode", 2, 5, 9)
    ours, theirs = decode["contestants"]["reckon"], decode["contestants"]["vllm"]
    assert len(ours["bursts"]) == 2 and all(len(burst["samples"]) == 3 for burst in ours["bursts"])
    assert (theirs["seconds"], theirs["tokens_per_second"], theirs["round_seconds"]) == (200.0, 0.01, [200.0, 200.0])
    if ours["seconds"] is not None:  # a busy machine may have disturbed all of it
        assert theirs["ratio_of_medians"] == pytest.approx(200.0 / ours["seconds"])
    assert prefill["contestants"]["vllm"]["round_seconds"] == [50.0, None]
    assert decode["contestants"]["llama.cpp"]["seconds"] is None


def test_weights_are_made_for_llama_cpp(checkpoint: str, stage: Stage, reckon: Type, home: Path) -> None:
    good = {"decode": burst(1.0), "prefill": burst(1.0)}
    result = versus(reckon, checkpoint, "--dtype", "float32", "--peer", f"llama.cpp={stage.venv('llama.cpp', **good)}")
    assert result.exit_code == 0, result.output
    ((_, order),) = stage.orders("load")
    assert (order["checkpoint"], order["threads"], order["dtype"]) == (checkpoint, 1, "float32")
    assert Path(order["weights"]).read_text() == f"{checkpoint}\n"
    assert Path(order["weights"]).is_relative_to(home / "bench")


def test_servers(checkpoint: str, stage: Stage, reckon: Type, tmp_path: Path) -> None:
    """The real ``reckon serve`` beside fake servers, one of which does not start."""
    peers = ("--peer", f"llama.cpp={stage.server_venv('llama.cpp')}", "--peer", f"vllm={stage.server_venv('vllm', die=True)}")
    flags = (
        "--http",
        "--clients",
        "1,2",
        "--prompt",
        "9",
        "--tokens",
        "4",
        "--rounds",
        "1",
        "--json",
        str(tmp_path / "out.json"),
    )
    result = reckon("bench", "versus", checkpoint, *DEVICE, *peers, *flags)
    assert result.exit_code == 0, result.output
    table = rows(result.stdout)
    assert [row[:2] for row in table] == [[clients, name] for clients in "12" for name in ("reckon", "llama.cpp", "vllm")]
    assert table[2][2] == "ended while it was starting with code 5: no model"
    written = json.loads((tmp_path / "out.json").read_text())["numbers"]
    assert (written["model"], written["threads"], written["lost"]["reckon"]) == (checkpoint, 1, None)
    assert [len(written["clients"]["2"][name][0]["answer_seconds"]) for name in ("reckon", "llama.cpp")] == [2, 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_who_is_at_work_too(number: signal.Signals, checkpoint: str, stage: Stage, home: Path) -> None:
    venv = stage.venv("vllm", open="hang")
    words = [sys.executable, "-m", "reckon", "bench", "versus", checkpoint, *DEVICE, *SHORT, "--home", str(home)]
    listen = partial(signal.signal, number, signal.SIG_DFL)  # a suite in the background of a shell is told to ignore SIGINT
    process = subprocess.Popen(
        [*words, "--peer", f"vllm={venv}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=listen
    )
    deadline = time.monotonic() + 60.0
    while not (stage.journal.exists() and stage.orders("open")) and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    process.send_signal(number)
    assert process.wait(30.0) != 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_only_peers_with_a_server_over_http(checkpoint: str, reckon: Type) -> None:
    sentence = refusal(versus(reckon, checkpoint, "--http", "--peer", "openvino=/x"))
    assert sentence == "over HTTP a peer must be one of llama.cpp, vllm, not openvino"


def test_our_own_failure_ends_it(checkpoint: str, reckon: Type) -> None:
    result = versus(reckon, checkpoint, "--kv-memory-gb", "0.00001")
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("Error: our own side failed: 'load' failed: BadSetting: the longest")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--decode", "none", "--prefill", "none"], "decode and prefill are both none: there is nothing to measure"),
        (["--prefill", "1024"], "prompts and answers must be at most 1024 tokens together, not 1025"),
        (
            ["--peer", "ollama=/x"],
            "peer must be NAME=VENV with a name of llama.cpp, openvino, vllm, transformers, not 'ollama=/x'",
        ),
        (["--peer", "vllm=/x", "--peer", "vllm=/y"], "peer vllm is given twice"),
    ],
)
def test_what_cannot_be_measured_is_refused(flags: list[str], sentence: str, checkpoint: str, reckon: Type) -> None:
    assert refusal(versus(reckon, checkpoint, *flags)) == sentence


@pytest.mark.parametrize(
    "flags",
    [("--decode", "0"), ("--prefill", "nothing"), ("--rounds", "0"), ("--steps", "0"), ("--gguf", "/nowhere"), ("--ir", "/no")],
)
def test_wrong_values_of_flags(flags: tuple[str, str], reckon: Type) -> None:
    result = reckon("bench", "versus", *flags)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert flags[0] in result.stderr and flags[1] in result.stderr
