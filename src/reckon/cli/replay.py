"""What ``reckon replay`` does: makes recorded requests again on a server and prints what is not as it was.

An ordinary client: it knows the HTTP API and nothing behind it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec

from reckon.cli.client import address, key_to
from reckon.config import Config
from reckon.replay.playing import replay
from reckon.replay.recording import Placed, read
from reckon.replay.verdict import Difference, Verdict

EXIT = {"equal": 0, "broken": 1, "unpromised": 2, "incomparable": 2}
"""A broken promise is 1 whatever else there is; then comes 2."""
BEFORE, AFTER = 24, 40
"""Characters shown around the first that differs."""


def run(config: Config, files: Sequence[Path], *, url: str | None, key: str | None, as_json: bool) -> int:
    """Replay and print. Returns the exit code. Raises BadSetting for whatever prevents asking."""
    recordings = [placed for file in files for placed in read(file)]
    server = address(config, url)
    results: list[tuple[Placed, Verdict]] = []
    with key_to(config, server, key, "replay") as secret, httpx.Client(base_url=server, timeout=None) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        for placed in recordings:
            results.append((placed, replay(client, placed.recording)))
            if not as_json:
                show(*results[-1])
    if as_json:
        click.echo(json.dumps([report(*result) for result in results], indent=2, ensure_ascii=False))
    elif len(results) > 1:
        counts = Counter(verdict.outcome for _, verdict in results)
        click.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return exit_code([verdict for _, verdict in results])


def exit_code(verdicts: Sequence[Verdict]) -> int:
    codes = {EXIT[verdict.outcome] for verdict in verdicts}
    return 1 if 1 in codes else max(codes)


def report(placed: Placed, verdict: Verdict) -> dict[str, Any]:
    """For programs."""
    return {"place": placed.place, **msgspec.to_builtins(verdict)}


def show(placed: Placed, verdict: Verdict) -> None:
    """For people."""
    click.echo(f"{placed.place}: {verdict.outcome}. {verdict.reason[:1].upper()}{verdict.reason[1:]}.")
    if verdict.recorded_fingerprint != verdict.fingerprint:
        click.echo(f"  recorded with {verdict.recorded_fingerprint or 'no fingerprint'}")
        click.echo(f"  and now it is {verdict.fingerprint or 'no fingerprint'}")
    for difference in verdict.differences:
        where = "" if difference.at is None else f", from character {difference.at}"
        click.echo(f"  {difference.field}{where}:")
        click.echo(f"    recorded  {_around(difference, difference.recorded)}")
        click.echo(f"    now       {_around(difference, difference.now)}")


def _around(difference: Difference, value: Any) -> str:
    if difference.at is None:
        return "(absent)" if value is None else json.dumps(value, ensure_ascii=False)
    start = max(0, difference.at - BEFORE)
    text = json.dumps(value[start : difference.at + AFTER], ensure_ascii=False)
    return f"{'…' if start else ''}{text}{'…' if len(value) > difference.at + AFTER else ''}"
