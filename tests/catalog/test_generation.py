import json
from pathlib import Path

import pytest

from reckon.catalog.generation import FILE, sampling_defaults
from reckon.errors import BadSetting


def test_what_the_makers_sample_with(tmp_path: Path) -> None:
    content = {"do_sample": True, "eos_token_id": [1], "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0}
    (tmp_path / FILE).write_text(json.dumps(content))
    assert sampling_defaults(tmp_path) == {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0}
    (tmp_path / FILE).write_text(json.dumps({"temperature": None, "top_k": 50}))
    assert sampling_defaults(tmp_path) == {"top_k": 50}


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert sampling_defaults(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"temperature": "hot"}', '{"top_k": 1.5}', '{"top_p": NaN}'])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadSetting, match=FILE):
        sampling_defaults(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(BadSetting, match=FILE):
        sampling_defaults(tmp_path)
