"""The mean of checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import torch
from training.average import average


def checkpoint(path: Path, value: float, step: int, size: int = 2) -> Path:
    state: dict[str, Any] = {
        "model": {"w": torch.full((size,), value)},
        "progress": {"step": step},
        "recipe": {},
        "optimizers": [],
    }
    torch.save(state, path)
    return path


def test_weights_are_the_mean_and_all_else_is_of_the_later_one(tmp_path: Path) -> None:
    earlier, later = checkpoint(tmp_path / "a.pt", 1.0, 5), checkpoint(tmp_path / "b.pt", 2.0, 9)
    average([earlier, later], [1, 3], tmp_path / "c.pt")
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert state["model"]["w"].tolist() == [1.75, 1.75]
    assert state["progress"] == {"step": 9}
    assert torch.load(later, weights_only=True)["model"]["w"].tolist() == [2.0, 2.0]


def test_models_of_different_shapes_have_no_mean(tmp_path: Path) -> None:
    earlier, later = checkpoint(tmp_path / "a.pt", 1.0, 5), checkpoint(tmp_path / "b.pt", 2.0, 9, size=3)
    with pytest.raises(ValueError, match="different shapes"):
        average([earlier, later], [1, 3], tmp_path / "c.pt")
    assert not (tmp_path / "c.pt").exists()


def test_a_mean_takes_nobodys_place(tmp_path: Path) -> None:
    earlier, later = checkpoint(tmp_path / "a.pt", 1.0, 5), checkpoint(tmp_path / "b.pt", 2.0, 9)
    with pytest.raises(ValueError, match="another place"):
        average([earlier, later], [1, 1], later)
    assert torch.load(later, weights_only=True)["model"]["w"].tolist() == [2.0, 2.0]


def test_each_needs_its_part(tmp_path: Path) -> None:
    earlier, later = checkpoint(tmp_path / "a.pt", 1.0, 5), checkpoint(tmp_path / "b.pt", 2.0, 9)
    for parts in ([1.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="as many parts"):
            average([earlier, later], parts, tmp_path / "c.pt")
