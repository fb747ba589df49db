"""``reckon serve`` as a process of its own, the way a user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reckon.devices.select import compiled_version

COMPILED = Path(__file__).parent.parent.parent / "build" / "compiled"
MODEL = "reckon/abacus"
START_SECONDS = 120


@dataclass
class Served:
    """A running server. ``key`` is the one it printed; ``log`` grows until it ends."""

    process: subprocess.Popen[str]
    home: Path
    log: Path
    url: str = ""
    key: str = ""

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    @property
    def worker_pid(self) -> int | None:
        """The child that runs the model, not one that compiles grammars; None while there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            if b"reckon.worker\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        return None

    def stop(self, seconds: float = 30) -> int:
        """Ctrl-C, as the terminal sends it to the whole group; returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(seconds)


@contextmanager
def serve(home: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Start on a free port and wait until it listens; compiled code is shared with the other tests."""
    home.mkdir(exist_ok=True)
    if not (home / "compiled").exists():
        (COMPILED / compiled_version()).mkdir(parents=True, exist_ok=True)
        (home / "compiled").symlink_to(COMPILED)
    log = home / "serve.log"
    own = {
        "RECKON_HOME": str(home),
        "PORT": "0",
        "HOST": "127.0.0.1",
        "RECKON_SELF_CHECK": "1",
        "COLUMNS": "200",
        **(environment or {}),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECKON_")}
    with log.open("w") as out:
        command = [sys.executable, "-m", "reckon", "serve", "--threads", "2", *arguments]
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, text=True, env=inherited | own, start_new_session=True
        )
    served = Served(process, home, log)
    try:
        _wait(served)
        yield served
    finally:
        if process.poll() is None:
            served.stop()


def _wait(served: Served) -> None:
    end = time.monotonic() + START_SECONDS
    while "Try it:" not in served.output:
        if served.process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server did not start:\n{served.output}")
        time.sleep(0.02)
    served.url = re.findall(r"Listening on (http://\S+)", served.output)[0]
    keys = re.findall(r"^  (rk-\S{43})$", served.output, re.MULTILINE)
    served.key = keys[0] if keys else ""
