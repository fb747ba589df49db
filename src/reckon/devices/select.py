"""The one place where a device is chosen. Its module is imported only then: it may bring a compiler or a GPU library along."""

import hashlib
import importlib.metadata
import os
from pathlib import Path

from reckon.devices.base import Device
from reckon.errors import BadSetting

NAMES = ("auto", "cpu", "reference")


def select(name: str, threads: int, forms: str, cache: Path, kv_bytes: int = 0) -> Device:
    """The device of that name, not loaded yet. ``cache`` is where compiled code is kept between starts.

    For the cpu device: ``threads``, the ``forms`` in which weights are kept, and ``kv_bytes``, to be left for KV blocks.

    Raises BadSetting for a name that no device has.
    """
    if name not in NAMES:
        raise BadSetting(f"device must be one of {', '.join(NAMES)}, not {name!r}")
    if name == "reference":
        from reckon.devices.reference import ReferenceDevice

        return ReferenceDevice()
    # Read when numba is imported, so it has to be set before.
    os.environ["NUMBA_CACHE_DIR"] = str(cache / compiled_version())
    from reckon.devices.cpu.device import CpuDevice

    return CpuDevice(threads, forms=forms, reserved=kv_bytes)


def compiled_version() -> str:
    """A name for what the compiled step depends on: our sources and the compiler. numba itself looks at one file only."""
    digest = hashlib.sha256(importlib.metadata.version("numba").encode() + importlib.metadata.version("llvmlite").encode())
    for source in sorted(Path(__file__).parent.glob("cpu/*.py")):
        digest.update(source.read_bytes())
    return "cpu-" + digest.hexdigest()[:16]
