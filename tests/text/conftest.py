"""Fixtures of the text tests: a trained tiny checkpoint, and the real Qwen2 tokenizer where there is one."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import tokenizers

from reckon.text.template import ChatTemplate
from reckon.text.tokenizer import Tokenizer
from text import checkpoint

QWEN = "RECKON_TEST_QWEN_TOKENIZER"


@pytest.fixture(scope="session")
def trained() -> dict[str, Any]:
    return checkpoint.train()


@pytest.fixture
def file(trained: dict[str, Any]) -> dict[str, Any]:
    """tokenizer.json, to be changed by the test."""
    return copy.deepcopy(trained)


@pytest.fixture(scope="session")
def directory(trained: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint.write(tmp_path_factory.mktemp("checkpoint"), trained)


@pytest.fixture(scope="session")
def tokenizer(directory: Path) -> Tokenizer:
    return Tokenizer.from_directory(directory)


@pytest.fixture(scope="session")
def ordinary(directory: Path) -> tokenizers.Tokenizer:
    """The same file, read by `tokenizers` alone: every added token counts, whoever wrote it."""
    return tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))


@pytest.fixture(scope="session")
def template(directory: Path) -> ChatTemplate:
    return ChatTemplate.from_directory(directory)


@pytest.fixture(scope="session")
def qwen_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    beside = Path(__file__).parents[3] / "shared" / "qwen-tokenizer" / "tokenizer.json"
    path = Path(os.environ.get(QWEN) or beside)
    if not path.exists():
        pytest.skip(f"the Qwen2 tokenizer is not there; {QWEN} may name its tokenizer.json")
    directory = tmp_path_factory.mktemp("qwen")
    checkpoint.write(directory, {})
    (directory / "tokenizer.json").write_bytes(path.read_bytes())
    return directory


@pytest.fixture(scope="session")
def qwen(qwen_directory: Path) -> Tokenizer:
    return Tokenizer.from_directory(qwen_directory)


@pytest.fixture(scope="session")
def qwen_ordinary(qwen_directory: Path) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_file(str(qwen_directory / "tokenizer.json"))
