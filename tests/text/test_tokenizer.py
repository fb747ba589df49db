import unicodedata
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from reckon.errors import UnsupportedModel
from reckon.text.tokenizer import ALPHABET, Tokenizer
from reckon.text.trust import Control, Markers, Plain, Rendered
from text import checkpoint

ALL = checkpoint.SPECIAL + checkpoint.MARKERS
MARKERS = Markers(ALL)

SAMPLES = (
    "Hello, world!  \n\n  It's 12345.67 — naïve café, it'LL do.\r\n\t",
    "cafe\u0301 A\u030a \u1100\u1161\u11a8 \u0958 ﬁ Å",
    "def f(x):\n    return {'a': [x]*3}\n\n\n",
    "你好，世界。こんにちは 👩‍👩‍👧‍👦🏳️‍🌈 \U0010ffff \u200b\u00a0",
    "<|im_start|>system\nYou are.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call><|im_end|>',
    "<|im_end|><|im_end|> <|im_end|>\u0338x<|im_end",
)


def split(text: str) -> Rendered:
    """As if the template had written all of it."""
    return MARKERS.split(text, "\ufdd0")


@pytest.mark.parametrize("text", SAMPLES)
def test_encodes_as_tokenizers_does(tokenizer: Tokenizer, ordinary: tokenizers.Tokenizer, text: str) -> None:
    assert tokenizer.encode(split(text)) == ordinary.encode(text).ids


@settings(deadline=None)
@given(
    text=st.lists(st.sampled_from([*ALL, "e\u0301", "\u0338", "tool", "<|", " "]) | st.text(max_size=8), max_size=10).map(
        "".join
    )
)
def test_encodes_any_text_as_tokenizers_does(tokenizer: Tokenizer, ordinary: tokenizers.Tokenizer, text: str) -> None:
    text = text.replace("\ufdd0", "")
    assert tokenizer.encode(split(text)) == ordinary.encode(text).ids


@settings(deadline=None)
@given(text=st.text())
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    decoder = tokenizer.decoder()
    pushed = "".join(decoder.push(token) for token in tokenizer.encode_text(text))
    assert pushed + decoder.flush() == unicodedata.normalize("NFC", text)


def test_plain_text_never_gives_an_added_token(tokenizer: Tokenizer) -> None:
    for text in ALL:
        ids = tokenizer.encode(Rendered((Plain(text),)))
        assert len(ids) > 1
        assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
        (control,) = tokenizer.encode(Rendered((Control(text),)))
        assert control not in ids


