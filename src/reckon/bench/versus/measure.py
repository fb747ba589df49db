"""What ``reckon bench versus`` does: gathers the contestants, has the course played, prints, and keeps the numbers.

The same for engines and, with ``--http``, for servers.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console

import reckon
from reckon.bench import record as records
from reckon.bench.versus import lineup, report, servers, web
from reckon.bench.versus.cases import Course
from reckon.bench.versus.clients import Wanted, words_of
from reckon.bench.versus.conductor import Conductor, Patience, Record
from reckon.bench.versus.contestant import Contestant
from reckon.bench.versus.resident import Lost, ending_at_sigterm
from reckon.catalog.source import resolve
from reckon.config import Config
from reckon.errors import BadSetting
from reckon.models.arch import Arch, read_arch
from reckon.screen import screen

OURS = "reckon"
SCHEDSTAT = Path("/proc/self/schedstat")
KEY = "versus"
SERVERS = ("llama.cpp", "vllm")
"""The peers that have a server of their own."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of the peers. ``weights`` are converted ones by kind, gguf and ir, where given;
    ``dtype`` is what peers made of torch compute in, or auto."""

    peers: Sequence[str]
    weights: Mapping[str, Path | None]
    dtype: str
    patience: Patience
    json: Path | None


class Venue:
    """Where and with whom: the checkpoint, the peers' environments, and the directories for logs and converted weights.

    Raises BadSetting for what is wrong with any of them.
    """

    def __init__(self, config: Config, model: str, options: Options) -> None:
        if not SCHEDSTAT.exists():
            raise BadSetting(f"versus needs {SCHEDSTAT}, which Linux has, to tell samples that were disturbed")
        self.config, self.model, self.options = config, model, options
        self.venvs = lineup.read_peers(options.peers)
        self.directory = resolve(model).directory
        self.arch: Arch = read_arch(self.directory)
        self.threads = config.threads or len(os.sched_getaffinity(0))
        self.environment = lineup.environment(self.threads)
        self.cores = os.cpu_count() or 1
        self.names = [OURS, *self.venvs]
        self._bench = config.home / "bench"
        self._notices = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self.log(OURS).parent.mkdir(parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        return self._bench / "logs" / f"{name}.log"

    def notice(self, line: str) -> None:
        self._notices.print(line)

    def weights(self, name: str) -> Path:
        """Raises Lost when they have to be converted and cannot be. What is written again has another name."""
        written = (self.directory / "config.json").stat().st_mtime_ns
        digest = sha256(f"{self.directory} {written}".encode()).hexdigest()[:12]
        made = self._bench / f"{self.directory.name}-{digest}"
        self.notice(f"weights for {name}")
        return lineup.weights(
            name, self.venvs[name], self.directory, self.options.weights, made, self.log(f"{name}-weights")
        )  # fmt: skip

    def check(self, context: int) -> None:
        """Raises BadSetting for sequences that are too long for the model."""
        if context > self.arch.context:
            raise BadSetting(f"prompts and answers must be at most {self.arch.context} tokens together, not {context}")

    def console(self) -> Console:
        return screen(140)

    @property
    def dtype(self) -> str:
        """bfloat16 where the processor multiplies it, else float32: torch's prompts take several times as long without."""
        if self.options.dtype != "auto":
            return self.options.dtype
        return "bfloat16" if report.multiplies_bf16() else "float32"

    def write(self, content: dict[str, Any]) -> None:
        if self.options.json is not None:
            numbers = {"model": self.model, "threads": self.threads, **content}
            records.write(self.options.json, records.record("versus", numbers))


def measure(config: Config, model: str, course: Course, options: Options) -> None:
    """Engines: play, print and write. Raises BadSetting for wrong options, and when our own side fails."""
    if not course.cases:
        raise BadSetting("decode and prefill are both none: there is nothing to measure")
    venue = Venue(config, model, options)
    venue.check(course.context)
    record = _play(venue, course)
    if OURS in record.lost:
        raise BadSetting(f"our own side failed: {record.lost[OURS]}")
    console = venue.console()
    report.show(console, record, course, venue.names, venue.cores)
    if left_out := lineup.PEERS.keys() - venue.venvs:
        console.print(f"Not asked to take part: {', '.join(sorted(left_out))}.")
    venue.write(report.as_json(record, course, venue.names, venue.cores))


