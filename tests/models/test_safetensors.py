from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.models.files import entry, write_raw, write_tensors

from reckon.errors import UnsupportedModel
from reckon.models.safetensors import open_tensors

GOOD = entry("F32", [2], 0, 8)


def test_a_file_of_the_library(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.ones((0, 4), np.float16),
        "c": np.array(3, np.float32),
    }
    save_file(arrays, tmp_path / "x", metadata={"format": "np"})
    found = open_tensors(tmp_path / "x")
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("F16", (0, 4)),
        "c": ("F32", ()),
    }
    for name, array in arrays.items():
        assert found[name].data.tobytes() == array.tobytes()


def test_a_file_of_ours(tmp_path: Path) -> None:
    bits = np.arange(5, dtype=np.uint16)
    found = open_tensors(write_tensors(tmp_path / "x", {"z": bits, "a": bits[:2]}))
    assert found["z"].dtype == "BF16"
    assert found["a"].data.view(np.uint16).tolist() == [0, 1]
    assert not found["a"].data.flags.writeable


def test_an_empty_table(tmp_path: Path) -> None:
    assert open_tensors(write_raw(tmp_path / "x", {})) == {}


@pytest.mark.parametrize(
    ("header", "body", "said"),
    [
        ({"w": GOOD}, b"1234567", "is truncated: tensor 'w' ends at byte 8 of 7 that are there"),
        ({"w": GOOD}, b"123456789", "has 1 bytes after its last tensor"),
        ({"w": GOOD, "v": GOOD}, b"12345678", "tensor 'v' starts at byte 0, not at 8"),
        ({"w": GOOD, "v": entry("F32", [1], 4, 8)}, b"12345678", "tensor 'v' starts at byte 4, not at 8"),
        ({"w": GOOD, "v": entry("F32", [1], 12, 16)}, b"1" * 16, "tensor 'v' starts at byte 12, not at 8"),
        ({"w": entry("F8_E4M3", [8], 0, 8)}, b"12345678", "tensor 'w' has dtype 'F8_E4M3'; supported are BF16, F16, F32"),
        ({"w": entry("I64", [1], 0, 8)}, b"12345678", "tensor 'w' has dtype 'I64'"),
        ({"w": {"shape": [2], "data_offsets": [0, 8]}}, b"12345678", "tensor 'w' has dtype None"),
        ({"w": entry(["F32"], [2], 0, 8)}, b"12345678", r"tensor 'w' has dtype \['F32'\]"),
        ({"w": entry("F32", [3], 0, 8)}, b"12345678", r"tensor 'w' takes 8 bytes; shape \[3\] of F32 needs 12"),
        ({"w": entry("F32", [-2], 0, 8)}, b"12345678", r"tensor 'w' has shape \[-2\]"),
        ({"w": entry("F32", [True], 0, 4)}, b"1234", r"tensor 'w' has shape \[True\]"),
        ({"w": entry("F32", "2", 0, 8)}, b"12345678", "tensor 'w' has shape '2'"),
        ({"w": entry("F32", [2**40, 2**40], 0, 8)}, b"12345678", "tensor 'w' takes 8 bytes"),
        ({"w": entry("F32", [2], 8, 0)}, b"12345678", "tensor 'w' takes -8 bytes"),
        ({"w": entry("F32", [2], -8, 0)}, b"12345678", r"tensor 'w' has data_offsets \[-8, 0\]"),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, b"12345678", r"tensor 'w' has data_offsets \[0\]"),
        ({"w": {"dtype": "F32", "shape": [2]}}, b"12345678", "tensor 'w' has data_offsets None"),
        ({"w": 3}, b"", "tensor 'w' is described by 3"),
        ([], b"", "has a header that is no JSON object"),
        (b"{", b"", "has a header that is not valid JSON"),
        (b"\xff\xff", b"", "has a header that is not valid JSON"),
        (b"[" * 100_000, b"", "has a header that is not valid JSON"),
        (b'{"a": 1, "a": 1}', b"", "a name stands there twice"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, header: Any, body: bytes, said: str) -> None:
    with pytest.raises(UnsupportedModel, match=rf"bad\.safetensors.*{said}"):
        open_tensors(write_raw(tmp_path / "bad.safetensors", header, body))


@pytest.mark.parametrize("content", [b"", b"1234567"])
def test_a_file_too_short_for_a_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnsupportedModel, match=f"is truncated: {len(content)} bytes"):
        open_tensors(tmp_path / "x")


@pytest.mark.parametrize("length", [3, 100_000_001, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file(tmp_path: Path, length: int) -> None:
    with pytest.raises(UnsupportedModel, match=f"a header of {length} bytes in 10"):
        open_tensors(write_raw(tmp_path / "x", {}, length=length))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="x cannot be read: No such file"):
        open_tensors(tmp_path / "x")
