import json
from pathlib import Path
from typing import Any

import pytest

from reckon.errors import UnsupportedModel
from reckon.text.added import read_added_tokens
from text import checkpoint


def test_reads_ids_texts_and_which_are_special(directory: Path) -> None:
    tokens = {token.content: token.special for token in read_added_tokens(directory)}
    assert tokens == dict.fromkeys(checkpoint.SPECIAL, True) | dict.fromkeys(checkpoint.MARKERS, False)


def test_tokens_that_only_the_config_has_are_added(tmp_path: Path, file: dict[str, Any]) -> None:
    more = {"0": {"content": "<|endoftext|>", "special": False}, "900": {"content": "<think>", "special": False}}
    tokens = read_added_tokens(checkpoint.write(tmp_path, file, added_tokens_decoder=more))
    assert [(token.id, token.content) for token in tokens if token.id == 900] == [(900, "<think>")]
    assert next(token for token in tokens if token.id == 0).special, "tokenizer.json goes first"


def test_no_config_is_needed(tmp_path: Path, file: dict[str, Any]) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    assert len(read_added_tokens(tmp_path)) == 5


@pytest.mark.parametrize("flag", ["lstrip", "rstrip", "single_word"])
def test_a_token_that_swallows_its_surroundings_is_refused(tmp_path: Path, file: dict[str, Any], flag: str) -> None:
    file["added_tokens"][1][flag] = True
    with pytest.raises(UnsupportedModel, match=r"added token 1 '<\|im_start\|>' is not supported: lstrip"):
        read_added_tokens(checkpoint.write(tmp_path, file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"has no tokenizer\.json"):
        read_added_tokens(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"added_tokens": [{"id": "x"}]}', '{"added_tokens": 1}'])
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(UnsupportedModel, match=r"tokenizer\.json is not a valid tokenizer file"):
        read_added_tokens(tmp_path)


def test_a_key_that_is_no_id_is_refused(tmp_path: Path, file: dict[str, Any]) -> None:
    config = {"added_tokens_decoder": {"one": {"content": "<think>"}}}
    with pytest.raises(UnsupportedModel, match="keys of added_tokens_decoder must be token ids, not 'one'"):
        read_added_tokens(checkpoint.write(tmp_path, file, **config))
