"""What differs between two answers, and when that is a broken promise."""

from typing import Any

import pytest

from reckon.devices.reference import ReferenceDevice
from reckon.replay.verdict import Difference, changes, differences, judge
from reckon.worker.fingerprint import fingerprint

OURS = fingerprint(ReferenceDevice(), "0123456789abcdef")
TREE: dict[str, Any] = {"choices": [{"index": 0, "message": {"content": "So 4042."}, "finish_reason": "stop"}]}
OTHER: dict[str, Any] = {"choices": [{"index": 0, "message": {"content": "So 4041."}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("recorded", "now", "same", "other"),
    [
        (OURS, OURS, "equal", "broken"),
        (OURS, OURS.replace("reference", "cpu"), "equal", "unpromised"),
        ("", OURS, "equal", "unpromised"),
        (OURS, "", "equal", "unpromised"),
        (OURS + "-unrepeatable", OURS + "-unrepeatable", "equal", "unpromised"),
        ("fp_44709d6fcb", "fp_44709d6fcb", "equal", "broken"),
    ],
)
def test_only_an_equal_fingerprint_that_promises_can_be_broken(recorded: str, now: str, same: str, other: str) -> None:
    assert judge(TREE, TREE, recorded, now).outcome == same
    verdict = judge(TREE, OTHER, recorded, now)
    assert verdict.outcome == other
    assert verdict.differences == (Difference("choices.0.message.content", "So 4042.", "So 4041.", 6),)
    assert (verdict.recorded_fingerprint, verdict.fingerprint) == (recorded, now)


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        (OURS.replace("reckon-", "reckon-9"), ["the engine"]),
        (OURS.replace("-reference", "-cpu-avx2"), ["the numeric path"]),
        (OURS.replace("0123", "3210"), ["the model"]),
        (OURS + "-own-defaults", ["the sampling defaults"]),
        (OURS + "-unrepeatable", ["the device's promise"]),
        (
            OURS.replace("0123", "3210") + "-own-defaults-unrepeatable",
            ["the model", "the sampling defaults", "the device's promise"],
        ),
        ("fp_44709d6fcb", []),
    ],
)
def test_a_fingerprint_tells_what_is_another(now: str, changed: list[str]) -> None:
    assert changes(OURS, now) == changed


@pytest.mark.parametrize(
    ("recorded", "now", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Difference("a", 1, 2)]),
        ({"a": -1}, {"a": -1.0}, []),
        ({"a": 0.0}, {"a": -0.1}, [Difference("a", 0.0, -0.1)]),
        ({"a": 0}, {"a": False}, [Difference("a", 0, False)]),
        ({"a": "x"}, {"b": "x"}, [Difference("a", "x", None), Difference("b", None, "x")]),
        ({"a": "abc"}, {"a": "ab"}, [Difference("a", "abc", "ab", 2)]),
        ({"a": "é1"}, {"a": "é2"}, [Difference("a", "é1", "é2", 1)]),
        ({"a": [1, 2, 3]}, {"a": [1, 5, 6]}, [Difference("a.1", 2, 5)]),
        ({"a": [1]}, {"a": [1, 2]}, [Difference("a.1", None, 2)]),
        (
            {"choices": ["a", "b"]},
            {"choices": ["c", "d"]},
            [Difference("choices.0", "a", "c", 0), Difference("choices.1", "b", "d", 0)],
        ),
        (
            {"a": [{"b": [1, 2], "c": 1}]},
            {"a": [{"b": [1, 3], "c": 2}]},
            [Difference("a.0.b.1", 2, 3), Difference("a.0.c", 1, 2)],
        ),
        ({"a": {}}, {"a": []}, [Difference("a", {}, [])]),
    ],
)
def test_differences_field_by_field(recorded: Any, now: Any, found: list[Difference]) -> None:
    assert differences(recorded, now) == found
