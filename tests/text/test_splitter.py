import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reckon.text.pieces import CallArguments, CallStart, Piece, Text
from reckon.text.splitter import Splitter
from reckon.text.toolcalls import CLOSE, OPEN


def joined(pieces: list[Piece]) -> list[str | tuple[int, str, str]]:
    """Adjacent pieces put together: content as strings, calls as (index, name, arguments), in order."""
    out: list[str | tuple[int, str, str]] = []
    for piece in pieces:
        last = out[-1] if out else None
        match piece:
            case Text("content", text):
                assert text
                if isinstance(last, str):
                    out[-1] = last + text
                else:
                    out.append(text)
            case CallStart(index, name):
                out.append((index, name, ""))
            case CallArguments(index, fragment):
                assert isinstance(last, tuple) and last[0] == index and fragment
                out[-1] = (index, last[1], last[2] + fragment)
    return out


def run(splitter: Splitter, chunks: list[str]) -> list[str | tuple[int, str, str]]:
    pieces = [piece for chunk in chunks for piece in splitter.push(chunk)]
    return joined(pieces + splitter.finish())


def call(name: str = "f", arguments: str = "{}") -> str:
    return f'{OPEN}\n{{"name": "{name}", "arguments": {arguments}}}\n{CLOSE}'


@pytest.mark.parametrize(
    ("text", "result", "called"),
    [
        ("Hello", ["Hello"], 0),
        (" Hello \n", [" Hello \n"], 0),
        (" \n", [" \n"], 0),
        (call(), [(0, "f", "{}")], 1),
        ("\n\n" + call() + "\n", [(0, "f", "{}")], 1),
        (
            "Let me see.\n\n" + call("a", '{"x": 1}') + "\n" + call("b"),
            ["Let me see.", (0, "a", '{"x": 1}'), (1, "b", "{}")],
            2,
        ),
        (call() + "\n done \n", [(0, "f", "{}"), "done \n"], 1),
        (call() + " and " + call() + " ", [(0, "f", "{}"), "and", (1, "f", "{}")], 2),
        ("a < b <tool_cal", ["a < b <tool_cal"], 0),
        ("a <tool_box> b", ["a <tool_box> b"], 0),
        (" x <tool_call>nonsense</tool_call> y", [" x <tool_call>nonsense</tool_call> y"], 0),
        (OPEN + " " + call(), ["<tool_call>", (0, "f", "{}")], 1),
        (OPEN + '{"' + OPEN + '"' + call("g"), [OPEN + '{"' + OPEN + '"', (0, "g", "{}")], 1),
        ("x " + OPEN + '\n{"name": "f", "argu', ["x " + OPEN + '\n{"name": "f", "argu'], 0),
        (OPEN + '{"name": "f", "arguments": {"a": "b', [(0, "f", '{"a": "b')], 0),
        (OPEN + '{"name": "f", "arguments": {}', [(0, "f", "{}")], 1),
        (OPEN + '{"name": "f", "arguments": {}}\n</tool', [(0, "f", "{}")], 1),
        (OPEN + '{"name": "f", "arguments": {"a": [}\n' + CLOSE + call("g"), [(0, "f", '{"a": [}'), (1, "g", "{}")], 2),
        (OPEN + '{"name": "f", "arguments": {"a": 1\n' + CLOSE + call("g"), [(0, "f", '{"a": 1\n'), (1, "g", "{}")], 1),
    ],
)
def test_content_and_calls(text: str, result: list[object], called: int) -> None:
    for chunks in ([text], list(text)):
        splitter = Splitter((), tools=True)
        assert run(splitter, chunks) == result
        assert (splitter.called, splitter.stopped) == (called, False)


def test_without_tools_a_call_is_text() -> None:
    splitter = Splitter((), tools=False)
    assert splitter.push("x \n" + call()) == [Text("content", "x \n" + call())]
    assert (splitter.finish(), splitter.called) == ([], 0)


@pytest.mark.parametrize(
    ("stop", "text", "result", "called"),
    [
        ("END", "one ENDtwo", ["one "], 0),
        ("\n\n", "one\n\n" + call(), ["one"], 0),
        ("\n", " \n" + call(), [" "], 0),
        ("{", "one" + call() + "two{three", ["one", (0, "f", "{}"), "two"], 1),
        ("ab", "a" + call() + "b", ["a", (0, "f", "{}"), "b"], 1),
        (OPEN, "one" + call(), ["one", (0, "f", "{}")], 1),
        ("<tool", "one <tool box", ["one "], 0),
        ("x<tool_call>n", "x<tool_call>nonsense", [], 0),
        ("sense", "x<tool_call>nonsense", ["x<tool_call>non"], 0),
        ("cal", "one <tool_cal", ["one <tool_"], 0),
        ("name", OPEN + '{"name": "f"', [OPEN + '{"'], 0),
        ("Z", call() + " \n Z", [(0, "f", "{}")], 1),
    ],
)
def test_stop_strings_are_searched_in_content_only(stop: str, text: str, result: list[object], called: int) -> None:
    for chunks in ([text], list(text)):
        splitter = Splitter([stop], tools=True)
        assert run(splitter, chunks) == result
        assert splitter.called == called
        assert splitter.stopped == (stop not in ("ab", OPEN))


