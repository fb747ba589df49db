"""Files of recordings: what is read, and what is refused by its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from reckon.errors import BadSetting
from reckon.replay.recording import Asked, Recording, encoded, read

ONE: dict[str, Any] = {"request": {"path": "/v1/completions", "body": {"prompt": "1"}}, "response": {"choices": []}}


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "file.json"
    file.write_text(text)
    return file


@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_on_a_line_or_over_many(tmp_path: Path, indent: int | None) -> None:
    (placed,) = read(file := write(tmp_path, json.dumps(ONE, indent=indent)))
    assert placed.place == str(file)
    assert placed.recording == Recording(Asked("/v1/completions", {"prompt": "1"}), {"choices": []})


def test_one_in_each_line(tmp_path: Path) -> None:
    stream = {**ONE, "response": "data: [DONE]\n\n", "headers": {"X-Reckon-Seed": "7"}, "recorded_by": "somebody"}
    events = {**ONE, "response": [{"choices": []}]}
    file = write(tmp_path, "\n".join(["", *map(json.dumps, (ONE, stream, events)), "", ""]))
    found = read(file)
    assert [placed.place for placed in found] == [f"{file}:2", f"{file}:3", f"{file}:4"]
    assert [type(placed.recording.response) for placed in found] == [dict, str, list]
    assert [placed.recording.header("x-reckon-seed") for placed in found] == ["", "7", ""]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    recording = Recording(Asked("/v1/messages", {"seed": 2**63 - 1}), "data: \u2028x\n\n", {"x-reckon-seed": "7"})
    (tmp_path / "file").write_bytes(encoded(recording) * 2)
    assert [placed.recording for placed in read(tmp_path / "file")] == [recording] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file.json has no recording"),
        ("\n \n", "file.json has no recording"),
        ("{", "file.json is not a recording: Input data was truncated"),
        ("[1]", "file.json is not a recording: Expected `object`, got `array`"),
        ('{"response": {}}', "file.json is not a recording: Object missing required field `request`"),
        ('{"request": {"path": "/", "body": {}}}', "file.json is not a recording: Object missing required field `response`"),
        ('{"request": {"path": "/", "body": 1}, "response": {}}', "Expected `object`, got `int` - at `$.request.body`"),
        ('{"request": {"path": "v1", "body": {}}, "response": {}}', "request.path must begin with /, not be 'v1'"),
        (json.dumps(ONE) + '\n{"request": 1}', "file.json:2 is not a recording: Expected `object`, got `int`"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read(write(tmp_path, text))
    assert said in refused.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="nowhere cannot be read: No such file"):
        read(tmp_path / "nowhere")
