import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from reckon.text.decoder import Decoder


def decoder_of(*table: bytes) -> Decoder:
    return Decoder(lambda token: table[token])


def test_a_character_comes_when_its_last_byte_does() -> None:
    decoder = decoder_of(b"a\xf0\x9f", b"\x98", b"\x80b")
    assert [(decoder.push(token), decoder.holding) for token in range(3)] == [("a", True), ("", True), ("\U0001f600b", False)]
    assert decoder.flush() == ""


def test_what_is_held_at_the_end_is_a_replacement_character() -> None:
    decoder = decoder_of(b"\xe4\xbd")
    assert decoder.push(0) == ""
    assert decoder.flush() == "\ufffd"
    assert decoder.flush() == ""


def test_invalid_bytes_do_not_stop_what_follows() -> None:
    decoder = decoder_of(b"\xff", b"\xe4\xbd", b"x")
    assert [decoder.push(token) for token in range(3)] == ["\ufffd", "", "\ufffdx"]


pieces = st.binary(max_size=4) | st.sampled_from(
    [b"\xf0", b"\x9f", b"\x98", b"\x80", b"\xed\xa0\x80", b"\xc0", "é".encode(), b""]
)


@given(st.lists(pieces, max_size=20))
@example([b"\xf0\x90", b"A"])
@example([b"\xe0", b"\x80", b"\x80"])
@example([b"\xf4", b"\x90"])
def test_the_joined_text_is_that_of_all_bytes_at_once(table: list[bytes]) -> None:
    decoder = decoder_of(*table)
    text = "".join(decoder.push(token) for token in range(len(table)))
    assert text + decoder.flush() == b"".join(table).decode("utf-8", "replace")


@given(st.text(), st.lists(st.integers(0, 200)))
def test_any_cut_of_any_text_comes_back_without_half_characters(text: str, cuts: list[int]) -> None:
    data = text.encode()
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    decoder = decoder_of(*(data[start:end] for start, end in itertools.pairwise(borders)))
    assert "".join(decoder.push(token) for token in range(len(borders) - 1)) == text
    assert decoder.flush() == ""