def _play(venue: Venue, course: Course) -> Record:
    config, directory, threads = venue.config, str(venue.directory), venue.threads
    conductor = Conductor(course, venue.arch.vocab_size, venue.options.patience, venue.notice)
    contestants = [Contestant(OURS, [sys.executable, "-m", "reckon.bench.versus.ours"], venue.environment, venue.log(OURS))]
    orders: dict[str, dict[str, Any]] = {OURS: {
        "checkpoint": directory, "threads": threads, "device": config.device, "form": config.weights,
        "cache": str(config.home / "compiled"), "kv_bytes": config.kv_bytes, "step_tokens": config.step_tokens,
    }}  # fmt: skip
    for name, venv in venue.venvs.items():
        try:
            weights = str(venue.weights(name))
            orders[name] = {"checkpoint": directory, "weights": weights, "threads": threads, "dtype": venue.dtype}
        except Lost as lost:
            conductor.record.lost[name] = str(lost)
            continue
        contestants.append(Contestant(name, lineup.command(name, venv), venue.environment, venue.log(name)))
    with ending_at_sigterm():
        return conductor.play(contestants, orders)


def measure_http(config: Config, model: str, sizes: Sequence[Wanted], rounds: int, options: Options) -> None:
    """Servers: the same. Peers are those that have one."""
    venue = Venue(config, model, options)
    if strangers := venue.venvs.keys() - set(SERVERS):
        raise BadSetting(f"over HTTP a peer must be one of {', '.join(SERVERS)}, not {', '.join(sorted(strangers))}")
    context = max(wanted.prompt + wanted.tokens for wanted in sizes) + 1
    venue.check(context)
    words = words_of(venue.directory / "tokenizer.json")
    if not words:
        raise BadSetting(f"{venue.directory / 'tokenizer.json'} has no word that is one token, to make prompts of")
    conductor = web.WebConductor(sizes, rounds, words, options.patience, venue.notice)
    found = _servers(venue, conductor.record, context, max(wanted.clients for wanted in sizes))
    with ending_at_sigterm():
        record = conductor.play(found)
    if OURS in record.lost:
        raise BadSetting(f"our own side failed: {record.lost[OURS]}")
    console = venue.console()
    for server in found:
        console.print(f"{server.name} {server.version}: {' '.join(server.resident.command)}")
    web.show(console, record, venue.names, venue.cores)
    about = {server.name: {"version": server.version, "command": server.resident.command} for server in found}
    venue.write({"servers": about, "rounds": rounds, **web.as_json(record, venue.names, venue.cores)})


def _servers(venue: Venue, record: web.WebRecord, context: int, clients: int) -> list[servers.Server]:
    environment, port = venue.environment | {"RECKON_TOKEN": KEY}, servers.free_port()
    command = servers.reckon_command(
        sys.executable, venue.directory, port, venue.config.device, venue.threads, venue.config.home
    )
    found = [servers.Server(OURS, reckon.__version__, command, environment, venue.log(f"{OURS}-server"), port, KEY)]
    for name, venv in venue.venvs.items():
        port = servers.free_port()
        try:
            weights = venue.weights(name)
        except Lost as lost:
            record.lost[name] = str(lost)
            continue
        if name == "vllm":
            command = servers.vllm_command(venv, weights, port, venue.dtype, context, clients)
            theirs = venue.environment | servers.vllm_environment(venue.threads)
        else:
            command, theirs = servers.llama_cpp_command(venv, weights, port, context, venue.threads), venue.environment
        version = lineup.installed_version(name, venv)
        found.append(servers.Server(name, version, command, theirs, venue.log(f"{name}-server"), port, KEY))
    return found
