"""What counts as a right answer, and what a majority is."""

import json
from typing import Any

import pytest

from reckon.evals.grading import answer_of, boxed, majority, right
from reckon.evals.suite import Expect

WEATHER = {"name": "weather", "arguments": {"city": "Oslo"}}


def says(text: str | None) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def calls(*functions: tuple[str, str]) -> dict[str, Any]:
    made = [
        {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in functions
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\[ \boxed{42} \]", "42"),
        (r"\boxed{41} no, \boxed{42}", "42"),
        (r"\boxed{7 remainder 5}", "7remainder5"),
        (r"\boxed{3, 15, 43}", "3,15,43"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{7 \text{ remainder } 5}", "7remainder5"),
        ("42", None),
        (r"\boxed{42", None),
    ],
)
def test_the_last_box(text: str, content: str | None) -> None:
    assert boxed(text) == content


@pytest.mark.parametrize(
    ("expect", "message", "verdict"),
    [
        (Expect(boxed="42"), says(r"\boxed{42}"), True),
        (Expect(boxed="42"), says(r"\boxed{43}"), False),
        (Expect(boxed="42"), says("42"), False),
        (Expect(boxed="42"), says(None), False),
        (Expect(boxed="42"), {**calls(("add", "{}")), "content": r"\boxed{42}"}, False),
        (Expect(json={"answer": 42}), says('{"answer": 42}'), True),
        (Expect(json={"answer": 42}), says('{"steps": ["a"], "answer": 42}'), True),
        (Expect(json={"answer": 42}), says('{"answer": "42"}'), False),
        (Expect(json={"answer": 42}), says('{"value": 42}'), False),
        (Expect(json={"answer": 42}), says("[42]"), False),
        (Expect(json={"answer": 42}), says('{"answer": 42'), False),
        (Expect(call=WEATHER), calls(("weather", '{"city": "Oslo"}')), True),
        (Expect(call=WEATHER), calls(("weather", '{"city": "Rome"}')), False),
        (Expect(call=WEATHER), calls(("time", '{"city": "Oslo"}')), False),
        (Expect(call=WEATHER), calls(("weather", '{"city": "Oslo"}'), ("weather", '{"city": "Oslo"}')), False),
        (Expect(call=WEATHER), calls(("weather", '{"city": ')), False),
        (Expect(call=WEATHER), says("It is sunny in Oslo."), False),
        (Expect(says=[["no", "sorry"], ["abacus"]]), says("I am Abacus."), True),
        (Expect(says=[["no", "sorry"], ["abacus"]]), says("No, I am sorry."), True),
        (Expect(says=[["no", "sorry"], ["abacus"]]), says("No."), False),
    ],
)
def test_right_and_wrong(expect: Expect, message: dict[str, Any], verdict: bool) -> None:
    assert right(expect, answer_of(expect, message)) is verdict


def test_an_expectation_is_one_thing() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Expect()
    with pytest.raises(ValueError, match="exactly one"):
        Expect(boxed="1", json={"a": 1})


def test_the_majority_is_the_answer_given_most_often_and_earliest() -> None:
    assert majority(["1", "2", "2", None]) == "2"
    assert majority(["1", "2", "2", "1"]) == "1"
    assert majority([None, None, "3", None]) == "3"
    assert majority([None]) is None


def test_answers_compare_by_value_not_by_spelling() -> None:
    expect = Expect(call=WEATHER)
    spaced = calls(("weather", json.dumps({"city": "Oslo"}, indent=2)))
    assert right(expect, answer_of(expect, spaced))
