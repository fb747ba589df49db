"""Safetensors files by hand, good and bad: the header is what the test says, the bytes are what the test says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"float32": "F32", "float16": "F16", "uint16": "BF16"}


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def write_raw(path: Path, header: Any, body: bytes = b"", *, length: int | None = None) -> Path:
    """``header`` is bytes, or what becomes JSON; ``length`` lies about its size."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    return path


def write_tensors(path: Path, tensors: dict[str, NDArray[Any]]) -> Path:
    """uint16 arrays are stored as bf16."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, array in tensors.items():
        header[name] = entry(DTYPES[array.dtype.name], list(array.shape), start, start + array.nbytes)
        start += array.nbytes
    text = json.dumps(header)
    return write_raw(path, (text + " " * (-len(text) % 8)).encode(), b"".join(map(np.ndarray.tobytes, tensors.values())))