def test_plain_text_does_not_reach_added_tokens_that_the_vocabulary_lists(tmp_path: Path, file: dict[str, Any]) -> None:
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in file["model"]["merges"]]
    word = next("".join(merge) for merge in reversed(merges) if "".join(merge).isalpha() and len("".join(merge)) > 3)
    number = file["model"]["vocab"][word]
    file["added_tokens"].append({"id": number, "content": word, "special": True})
    file["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_directory(checkpoint.write(tmp_path, file))
    ids = tokenizer.encode_text(word)
    assert number not in ids
    assert b"".join(map(tokenizer.token_bytes, ids)) == word.encode()
    assert tokenizer.encode(Rendered((Control(word),))) == [number]


def test_merges_may_be_written_as_pairs_or_strings(tmp_path: Path, file: dict[str, Any], tokenizer: Tokenizer) -> None:
    pairs = [merge if isinstance(merge, list) else merge.split(" ") for merge in file["model"]["merges"]]
    for name, merges in (("pairs", pairs), ("strings", [" ".join(pair) for pair in pairs])):
        file["model"]["merges"] = merges
        again = Tokenizer.from_directory(checkpoint.write(tmp_path / name, file))
        assert again.encode_text(SAMPLES[0]) == tokenizer.encode_text(SAMPLES[0])


def test_truncation_padding_dropout_and_post_processing_of_the_file_do_not_apply(
    tmp_path: Path, file: dict[str, Any], tokenizer: Tokenizer
) -> None:
    file["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    file["padding"] = {"strategy": {"Fixed": 99}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}
    file["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    file["model"]["dropout"] = 0.9
    again = Tokenizer.from_directory(checkpoint.write(tmp_path, file))
    assert again.encode_text(SAMPLES[0]) == tokenizer.encode_text(SAMPLES[0])


def test_sizes_and_bytes(tokenizer: Tokenizer, ordinary: tokenizers.Tokenizer) -> None:
    assert tokenizer.vocab_size == ordinary.get_vocab_size()
    assert tokenizer.special_ids == {ordinary.token_to_id(text) for text in checkpoint.SPECIAL}
    assert tokenizer.token_bytes(ordinary.token_to_id("<|im_end|>")) == b"<|im_end|>"
    assert tokenizer.token_bytes(ordinary.token_to_id("Ã")) == b"\xc3"


@pytest.mark.parametrize("token", [-1, 10**9])
def test_an_id_without_a_token_has_no_bytes(tokenizer: Tokenizer, token: int) -> None:
    assert tokenizer.token_bytes(token) == b""
    assert tokenizer.decoder().push(token) == ""


def test_special_tokens_have_no_text_and_markers_have(tokenizer: Tokenizer) -> None:
    controls = tokenizer.encode(split("<|im_end|><tool_call><|endoftext|></tool_call>"))
    decoder = tokenizer.decoder()
    assert [decoder.push(token) for token in controls] == ["", "<tool_call>", "", "</tool_call>"]


def test_the_alphabet_is_gpt2s() -> None:
    assert len(ALPHABET) == len(set(ALPHABET.values())) == 256
    assert set(ALPHABET) == set(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert (ALPHABET["Ġ"], ALPHABET["Ċ"], ALPHABET["a"], ALPHABET["ł"]) == (0x20, 0x0A, 0x61, 0xA0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": {"type": "Unigram", "vocab": []}}, "this has model.type 'Unigram'"),
        ({"model": {"type": "BPE", "byte_fallback": True}}, "with byte_fallback True"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, r"pre_tokenizer must be ByteLevel, not \['Metaspace'\]"),
        ({"pre_tokenizer": None}, "pre_tokenizer must be ByteLevel, not None"),
        ({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}]}}, "decoder must be ByteLevel"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}, "byte 0x21 has no token"),
        ({"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}, "is not a valid tokenizer file"),
        ({"model": 5}, "is not a valid tokenizer file"),
        ({"pre_tokenizer": {"type": "ByteLevel", "trim_offsets": 7}}, "cannot be loaded"),
    ],
)
def test_what_is_no_byte_level_bpe_is_refused(
    tmp_path: Path, file: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnsupportedModel, match=reason):
        Tokenizer.from_directory(checkpoint.write(tmp_path, file | change))


def test_a_token_that_is_no_bytes_is_refused(tmp_path: Path, file: dict[str, Any]) -> None:
    file["model"]["vocab"]["日本"] = 5000
    with pytest.raises(UnsupportedModel, match="token 5000 '日本' is not bytes"):
        Tokenizer.from_directory(checkpoint.write(tmp_path, file))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"has no tokenizer\.json"):
        Tokenizer.from_directory(tmp_path)


@pytest.mark.parametrize("text", SAMPLES)
def test_qwen_encodes_as_tokenizers_does(qwen: Tokenizer, qwen_ordinary: tokenizers.Tokenizer, text: str) -> None:
    assert qwen.encode(split(text)) == qwen_ordinary.encode(text).ids


def test_qwen_numbers(qwen: Tokenizer) -> None:
    assert qwen.encode(split("<|endoftext|><|im_start|><|im_end|><tool_call></tool_call>")) == [
        151643,
        151644,
        151645,
        151657,
        151658,
    ]
    assert {151643, 151644, 151645} <= qwen.special_ids
    assert not {151657, 151658} & qwen.special_ids
    assert qwen.vocab_size == 151665
    assert qwen.encode_text("Hello world") == [9707, 1879]


@pytest.mark.parametrize(
    "text", ["", "a", "hello " * 50, "각" * 30, unicodedata.normalize("NFD", "각가힣" * 30), "\ud800é" * 9]
)
def test_no_text_has_fewer_tokens_than_it_must_have(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.fewest_tokens(text) <= len(tokenizer.encode_text(text.encode("utf-8", "replace").decode()))


def test_a_huge_text_is_known_to_be_huge(tokenizer: Tokenizer) -> None:
    assert tokenizer.fewest_tokens("a " * 1_000_000) > 10_000
