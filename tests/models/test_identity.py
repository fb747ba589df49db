"""A model's digest is of every byte that makes its answers, and of nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest

from models.files import write_tensors
from reckon.models.identity import FILES, model_digest
from reckon.models.weights import Weights

SRC = Path(__file__).parents[2] / "src" / "reckon"
NAMES = [pattern.replace("*", "tool_use") for pattern in FILES]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    (directory / "additional_chat_templates").mkdir(parents=True)
    write_tensors(directory / "model.safetensors", {"a": np.arange(9000, dtype=np.uint16)})
    for name in NAMES:
        (directory / name).write_text(f"{{}} of {name}")
    return directory


def digest(directory: Path) -> str:
    return model_digest(directory, Weights.open(directory))


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_of_a_file_or_a_file_less_is_another_model(model: Path, name: str) -> None:
    before = digest(model)
    assert digest(model) == before
    (model / name).write_text((model / name).read_text() + " ")
    changed = digest(model)
    (model / name).unlink()
    assert len({before, changed, digest(model)}) == 3


def test_a_bit_of_the_weights_is_another_model(model: Path) -> None:
    before = digest(model)
    content = bytearray((model / "model.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (model / "model.safetensors").write_bytes(content)
    assert digest(model) != before


def test_files_that_swap_their_contents_are_another_model(model: Path) -> None:
    before = digest(model)
    one, other = model / NAMES[0], model / NAMES[1]
    first = one.read_text()
    one.write_text(other.read_text())
    other.write_text(first)
    assert digest(model) != before


def test_a_readme_is_no_part_of_the_model(model: Path) -> None:
    before = digest(model)
    (model / "README.md").write_text("A model.")
    assert digest(model) == before


def test_whatever_is_read_of_a_checkpoint_is_in_it() -> None:
    """Both sides of the link: the names of files that stand in the rooms which read checkpoints, weights aside."""
    files = [*(SRC / "text").glob("*.py"), *(SRC / "models").glob("*.py"), *(SRC / "worker").glob("*.py"),
             *(SRC / "engines").glob("*.py"), SRC / "catalog" / "generation.py"]  # fmt: skip
    files.remove(SRC / "models" / "identity.py")
    read = {name for file in files for name in re.findall(r'"([\w.*/]+\.(?:jinja|json|model|txt))"', file.read_text())}
    assert read - {"*.jinja", "model.safetensors.index.json"} == {Path(name).name for name in FILES} - {"*.jinja"}
