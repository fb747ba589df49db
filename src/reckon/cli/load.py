"""What ``reckon bench serve`` does around the measuring: finds the server and a key, writes the record, draws the plot."""

from pathlib import Path
from typing import Any

import msgspec

from reckon.bench import record as records
from reckon.bench.load import PATH, Server
from reckon.bench.serve import Measured, Wish, measure
from reckon.cli.client import address, key_to
from reckon.cli.drawing import drawing
from reckon.config import Config

DEFAULT_SECONDS = 30.0


def offer(
    config: Config,
    *,
    url: str | None,
    key: str | None,
    seconds: float | None,
    requests: int | None,
    ttft_bound: float | None,
    itl_bound: float | None,
    json_file: Path | None,
    plot: Path | None,
    **wish: Any,
) -> None:
    """Raises BadSetting for whatever prevents asking, drawing or writing."""
    pictures = drawing(plot) if plot else None
    server = address(config, url)
    if seconds is None and requests is None:
        seconds = DEFAULT_SECONDS
    wished = Wish(
        seconds=seconds, requests=requests, ttft_bound=_seconds(ttft_bound), itl_bound=_seconds(itl_bound), **wish
    )  # fmt: skip
    with key_to(config, server, key, "bench") as secret:
        measured = measure(Server(server, secret, server.path.rstrip("/") + PATH), wished)
    if json_file:
        records.write(json_file, records.record("serve", [_row(one) for one in measured]))
    if pictures and plot:
        pictures.draw_load(plot, f"{wished.model}: prompts of {wished.prompt} tokens, answers of {wished.tokens}", measured)


def _row(measured: Measured) -> dict[str, Any]:
    """Without the single times: they are for the plot."""
    row: dict[str, Any] = msgspec.to_builtins(measured)
    return {name: value for name, value in row.items() if name not in ("firsts", "gaps")}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3
