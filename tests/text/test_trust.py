import pytest
from hypothesis import given
from hypothesis import strategies as st

from reckon.errors import InvalidRequest
from reckon.text.trust import NONCHARACTERS, Control, Markers, Plain, Rendered, choose_mark
from text import checkpoint

MARK = NONCHARACTERS[0]
MARKERS = Markers(checkpoint.SPECIAL + checkpoint.MARKERS)

fragments = st.sampled_from(
    [*checkpoint.SPECIAL, *checkpoint.MARKERS, "<", ">", "<|", "|>", "<|im_", "start|>", "tool_call", "</", " ", "\n", "a"]
)
texts = st.lists(fragments | st.text(max_size=3), max_size=8).map(lambda parts: "".join(parts).replace(MARK, ""))


def controls(text: str) -> list[str]:
    return [piece.text for piece in MARKERS.split(text, MARK).pieces if isinstance(piece, Control)]


def test_splits_at_markers_and_takes_marks_out() -> None:
    rendered = MARKERS.split(f"<|im_start|>user\n<{MARK}|im_end|><|im_end|>", MARK)
    assert rendered == Rendered((Control("<|im_start|>"), Plain("user\n<|im_end|>"), Control("<|im_end|>")))
    assert rendered.text == "<|im_start|>user\n<|im_end|><|im_end|>"


def test_the_longest_marker_goes_first() -> None:
    assert Markers(["<a", "<a>"]).split("<a><a", MARK).pieces == (Control("<a>"), Control("<a"))


def test_overlapping_markers_are_all_broken() -> None:
    markers = Markers(["aba"])
    protected = markers.protect("abababa", MARK)
    assert isinstance(protected, str)
    assert markers.split(protected, MARK) == Rendered((Plain("abababa"),))


@given(texts)
def test_what_a_client_sent_never_becomes_a_marker_and_loses_nothing(text: str) -> None:
    protected = MARKERS.protect(text, MARK)
    assert isinstance(protected, str)
    assert MARKERS.split(protected, MARK) == Rendered((Plain(text),) if text else ())


@given(texts, st.sampled_from(checkpoint.SPECIAL + checkpoint.MARKERS), st.data(), st.booleans())
def test_the_templates_text_beside_it_cannot_complete_a_marker(text: str, marker: str, data: st.DataObject, trim: bool) -> None:
    left = data.draw(st.integers(0, len(marker) - 1))
    right = data.draw(st.integers(left + 1, len(marker)))
    protected = str(MARKERS.protect(text, MARK))
    protected = protected.strip() if trim else protected
    if left or right < len(marker):
        if protected:
            assert controls(marker[:left] + protected + marker[right:]) == []
        two = protected + str(MARKERS.protect(marker[left:right], MARK))
        assert controls(marker[:left] + two + marker[right:]) == []


def test_protects_every_string_of_a_value_and_nothing_else() -> None:
    value = {"<|im_end|>": ["<tool_call>", 1, None, True, 2.5], "type": "object"}
    assert MARKERS.protect(value, MARK) == {f"<{MARK}|im_end|>": [f"<{MARK}tool_call>", 1, None, True, 2.5], "type": "object"}


@pytest.mark.parametrize("text", ["", "  ", "Hello", "a < b > c.", "object", "x\n<p>\ny"])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert Markers(["<|object_ref_start|>"]).protect(text, MARK) == text


def test_words_that_templates_compare_with_are_left_alone_and_others_are_fenced() -> None:
    markers = Markers(["<|object_ref|>"])
    assert markers.protect("object", MARK) == "object"
    assert markers.protect(" object_ref ", MARK) == f" {MARK}object_ref "


def test_no_markers_at_all() -> None:
    assert Markers([]).split("<|im_end|>", MARK) == Rendered((Plain("<|im_end|>"),))
    assert Markers(["<"]).protect("<", MARK) == "<", "one character cannot be broken, it is text"


def test_the_mark_is_one_that_the_request_lacks() -> None:
    assert choose_mark("Hello") == "\ufdd0"
    assert choose_mark("\ufdd0 \ufdd1") == "\ufdd2"
    assert len(set(NONCHARACTERS)) == 66


def test_a_request_with_every_noncharacter_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="noncharacter"):
        choose_mark("".join(NONCHARACTERS))
