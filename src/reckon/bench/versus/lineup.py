"""Who takes part: ours, and each peer whose virtual environment is named. Converts weights for the peers that want it.

Knows which script and which files each peer needs; how they are made is in docs/bench.md.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reckon.bench.versus.resident import Lost, last_line
from reckon.errors import BadSetting

SCRIPTS = Path(__file__).parents[1] / "peers"
CONVERSION_SECONDS = 1200.0


@dataclass(frozen=True, slots=True)
class Peer:
    """``weights`` is what it loads: the checkpoint itself, a GGUF file, or a directory of OpenVINO's IR. ``package`` is how its
    directory of metadata is called, up to the version."""

    script: str
    weights: Literal["checkpoint", "gguf", "ir"]
    package: str


PEERS = {
    "llama.cpp": Peer("for_llama_cpp.py", "gguf", "llama_cpp_python-"),
    "openvino": Peer("for_openvino.py", "ir", "openvino_genai-"),
    "vllm": Peer("for_vllm.py", "checkpoint", "vllm*-"),
    "transformers": Peer("for_transformers.py", "checkpoint", "transformers-"),
}


def read_peers(flags: Sequence[str]) -> dict[str, Path]:
    """``NAME=VENV`` of the command line, by name. Raises BadSetting for a name that is unknown or stands there twice."""
    venvs: dict[str, Path] = {}
    for flag in flags:
        name, _, venv = flag.partition("=")
        if name not in PEERS or not venv:
            raise BadSetting(f"peer must be NAME=VENV with a name of {', '.join(PEERS)}, not {flag!r}")
        if name in venvs:
            raise BadSetting(f"peer {name} is given twice")
        venvs[name] = Path(venv).expanduser().absolute()
    return venvs


def command(name: str, venv: Path) -> list[str]:
    return [str(venv / "bin" / "python"), str(SCRIPTS / PEERS[name].script)]


def installed_version(name: str, venv: Path) -> str:
    """Of a peer that is not asked itself, as pip left it; a question mark when it is not there."""
    found = sorted(venv.glob(f"lib/python*/site-packages/{PEERS[name].package}[0-9]*.dist-info"))
    return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else "?"


def environment(threads: int) -> dict[str, str]:
    """What a contestant inherits: as many threads as ours has, under every name that a library reads it by; no secrets.

    The numbers are of the machine: nothing may be fetched in the middle of it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECKON_")}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS")
    return kept | dict.fromkeys(names, str(threads)) | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def weights(name: str, venv: Path, checkpoint: Path, given: Mapping[str, Path | None], made: Path, log: Path) -> Path:
    """Where the peer's weights are: ``given`` by kind, or converted once into ``made``. Raises Lost when that fails."""
    kind = PEERS[name].weights
    if kind == "checkpoint":
        return checkpoint
    file = given.get(kind)
    if file is not None:
        return file
    target = made / ("model.gguf" if kind == "gguf" else "ir")
    if not target.exists():
        made.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"unfinished-{target.name}")
        _convert(_conversion(kind, venv, checkpoint, unfinished), log)
        unfinished.rename(target)
    return target


def _conversion(kind: str, venv: Path, checkpoint: Path, target: Path) -> list[str]:
    if kind == "gguf":
        return [str(venv / "bin" / "python"), str(SCRIPTS / "to_gguf.py"), str(checkpoint), str(target)]
    words = ("--weight-format", "fp16", "--task", "text-generation-with-past")
    return [str(venv / "bin" / "optimum-cli"), "export", "openvino", "--model", str(checkpoint), *words, str(target)]


def _convert(words: list[str], log: Path) -> None:
    try:
        with log.open("wb") as output:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=CONVERSION_SECONDS)
    except OSError as error:
        raise Lost(f"its weights cannot be converted: {words[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Lost(f"converting its weights took longer than {CONVERSION_SECONDS:g} s") from None
    if done.returncode:
        raise Lost(f"converting its weights ended with code {done.returncode}: {last_line(log)}")
