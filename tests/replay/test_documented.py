"""docs/repeat.md: its recording is read, its program writes one that replays, and what it says of outcomes is so."""

import json
import re
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from api.desk import Desk, served
from fakes import CARD, FakeEngine, say
from reckon.cli.main import main
from reckon.cli.replay import EXIT, show
from reckon.replay.recording import Asked, Placed, Recording, read
from reckon.replay.verdict import PARTS, Difference, Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "repeat.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_recording_is_one(tmp_path: Path) -> None:
    (example,) = examples("json")
    (tmp_path / "one.json").write_text(example)
    ((placed),) = read(tmp_path / "one.json")
    assert placed.recording.request.body["temperature"] == 0
    assert PARTS.fullmatch(placed.recording.header("x-reckon-fingerprint"))
    assert set(json.loads(example)) == set(Recording.__struct_fields__)


def test_the_program_writes_what_replays(make_desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk: Desk = make_desk(FakeEngine(msgspec.structs.replace(CARD, id="reckon/abacus")))
    (example,) = examples("python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with served(desk.app) as address:
        code = example.replace("http://127.0.0.1:8000", address).replace('os.environ["RECKON_KEY"]', repr(desk.key))
        exec(compile(code, "docs/repeat.md", "exec"), names)
        names["client"].close()
        arguments = ["replay", "recorded.jsonl", "--url", address, "--key", desk.key]
        assert CliRunner().invoke(main, arguments).exit_code == 0
        desk.engine.enqueue(*say("Something else."))
        assert CliRunner().invoke(main, arguments).exit_code == 1


def test_the_outcomes_and_their_codes() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\d) \|$", PAGE, re.MULTILINE)
    assert {name: int(code) for name, code in rows} == EXIT


def test_the_output_looks_so(capsys: pytest.CaptureFixture[str]) -> None:
    (output,) = (example for example in re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if "equal." in example)
    recording = Recording(Asked("/", {}), {})
    text = "Once upon a time, far away, there was an old man and a number, and it was 42, they said."
    at = text.index("42") + 1
    changed = Difference("choices.0.message.content", text, text.replace("42", "41"), at)
    show(Placed("kept/req_0b5c.json", recording), Verdict("equal", "the same fingerprint, the same bytes"))
    broken = Verdict("broken", "a broken promise: the same fingerprint, other bytes", differences=(changed,))
    show(Placed("kept/req_7d10.json", recording), broken)
    assert capsys.readouterr().out == output


def test_every_flag_is_there() -> None:
    flags = set(re.findall(r"--[a-z][\w-]+", PAGE))
    known = {option for command in main.commands.values() for parameter in command.params for option in parameter.opts}
    assert isinstance(main, click.Group) and flags <= known
