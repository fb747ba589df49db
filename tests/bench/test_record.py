"""The record that a bench leaves behind: enough to repeat it, and no secrets."""

import json
from datetime import datetime
from pathlib import Path

import pytest

import reckon
from reckon.bench import record
from reckon.errors import BadSetting


def test_a_record_says_what_where_and_when() -> None:
    made = record.record("engine", {"ms": 1.5}, ["/somewhere/bin/reckon", "bench", "engine", "--batches", "1,8"])
    assert list(made) == ["bench", "date", "command", "machine", "versions", "numbers"]
    assert (made["bench"], made["numbers"]) == ("engine", {"ms": 1.5})
    assert made["command"] == "reckon bench engine --batches 1,8"
    assert datetime.fromisoformat(made["date"]).utcoffset() is not None
    assert made["machine"]["cpu"] and made["machine"]["cores"] >= 1 and made["machine"]["memory_gb"] > 0
    assert made["versions"]["reckon"] == reckon.__version__
    assert {"python", "numpy", "numba"} <= made["versions"].keys()


def test_libraries_that_are_not_there_are_left_out() -> None:
    assert record.versions(["no-such-library-anywhere"]).keys() == {"python", "reckon"}


@pytest.mark.parametrize("secret", [("--key", "rk-abc"), ("--key=rk-abc",), ("--token", "rk-abc"), ("--database=rk-abc",)])
def test_secrets_stay_out(secret: tuple[str, ...]) -> None:
    shown = record.command(["reckon", "bench", "serve", *secret, "--rate", "4"])
    assert "rk-abc" not in shown
    assert shown.startswith(f"reckon bench serve {secret[0].partition('=')[0]}") and shown.endswith("--rate 4")


def test_it_is_written_as_json(tmp_path: Path) -> None:
    record.write(tmp_path / "one.json", record.record("api", [1, 2]))
    assert json.loads((tmp_path / "one.json").read_text())["numbers"] == [1, 2]


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "one.json"
    with pytest.raises(BadSetting) as caught:
        record.write(path, {})
    assert caught.value.message == f"{path} cannot be written: No such file or directory"
