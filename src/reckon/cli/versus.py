"""What ``reckon bench versus`` was told, in order for the bench: one course of cases, or a crowd of clients of each size."""

from typing import Any

from reckon.bench.versus.cases import Course
from reckon.bench.versus.clients import Wanted
from reckon.bench.versus.conductor import Patience
from reckon.bench.versus.measure import Options, measure, measure_http
from reckon.config import Config


def engines(config: Config, model: str, said: dict[str, Any]) -> None:
    """Without ``--http``."""
    course = Course.of(*(said[name] for name in ("decode", "prompt", "prefill", "rounds", "steps")))
    measure(config, model, course, _options(said))


def servers(config: Config, model: str, said: dict[str, Any]) -> None:
    """With it. Every client asks once a round."""
    sizes = [Wanted(clients, 1, said["prompt"], said["tokens"]) for clients in said["clients"]]
    measure_http(config, model, sizes, said["rounds"], _options(said))


def _options(said: dict[str, Any]) -> Options:
    patience = Patience(said["load_seconds"], said["turn_seconds"])
    return Options(said["peers"], {"gguf": said["gguf"], "ir": said["ir"]}, said["dtype"], patience, said["json_file"])
