"""The record of a measurement: the numbers, and all that somebody needs to judge them or to repeat them.

Every bench writes one with ``--json``; docs/measurements.md is made of such files. Knows no bench.
"""

import itertools
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import reckon
from reckon.errors import BadSetting

LIBRARIES = ("numpy", "numba", "llvmlite", "uvicorn", "uvloop", "starlette", "msgspec", "sqlalchemy", "httpx")
"""What the times of the engine and of the API depend on besides our own code."""
SECRETS = ("--key", "--token", "--database")
"""Flags whose values stay out of a record; a database's URL may hold a password."""
WIDE = ("avx", "amx", "fma", "sve", "bf16", "asimd")
CPU_FACTS = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def record(bench: str, numbers: Any, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """``numbers``, which JSON can hold, with the bench's name, the date (UTC, ISO 8601), command, machine and versions."""
    return {
        "bench": bench,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(sys.argv if argv is None else argv),
        "machine": machine(),
        "versions": versions(),
        "numbers": numbers,
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Raises BadSetting when the file cannot be written."""
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"{path} cannot be written: {error.strerror}") from None


def read(path: Path) -> dict[str, Any]:
    """Raises BadSetting for a file that is no record."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path} is no record of a bench: {error}") from None
    if not isinstance(content, dict) or not {"bench", "date", "command", "machine", "versions", "numbers"} <= content.keys():
        raise BadSetting(f"{path} is no record of a bench: it was not written with --json")
    return content


def machine() -> dict[str, Any]:
    """``cores`` are those that this process may use, ``memory_gb`` is the machine's; ``governor`` may be None."""
    return {
        "cpu": _cpu_model(),
        "instructions": [flag for flag in cpu_flags() if flag.startswith(WIDE)],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "governor": _first_line(GOVERNOR),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions(libraries: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Of Python, of reckon, and of those libraries that are installed."""
    found = {"python": platform.python_version(), "reckon": reckon.__version__}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def command(argv: Sequence[str]) -> str:
    """The line as it was typed, without the directory of the program and without secrets."""
    shown = [Path(argv[0]).name] if argv else []
    for before, word in itertools.pairwise(argv):
        flag, divider, _ = word.partition("=")
        shown.append("…" if before in SECRETS else f"{flag}=…" if divider and flag in SECRETS else word)
    return " ".join(shown)


def cpu_flags() -> list[str]:
    """What the first processor can do, as Linux names it; nothing elsewhere."""
    return (_facts().get("flags") or _facts().get("Features", "")).split()


def _cpu_model() -> str:
    return _facts().get("model name") or platform.processor() or platform.machine()


def _facts() -> dict[str, str]:
    """Of the first processor."""
    try:
        first = CPU_FACTS.read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