def test_a_whole_stop_string_before_a_call_stops_even_if_a_longer_one_was_awaited() -> None:
    splitter = Splitter(["abcd", "c"], tools=True)
    assert run(splitter, ["xabc", call()]) == ["xab"]
    assert (splitter.stopped, splitter.called) == (True, 0)


def test_nothing_comes_after_a_stop() -> None:
    splitter = Splitter(["STOP"], tools=False)
    assert splitter.push("one ST") == [Text("content", "one ")]
    assert (splitter.push("OP two"), splitter.stopped) == ([], True)
    assert (splitter.push(" three"), splitter.finish()) == ([], [])


def test_a_partial_stop_string_is_text_in_the_end() -> None:
    splitter = Splitter(["STOP"], tools=False)
    assert splitter.push("one STO") == [Text("content", "one ")]
    assert (splitter.finish(), splitter.stopped) == ([Text("content", "STO")], False)


def test_text_goes_out_at_once_when_nothing_can_follow() -> None:
    splitter = Splitter(["END"], tools=True)
    assert [splitter.push(text) for text in ("Hel", "lo", " ", "you <", "b>")] == [
        [Text("content", "Hel")],
        [Text("content", "lo")],
        [],
        [Text("content", " you")],
        [Text("content", " <b>")],
    ]


json_values = st.recursive(
    st.integers() | st.text(max_size=6) | st.sampled_from([CLOSE, OPEN, '"}', "\\", "END"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(st.text(max_size=4), json_values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
calls = st.tuples(st.sampled_from(["f", "get_it"]), arguments).map(lambda pair: call(*pair))
scraps = st.sampled_from(
    [
        OPEN,
        CLOSE,
        "<tool",
        "_call>",
        "<",
        ">",
        "{",
        "}",
        '"',
        "\\",
        '{"name": "f", "arguments": ',
        '"name"',
        ":",
        ",",
        "{}",
        " ",
        "\n",
    ]
)
words = st.sampled_from(["E", "N", "D", "END", "EEND", "é", "\U0001f600", "a b", " "]) | st.text(max_size=5)
answers = st.lists(calls | scraps | words, max_size=12).map("".join)
stop_lists = st.lists(st.sampled_from(["END", "EN", "ENDE", "\n", " \n", "é\U0001f600", "<", "}", OPEN, "a b"]), max_size=3)


@settings(max_examples=400, deadline=None)
@given(answers, stop_lists, st.booleans(), st.lists(st.integers(0, 300), max_size=12))
@example(call() + "E" + call(), ["EN"], True, [])
def test_no_division_of_the_text_changes_the_result(text: str, stop: list[str], tools: bool, cuts: list[int]) -> None:
    borders = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    results = []
    for chunks in ([text], list(text), [text[a:b] for a, b in itertools.pairwise(borders)]):
        splitter = Splitter(stop, tools)
        results.append((run(splitter, chunks), splitter.stopped, splitter.called))
    assert results[0] == results[1] == results[2]


@settings(deadline=None)
@given(st.lists(words | calls, max_size=8), st.booleans())
def test_nothing_is_lost_but_markers_and_white_space_around_calls(parts: list[str], tools: bool) -> None:
    text = "".join(parts)
    result = run(Splitter((), tools), list(text))
    if not any(part.startswith(OPEN) for part in parts) or not tools:
        assert result == ([text] if text else [])
    else:
        back = "".join(part if isinstance(part, str) else call(part[1], part[2]) for part in result)
        assert "".join(back.split()) == "".join(text.split())


@given(words.filter(lambda text: OPEN not in text), st.text("END", max_size=12), st.integers(0, 40))
def test_stops_like_the_naive_search(before: str, text: str, cut: int) -> None:
    whole = before + text
    splitter = Splitter(["END"], tools=True)
    expected = whole.partition("END")[0]
    assert run(splitter, [whole[:cut], whole[cut:]]) == ([expected] if expected else [])
    assert splitter.stopped == ("END" in whole)


@pytest.mark.parametrize(
    ("stop", "tools", "steps"),
    [
        ((), False, [("abc ", 4), ("<tool_call>", 15)]),
        (("STOP",), False, [("ab S", 3), ("T", 3), ("x", 6), ("STO", 6), ("P more", 6), ("more", 6)]),
        ((), True, [("ab  ", 2), ("c", 5), (" <tool", 5), ("_box>", 16)]),
        (
            (),
            True,
            [("a ", 1), (call()[:20], 1), (call()[20:], 2 + len(call())), (" \n", 4 + len(call())), ("b", 5 + len(call()))],
        ),
        ((), True, [(OPEN, 0), ("nonsense", 19), (" ", 19), ("x", 21)]),
        (("STOP",), True, [(call() + "\n do STOP", len(call()) + 5), ("x", len(call()) + 5)]),
        (("STOP",), True, [("STOP" + call() + "x", 0)]),
    ],
)
def test_how_much_is_decided(stop: tuple[str, ...], tools: bool, steps: list[tuple[str, int]]) -> None:
    splitter = Splitter(stop, tools)
    found = []
    for text, _ in steps:
        splitter.push(text)
        found.append(splitter.decided)
    assert found == [decided for _, decided in steps]
