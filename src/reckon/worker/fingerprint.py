"""The system fingerprint: a name for everything that decides the bytes of an answer besides its request. Runs nothing.

``reckon-VERSION+ENGINE-PATH+TOOLS-MODEL``: our version and a digest of our code and of the libraries that prompts and grammars
go through; the device's numeric path and a digest of its toolchain; a digest of the model's files. ``loop.py`` calls it.
"""

import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path

import reckon
from reckon.devices.base import Device

PACKAGE = Path(reckon.__file__).parent
ON_THE_WAY = (
    "api/answers", "api/asking", "catalog/generation.py", "devices", "engines", "job.py", "models", "text", "worker"
)  # fmt: skip
"""What a request passes through on its way to its answer. Accounts, pages and the command line change no byte of it."""
LIBRARIES = ("jinja2", "llguidance", "tokenizers")
SHORT = 8


def fingerprint(device: Device, model: str, package: Path = PACKAGE, version: str = reckon.__version__) -> str:
    """``model`` is the digest of its files. ``package`` is where our sources lie."""
    path = f"{device.numeric_path.replace('/', '-')}+{_digest(device.toolchain)}"
    return f"reckon-{version}+{engine_digest(package)}-{path}-{model}"


def engine_digest(package: Path = PACKAGE, libraries: Iterable[str] = LIBRARIES) -> str:
    """8 hex digits of our sources, Python's version and the libraries' versions."""
    parts = ["python {}.{}".format(*sys.version_info), *map(_version, libraries)]
    for source in sources(package):
        parts += [source.relative_to(package).as_posix(), hashlib.sha256(source.read_bytes()).hexdigest()]
    return _digest(parts)


def sources(package: Path = PACKAGE) -> list[Path]:
    """The files of ours that decide, in a fixed order."""
    roots = (package / place for place in ON_THE_WAY)
    return sorted(file for root in roots for file in ([root] if root.suffix else root.rglob("*.py")))


def _version(library: str) -> str:
    """A worker without the API beside it may lack what only the API needs."""
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {library}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:SHORT]
