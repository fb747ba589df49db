"""Scripts for ``fake.py``, and what they noted."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reckon.bench.versus.contestant import Contestant

FAKE = Path(__file__).with_name("fake.py")
FAKE_SERVER = Path(__file__).with_name("fake_server.py")
LOADED = {"versions": {"fake": "1.0"}, "settings": {"threads": "2"}}


def burst(*seconds: float, waited: float = 0.0, taken: float = 0.0) -> dict[str, Any]:
    """What a contestant answers that had these samples, each of which ``waited``, while others had ``taken`` CPU seconds."""
    samples = [{"seconds": second, "waited": waited} for second in seconds]
    return {"samples": samples, "seconds": sum(seconds), "used": sum(seconds), "busy": sum(seconds) + taken}


class Stage:
    """A directory of scripts, logs and one journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal = directory / "journal"
        self.contestants: list[Contestant] = []

    def write(self, name: str, **answers: Any) -> Path:
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps({"name": name, "journal": str(self.journal), "answers": {"load": LOADED, **answers}}))
        return path

    def contestant(self, name: str, **answers: Any) -> Contestant:
        command = [sys.executable, str(FAKE), str(self.write(name, **answers))]
        made = Contestant(name, command, os.environ, self.directory / f"{name}.log")
        self.contestants.append(made)
        return made

    def venv(self, name: str, **answers: Any) -> Path:
        """A directory that looks like a virtual environment, whose python plays the script, or makes a short GGUF file."""
        return self._venv(name, f'exec {sys.executable} {FAKE} {self.write(name, **answers)} "$2"')

    def server_venv(self, name: str, **script: Any) -> Path:
        """The same, whose python is the fake server."""
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps({"journal": str(self.journal), **script}))
        return self._venv(name, f'exec {sys.executable} {FAKE_SERVER} {path} "$@"')

    def _venv(self, name: str, play: str) -> Path:
        python = self.directory / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\ncase "$1" in\n*/to_gguf.py) echo "$2" > "$3";;\n*) {play};;\nesac\n')
        python.chmod(0o755)
        return python.parents[1]

    def noted(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, order) in the order of their coming."""
        for line in self.journal.read_text().splitlines():
            name, order = json.loads(line)
            yield name, order

    def orders(self, do: str) -> list[tuple[str, dict[str, Any]]]:
        return [(name, order) for name, order in self.noted() if order["do"] == do]
