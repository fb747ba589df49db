"""From what a person types to a card and a directory. The hub's client reads its environment once: it runs in a subprocess."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.hub import MODEL, hub
from reckon.catalog.card import CHECKPOINTS, Card, catalogue
from reckon.catalog.source import resolve
from reckon.errors import BadSetting

QWQ = "Qwen/QwQ-32B-Preview"
RESOLVE = """
import sys
from reckon.catalog.source import resolve
from reckon.errors import BadSetting
try:
    source = resolve(sys.argv[1])
    print(source.card.id, source.card.context, *sorted(path.name for path in source.directory.iterdir()))
except BadSetting as error:
    print("refused:", error.message)
"""


def checkpoint(directory: Path, config: object = {"max_position_embeddings": 64}) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return directory


def far_away(name: str, home: Path, **environ: str) -> str:
    """What ``resolve`` makes of a name that is on this machine nowhere."""
    inherited = {key: value for key, value in os.environ.items() if not key.upper().startswith("HF_")}
    own = {"HF_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1", **environ}
    command = [sys.executable, "-c", RESOLVE, name]
    return subprocess.run(command, env=inherited | own, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def refusal(name: str) -> str:
    with pytest.raises(BadSetting) as refused:
        resolve(name)
    return refused.value.message


def test_a_catalogue_id_whose_checkpoint_ships() -> None:
    if not (CHECKPOINTS / "abacus").is_dir():
        pytest.skip("reckon/abacus is not trained yet: src/reckon/catalog/checkpoints/abacus is not there")
    source = resolve("reckon/abacus")
    assert source.card == catalogue()["reckon/abacus"]
    assert source.directory == CHECKPOINTS / "abacus"
    assert json.loads((source.directory / "config.json").read_text())["max_position_embeddings"] == source.card.context


def test_a_local_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = checkpoint(tmp_path / "some=model")
    assert resolve(str(directory)).card == Card(
        "local/some=model", "local/some=model: a checkpoint without a card.", 64, public=False
    )
    monkeypatch.chdir(tmp_path)
    assert resolve("some=model").directory == directory
    monkeypatch.chdir(directory)
    assert resolve(".").directory == directory
    assert resolve(".").card.id == "local/some=model"


def test_a_directory_under_a_catalogue_id_keeps_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = checkpoint(tmp_path / QWQ)
    monkeypatch.chdir(tmp_path)
    assert (resolve(QWQ).card, resolve(QWQ).directory) == (catalogue()[QWQ], directory)


def test_an_id_with_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = checkpoint(tmp_path / "files")
    known = resolve(f"{QWQ}={directory}")
    assert (known.card, known.directory) == (catalogue()[QWQ], directory)
    unknown = resolve(f"my/model={directory}")
    assert (unknown.card.id, unknown.card.context, unknown.directory) == ("my/model", 64, directory)
    assert unknown.card.price.cost(1000, 1000) == 0
    monkeypatch.chdir(tmp_path)
    assert resolve("my/model=files").directory == directory
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("my/model=~/files").directory == directory  # no shell expands this one


@pytest.mark.parametrize("name", ["", "abacus", "a/b/c", "/no/such/directory", "./nothing", "owner/", "own er/name", "a/b\n"])
def test_nonsense(name: str) -> None:
    assert refusal(name) == (
        f"{name!r} is neither a directory nor a model id like owner/name; the catalogue has reckon/abacus, {QWQ}"
    )


@pytest.mark.parametrize("name", ["=", "my/model=", "=/tmp", "model=/tmp", "a/b/c=/tmp"])
def test_half_an_id_with_a_directory(name: str) -> None:
    assert refusal(name) == f"{name!r} must be ID=DIRECTORY with an id like owner/name"


def test_a_directory_that_is_no_checkpoint(tmp_path: Path) -> None:
    complaint = f"{tmp_path} is not a checkpoint: it has no config.json"
    assert refusal(str(tmp_path)) == complaint
    assert refusal(f"my/model={tmp_path}") == complaint
    assert refusal(f"{QWQ}={tmp_path}") == complaint
    assert refusal(f"my/model={tmp_path}/missing") == f"{tmp_path}/missing is not a checkpoint: it has no config.json"


@pytest.mark.parametrize("config", [{}, {"max_position_embeddings": None}, [], "no JSON", "\x00"])
def test_a_config_without_a_context(config: object, tmp_path: Path) -> None:
    directory = checkpoint(tmp_path, config)
    assert refusal(str(directory)).startswith(f"{directory}/config.json does not say max_position_embeddings: ")


def test_a_model_from_the_hub_without_pickles_and_code(tmp_path: Path) -> None:
    with hub() as server:
        found = far_away(MODEL, tmp_path, HF_ENDPOINT=server.url)
    assert found == f"{MODEL} 77 LICENSE config.json model.safetensors tokenizer.json"
    assert not any(path.endswith((".bin", ".py")) for path in server.asked)
    assert far_away(MODEL, tmp_path, HF_HUB_OFFLINE="1") == found  # from the cache


def test_a_model_that_the_hub_does_not_have(tmp_path: Path) -> None:
    with hub() as server:
        answer = far_away("owner/missing", tmp_path, HF_ENDPOINT=server.url)
    assert answer.startswith("refused: owner/missing is not in the package and could not be fetched from the hub (")
    assert "404" in answer


@pytest.mark.parametrize("environ", [{"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}], ids=["closed", "offline"])
def test_no_network(environ: dict[str, str], tmp_path: Path) -> None:
    answer = far_away(QWQ, tmp_path, **environ)
    assert re.fullmatch(
        rf"refused: {QWQ} is not in the package and could not be fetched from the hub \(.+\);"
        rf" with the files at hand, say {QWQ}=DIRECTORY",
        answer,
    )
