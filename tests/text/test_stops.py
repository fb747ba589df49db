import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reckon.text.stops import StopFinder

stops = st.lists(st.text("ab", min_size=1, max_size=5), max_size=4)
wide = st.text("abé\U0001f600", max_size=24)


def oracle(stop: list[str], text: str) -> tuple[str, bool]:
    """The definition: cut at the smallest begin of any stop string."""
    begins = [text.find(each) for each in stop if each in text]
    return (text[: min(begins)], True) if begins else (text, False)


def run(stop: list[str], chunks: list[str]) -> tuple[str, bool]:
    finder = StopFinder(stop)
    out = ""
    for chunk in chunks:
        if not finder.stopped:
            out += finder.push(chunk)
    if not finder.stopped:
        out += finder.flush()
    return out, finder.stopped


def chunked(text: str, cuts: list[int]) -> list[str]:
    borders = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(borders)]


@given(stops, wide, st.lists(st.integers(0, 24)))
@example(["aab"], "aaab", [1, 2, 3])
@example(["abab", "ba"], "ababab", [1, 2, 3])
@example(["abcd", "c"], "abcd", [3])
@example(["abcd", "c"], "abce", [3])
@example(["aabaaa", "b"], "aabaab", [1, 2, 3, 4, 5])
def test_any_division_gives_what_the_whole_text_gives(stop: list[str], text: str, cuts: list[int]) -> None:
    assert run(stop, chunked(text, cuts)) == oracle(stop, text)


@given(stops, wide, st.lists(st.integers(0, 24)))
@example(["ab", "a"], "xab", [])
@example(["ab", "a"], "xab", [2])
@example(["b", "ab", "abc"], "xabc", [2, 3])
def test_it_says_which_it_found(stop: list[str], text: str, cuts: list[int]) -> None:
    """Of those that begin first, the shortest."""
    finder = StopFinder(stop)
    for chunk in chunked(text, cuts):
        finder.push(chunk)
    finder.flush()
    found = sorted((text.find(each), len(each), each) for each in stop if each in text)
    assert finder.matched == (found[0][2] if found else None)


@given(stops, wide, st.lists(st.integers(0, 24)))
def test_holds_only_what_can_still_become_a_stop(stop: list[str], text: str, cuts: list[int]) -> None:
    finder = StopFinder(stop)
    seen = out = ""
    for chunk in chunked(text, cuts):
        out += finder.push(chunk)
        seen += chunk
        if finder.stopped:
            return
        assert seen.startswith(out)
        held = seen[len(out) :]
        assert not held or any(each.startswith(held) for each in stop) or any(each in held for each in stop)


@pytest.mark.parametrize("offset", range(9))
def test_every_border_within_a_stop_string(offset: int) -> None:
    text = "xé\U0001f600STOPy"
    assert run(["\U0001f600STOP"], [text[:offset], text[offset:]]) == ("xé", True)
    assert run(["STOP"], [text[:offset], *text[offset:]]) == ("xé\U0001f600", True)


def test_nothing_of_a_stop_string_leaks() -> None:
    finder = StopFinder(["END"])
    assert [finder.push(letter) for letter in "1 ENEND2"] == ["1", " ", "", "", "EN", "", "", ""]
    assert finder.stopped


def test_an_earlier_begin_is_waited_for() -> None:
    finder = StopFinder(["xabcd", "c"])
    assert [finder.push(text) for text in ("..xab", "c")] == ["..", ""]
    assert not finder.stopped, "xabcd begins before c and may still come"
    assert (finder.push("e"), finder.stopped) == ("xab", True)


def test_what_was_waited_for_counts_at_the_end() -> None:
    assert run(["xabcd", "c"], ["..xabc"]) == ("..xab", True)


def test_flush_gives_what_is_held_and_starts_anew() -> None:
    finder = StopFinder(["abc"])
    assert (finder.push("xab"), finder.flush(), finder.push("c"), finder.stopped) == ("x", "ab", "c", False)


def test_without_stop_strings_text_passes() -> None:
    finder = StopFinder([])
    assert (finder.push("abc"), finder.flush(), finder.stopped) == ("abc", "", False)


def test_a_stop_string_that_makes_naive_searches_slow_is_linear() -> None:
    stop = "a" * 20_000 + "b"
    finder = StopFinder([stop] * 4)
    for _ in range(2_000):
        finder.push("a" * 20)
    assert not finder.stopped
    finder.push("b")
    assert finder.stopped
