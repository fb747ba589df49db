import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reckon.text.pieces import CallArguments, CallStart
from reckon.text.toolcalls import CLOSE, CallReader, ObjectScanner, State


def read(text: str, size: int = 1) -> tuple[CallReader, str | None, str]:
    """Push ``size`` characters at a time; the reader, the name and the joined arguments."""
    reader = CallReader(3)
    name: str | None = None
    arguments = ""
    for start in range(0, len(text), size):
        if reader.state in (State.OVER, State.MALFORMED):
            reader.rest += text[start : start + size]
            continue
        for piece in reader.push(text[start : start + size]):
            assert piece.index == 3
            match piece:
                case CallStart(_, given_name):
                    assert name is None
                    name = given_name
                case CallArguments(_, fragment):
                    assert name is not None and fragment
                    arguments += fragment
    return reader, name, arguments


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("text", "arguments", "rest"),
    [
        ('\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>', '{"a": 1}', ""),
        ('{"name":"f","arguments":{}}</tool_call>', "{}", ""),
        (' {\n "name" : "f" ,\n "arguments" : {"a": {"b": [{}]}} } </tool_call>\nx', '{"a": {"b": [{}]}}', "\nx"),
        ('{"name": "f", "arguments": {"a": "}{\\"}\\\\"}}</tool_call>', '{"a": "}{\\"}\\\\"}', ""),
        ('{"name": "f", "arguments": {"a": "</tool_call>\\n"}}</tool_call>', '{"a": "</tool_call>\\n"}', ""),
        ('{"name": "f", "arguments": {"a": "é\U0001f600\\ud83d"}}</tool_call>', '{"a": "é\U0001f600\\ud83d"}', ""),
        ('{"arguments": {"a": 1.0}, "name": "f"}</tool_call>', '{"a": 1.0}', ""),
        ('{"id": [1, {}], "name": "f", "arguments": { "a": 1e2 }}\n</tool_call>!', '{ "a": 1e2 }', "!"),
        ('{"name": "f", "arguments": {"a": 1}}} \n</tool_call>', '{"a": 1}', ""),
        ('{"name": "f", "arguments": {"a": 1}\n</tool_call>', '{"a": 1}', ""),
        ('{"name": "f", "arguments": {"a": 1}}<tool_call>', '{"a": 1}', "<tool_call>"),
        ('{"name": "f", "arguments": {"a": 1}, "id": 2}</tool_call>', '{"a": 1}', ', "id": 2}</tool_call>'),
        ('{"name": "f", "arguments": {\'a\': 1,}}</tool_call>', "{'a': 1,}", ""),
        ('{"name": "f", "arguments": {"a": "\n"}}</tool_call>', '{"a": "\n"}', ""),
    ],
)
def test_calls(text: str, arguments: str, rest: str, size: int) -> None:
    reader, name, given_arguments = read(text, size)
    assert (name, given_arguments, reader.rest) == ("f", arguments, rest)
    assert reader.state is State.OVER
    assert reader.completed


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[1]",
        "{}",
        "{ x",
        '{"name": "f"}',
        '{"name": "f", "arguments": "{}"}',
        '{"name": "f", "arguments": null}',
        '{"name": 5, "arguments": {}}',
        '{"name": "", "arguments": {}}',
        '{"name": "a\\nb", "arguments": {}}',
        '{"name": "\u200b", "arguments": {}}',
        '{"name": "\\ud800", "arguments": {}}',
        '{"arguments": {"a": 1,}, "name": "f"}',
        '{"name": "f" "arguments": {}}',
        '{"name": "f", </tool_call>',
        '{"name": "f"</tool_call>',
        "</tool_call>",
        " " * 65 + '{"name": "f", "arguments": {}}',
        '{"arguments": ' + '{"a":' * 3000 + "1" + "}" * 3000 + ', "name": "f"}',
    ],
)
def test_what_is_no_call_comes_back_whole(text: str, size: int) -> None:
    reader, name, _ = read(text, size)
    assert reader.state is State.MALFORMED
    assert (name, reader.rest, reader.completed) == (None, text, False)


def test_arguments_come_as_they_are_written() -> None:
    reader = CallReader(0)
    assert reader.push('\n{"name": "get') == []
    assert reader.push('_it", "arguments": ') == []
    assert reader.push("{") == [CallStart(0, "get_it"), CallArguments(0, "{")]
    assert reader.push('"a": ') == [CallArguments(0, '"a": ')]
    assert (reader.push("1}}\n"), reader.state, reader.completed) == ([CallArguments(0, "1}")], State.TAIL, True)
    assert (reader.push("</tool"), reader.state) == ([], State.TAIL)
    assert (reader.push("_call>"), reader.state) == ([], State.OVER)


def test_arguments_that_are_never_closed_end_at_the_marker_and_are_not_complete() -> None:
    reader, name, arguments = read('{"name": "f", "arguments": {"a": [1\n</tool_call>then', 4)
    assert (name, arguments, reader.rest) == ("f", '{"a": [1\n', "then")
    assert reader.state is State.OVER
    assert not reader.completed


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.just(CLOSE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4) | st.sampled_from(['"', "{", "}", "\\", CLOSE]), values, max_size=4)


@given(objects, st.booleans(), st.booleans(), st.integers(1, 9))
def test_any_arguments_come_through_unchanged(value: dict[str, object], ascii_only: bool, name_first: bool, size: int) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only)
    members = ['"name": "f"', f'"arguments": {written}']
    text = "\n{" + ", ".join(members if name_first else reversed(members)) + "}\n" + CLOSE + "after"
    reader, name, arguments = read(text, size)
    assert (name, arguments, reader.rest, reader.completed) == ("f", written, "after", True)


@given(objects, st.integers(1, 9))
def test_the_scanner_finds_the_end_of_any_object(value: dict[str, object], size: int) -> None:
    written = json.dumps(value)
    scanner = ObjectScanner()
    text, at = "", 0
    for start in range(0, len(written + "}x"), size):
        text += (written + "}x")[start : start + size]
        at = scanner.scan(text, at)
    assert (at, scanner.closed, scanner.broken) == (len(written), True, False)
