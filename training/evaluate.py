"""How good a folder is, as a user would find out: it is served, and ``reckon eval`` puts the suite to the server."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from training.recipe import BUILD, SHIPPED

MODEL = "reckon/abacus"
START_SECONDS = 300
LISTENING = re.compile(r"Listening on (http://\S+)")
KEY = re.compile(r"^  (rk-\S+)$", re.MULTILINE)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """``reckon serve`` on a free port with a home of its own: (address, key). Raises RuntimeError if it does not start."""
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "serve.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "reckon", "serve", f"{MODEL}={folder}"],
                env={**os.environ, "RECKON_HOME": home, "PORT": "0", "COLUMNS": "200"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            end = time.monotonic() + START_SECONDS
            while "Try it:" not in log.read_text():
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
                time.sleep(0.1)
            text = log.read_text()
            yield LISTENING.findall(text)[0], KEY.findall(text)[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def evaluate(folder: Path, build_dir: Path, sampled: bool = True, limit: int = 0) -> dict[str, Any]:
    """The report of ``reckon eval abacus``, kept in ``evaluation.json``."""
    with served(folder.resolve()) as (url, key):
        command = [sys.executable, "-m", "reckon", "eval", "abacus", "--url", url, "--key", key, "--json"]
        command += ["--sampled"] * sampled + ["--limit", str(limit)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"reckon eval ended with {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout)
    build_dir.mkdir(parents=True, exist_ok=True)
    (build_dir / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, exists=True), default=SHIPPED, help="A Hugging Face folder.")
@click.option("--build-dir", type=click.Path(path_type=Path), default=BUILD, help="Where evaluation.json is written.")
@click.option("--sampled/--greedy", default=True, help="Whether temperature 0.7 is measured too.")
@click.option("--limit", default=0, help="Most problems of each kind; 0 takes all.")
def main(folder: Path, build_dir: Path, sampled: bool, limit: int) -> None:
    """Serve a folder and put the suite to it."""
    click.echo(json.dumps(evaluate(folder, build_dir, sampled, limit), indent=2))


if __name__ == "__main__":
    main()
