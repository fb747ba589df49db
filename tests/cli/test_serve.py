"""What ``reckon serve`` prints and refuses. The whole process, from start to Ctrl-C, is in tests/journeys."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from api.desk import TOKEN
from cli.desk import Start, Type, refusal
from fakes import CARD
from reckon.catalog.card import CHECKPOINTS
from reckon.cli.serve import OPEN_FILES, curl
from reckon.ledger.accounts import create_key
from tools import need

PAGE = """curl "https://host/v1/openai/chat/completions" \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $RECKON_TOKEN" \\
  -d '{
      "model": "Qwen/QwQ-32B-Preview",
      "messages": [
        {
          "role": "user",
          "content": "Hello!"
        }
      ]
    }'"""


def test_the_curl_is_the_pages_own() -> None:
    """With host and token of this server, and nothing else changed."""
    assert curl("https://host", None, "Qwen/QwQ-32B-Preview") == PAGE


@pytest.mark.parametrize("model", ["fake/model", "local/o'neill's \"best\" $HOME `id` \\model é"])
@pytest.mark.parametrize("with_key", [True, False])
def test_the_curl_can_be_pasted(model: str, with_key: bool, start: Start) -> None:
    need("bash")
    need("curl")
    server = start(card=msgspec.structs.replace(CARD, id=model))
    secret = server.ledger.run_now(lambda db: create_key(db, "first"))[1] if with_key else None
    answer = subprocess.run(
        ["bash", "-c", curl(server.url, secret, model)],
        env={"PATH": os.environ["PATH"], "RECKON_TOKEN": TOKEN, "NO_PROXY": "*"},
        capture_output=True,
        check=True,
    )
    assert json.loads(answer.stdout)["choices"][0]["message"]["content"] == " Hi!"
    assert server.engine.jobs[0].model == model


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_the_systems_table_of_files_need_not_grow_while_clients_come() -> None:
    """In a process of its own, for a table never shrinks."""
    said = "from reckon.cli.serve import more_files; more_files(0); print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True).stdout
    (size,) = re.findall(r"^FDSize:\s+(\d+)$", status, re.MULTILINE)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert int(size) >= min(OPEN_FILES, hard)


def test_a_place_for_recordings_is_tried_before_anything_is_loaded(reckon: Type, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(reckon("serve", "--port", "0", "--record", str(tmp_path / "file" / "x"), str(tmp_path / "no model")))
    assert "file/x cannot be made: Not a directory" in said


def test_a_checkpoint_without_a_tokenizer(reckon: Type, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"max_position_embeddings": 64}')
    assert "has no tokenizer.json" in refusal(reckon("serve", "--port", "0", str(tmp_path / "model")))


def test_what_the_worker_refuses_is_one_sentence_too(reckon: Type, tmp_path: Path) -> None:
    """The worker really starts, and says by name what it does not serve."""
    directory = tmp_path / "[red]model"
    directory.mkdir()
    for file in (CHECKPOINTS / "abacus").iterdir():
        (directory / file.name).symlink_to(file)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").unlink()
    (directory / "config.json").write_text(json.dumps({**config, "architectures": ["LlamaForCausalLM"]}))
    sentence = refusal(reckon("serve", "--port", "0", "--device", "reference", str(directory)))
    assert sentence.startswith(f"{directory}/config.json: architectures is ['LlamaForCausalLM']; supported is")


def test_two_models_under_one_id(reckon: Type, tmp_path: Path) -> None:
    for parent in "ab":
        (tmp_path / parent / "model").mkdir(parents=True)
        (tmp_path / parent / "model" / "config.json").write_text('{"max_position_embeddings": 64}')
    paths = [str(tmp_path / parent / "model") for parent in "ab"]
    assert refusal(reckon("serve", "--port", "0", *paths)) == (
        f"two models have the id local/model, {paths[0]} and {paths[1]}; name one of them as ID=DIRECTORY"
    )
