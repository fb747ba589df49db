"""The safetensors file format: which tensor lies where in a file, checked before a byte of it is trusted.

Knows nothing of models. ``weights.py`` calls it. Ours because the library's numpy front end has no bf16.
Format: a little-endian uint64 length, that many bytes of JSON, the tensors' bytes; https://github.com/huggingface/safetensors.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from reckon.errors import UnsupportedModel

ITEM_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
MAX_HEADER = 100_000_000
"""The format's own limit, in bytes."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as stored. ``data`` is the memory-mapped file's own bytes: reading them reads the disk."""

    dtype: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8]  # [bytes]


def open_tensors(path: Path) -> dict[str, Tensor]:
    """Map a file and check its table. Raises UnsupportedModel naming the file, and the tensor where there is one."""
    header, file = _read(path)
    header.pop("__metadata__", None)
    spans = {name: _span(path, name, entry) for name, entry in header.items()}
    expected = 0
    tensors = {}
    body = file.size - _data_start(file)
    for name, (dtype, shape, start, end) in sorted(spans.items(), key=lambda item: item[1][2:]):
        if end > body:
            raise UnsupportedModel(f"{path} is truncated: tensor {name!r} ends at byte {end} of {body} that are there")
        if start != expected:
            raise UnsupportedModel(
                f"{path}: tensor {name!r} starts at byte {start}, not at {expected} where the one before ends"
            )
        expected = end
        tensors[name] = Tensor(dtype, shape, file[file.size - body + start : file.size - body + end])
    if expected != body:
        raise UnsupportedModel(f"{path} has {body - expected} bytes after its last tensor")
    return tensors


def _data_start(file: NDArray[np.uint8]) -> int:
    return 8 + int.from_bytes(file[:8].tobytes(), "little")


def _read(path: Path) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    try:
        size = path.stat().st_size
        file = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray) if size else np.empty(0, np.uint8)
    except OSError as error:
        raise UnsupportedModel(f"{path} cannot be read: {error.strerror}") from None
    if size < 8:
        raise UnsupportedModel(f"{path} is truncated: {size} bytes, a safetensors file has at least 8")
    start = _data_start(file)
    if start > size or start > MAX_HEADER:
        raise UnsupportedModel(f"{path} is truncated or no safetensors file: a header of {start - 8} bytes in {size}")
    try:
        header = json.loads(file[8:start].tobytes().decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnsupportedModel(f"{path} has a header that is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise UnsupportedModel(f"{path} has a header that is no JSON object")
    return header, file


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name stands there twice")
    return content


def _span(path: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """(dtype, shape, first byte, byte after the last) of a header's entry; offsets count from the end of the header."""
    where = f"{path}: tensor {name!r}"
    if not isinstance(entry, dict):
        raise UnsupportedModel(f"{where} is described by {entry!r}, not by an object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise UnsupportedModel(f"{where} has dtype {dtype!r}; supported are {', '.join(ITEM_BYTES)}")
    if not _naturals(shape):
        raise UnsupportedModel(f"{where} has shape {shape!r}, not a list of sizes")
    if not _naturals(offsets) or len(offsets) != 2:
        raise UnsupportedModel(f"{where} has data_offsets {offsets!r}, not two byte positions")
    start, end = offsets
    needed = math.prod(shape) * ITEM_BYTES[dtype]
    if end - start != needed:
        raise UnsupportedModel(f"{where} takes {end - start} bytes; shape {shape} of {dtype} needs {needed}")
    return dtype, tuple(shape), start, end


def _naturals(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
