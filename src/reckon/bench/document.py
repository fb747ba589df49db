"""docs/measurements.md, made of the records that benches wrote: a section each, with machine, date, versions and command.

Knows each bench's numbers as they stand in its record; measures nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from reckon.errors import BadSetting

Numbers = Mapping[str, Any]
SHOWN = 0.03
HEAD = """# Measurements

Written by `reckon bench document` from the records of the commands below. Machines are shared: figures of different sections
are not to be compared, ratios within a row are.
"""


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """Raises BadSetting for a record of a bench that is not known here."""
    return "\n".join([HEAD, *(_section(record) for record in records)])


def _section(record: Mapping[str, Any]) -> str:
    body = BODIES.get(str(record.get("bench")))
    if body is None:
        raise BadSetting(f"a record's bench must be one of {', '.join(BODIES)}, not {record.get('bench')!r}")
    title, tables = body(record["numbers"])
    machine, versions = record["machine"], record["versions"]
    about = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {' '.join(machine['instructions'])}"
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = f"## {title}\n\n{record['date']}; {about}; {machine['system']}.\n\n{used}.\n\n```\n{record['command']}\n```\n"
    return "\n".join([head, *tables])


def _engine(numbers: Numbers) -> tuple[str, list[str]]:
    prefill = [(f"{row['context']:,}", _number(row["tokens_per_second"])) for row in numbers["prefill"]]
    decode = [
        (
            f"{row['context']:,}", row["batch"], f"{row['step_ms']:.2f}", _number(row["tokens_per_second"]),
            f"{row['tokens_per_step']:.2f}", f"{row['read_gb_per_second']:.1f}",
            where(row["phases"]),
        )
        for row in numbers["decode"]
    ]  # fmt: skip
    forms = f"Weights are kept as {numbers['weights']}. " if "weights" in numbers else ""  # not in old records
    rate, threads = numbers["memory_gb_per_second"], numbers["threads"]
    limit = f"{forms}Memory was read at {rate:.1f} GB/s by {threads} threads in the same run.\n"
    return f"The engine: {numbers['model']} on {numbers['path']}", [
        _table(("prompt", "prefill, tokens/s"), prefill),
        _table(("context", "answers", "ms/step", "tokens/s", "tokens/step", "GB/s read", "where the time goes"), decode),
        limit,
    ]


def _versus(numbers: Numbers) -> tuple[str, list[str]]:
    if "servers" in numbers:
        return _servers(numbers)
    who = []
    for name, one in numbers["contestants"].items():
        versions = ", ".join(f"{key} {value}" for key, value in (one.get("versions") or {}).items())
        settings = ", ".join(f"{key} {value}" for key, value in (one.get("settings") or {}).items())
        who.append((name, versions, settings, one["lost"] or ""))
    rows = [
        (
            _case(case), name, _milliseconds(found["seconds"]), _number(found["tokens_per_second"]),
            _number(found["ratio"]), f"{found['good']} of {found['samples']}",
        )
        for case in numbers["cases"]
        for name, found in case["contestants"].items()
    ]  # fmt: skip
    return f"Beside the peers: {numbers['model']}, {numbers['threads']} threads, {numbers['rounds']} rounds", [
        _table(("contestant", "versions", "settings", "out"), who),
        _table(("case", "contestant", "ms", "tokens/s", "ours is × faster", "good samples"), rows),
    ]


def _servers(numbers: Numbers) -> tuple[str, list[str]]:
    """Of ``versus --http``. The first server is ours."""
    ours, *_ = numbers["servers"]
    lost = numbers["lost"]
    who = [
        (name, one["version"], f"`{' '.join(one['command'])}`", lost[name] or "") for name, one in numbers["servers"].items()
    ]
    rows = []
    for clients, found in numbers["clients"].items():
        for name, turns in found.items():
            one = served(turns, found.get(ours, []))
            ratio = median(one.ratios) if one.ratios else None
            rows.append((clients, name, _number(one.rate), _number(ratio), _milliseconds(one.first), one.good))
    return f"Beside the peers' servers: {numbers['model']}, {numbers['threads']} threads, {numbers['rounds']} rounds", [
        _table(("server", "version", "command", "out"), who),
        _table(("clients", "server", "tokens/s", "ours is × faster", "first text, ms", "good rounds"), rows),
    ]


class Served(NamedTuple):
    """Medians of a server's good rounds, None without one; ``ratios`` are our rate over its, where a round is good for both."""

    rate: float | None
    first: float | None
    ratios: list[float]
    good: str


def served(turns: Sequence[Numbers], ours: Sequence[Numbers]) -> Served:
    """On the page as on the screen: a server's turns with a number of clients, as the record has them, beside ours."""
    good = [turn for turn in turns if not turn["disturbed"]]
    rate = median([turn["tokens_per_second"] for turn in good]) if good else None
    first = median([median(turn["first_seconds"]) for turn in good]) if good else None
    ratios = [
        mine["tokens_per_second"] / theirs["tokens_per_second"]
        for mine, theirs in zip(ours, turns, strict=False)  # a server that failed has fewer
        if not (mine["disturbed"] or theirs["disturbed"])
    ]
    return Served(rate, first, ratios, f"{len(good)} of {len(turns)}")


def _case(case: Numbers) -> str:
    size = case["batch"] if case["kind"] == "decode" else case["prompt"]
    return f"{case['kind']} {size:,}"


def _api(numbers: Numbers) -> tuple[str, list[str]]:
    requests = [
        (
            row["what"], _spread(row["first"]), _spread(row["whole"]), _number(row["requests_per_second"]),
            f"{row['cpu_per_request'] * 1e3:.2f}", f"{row['blocked'] * 1e3:.1f}",
        )
        for row in numbers["requests"]
    ]  # fmt: skip
    streams = [
        (
            f"{row['streams']:,}", f"{row['complete']:,}", _number(row["tokens_per_second"]),
            f"{row['user_per_token'] * 1e6:.1f} + {row['system_per_token'] * 1e6:.1f}",
            " / ".join(f"{longest * 1e3:.1f}" for longest in row["blocked"]), _number(row["memory_mb"]),
        )
        for row in numbers["streams"]
    ]  # fmt: skip
    queue = [
        (row["queue"], f"{row['waiting']:,}", f"{row['step']['p50'] * 1e6:.0f} / {row['step']['p99'] * 1e6:.0f}")
        for row in numbers["scheduler"]
    ]
    asked = (
        "requests",
        "to first token, ms p50 / p99",
        "in all, ms p50 / p99",
        "requests/s",
        "processor ms",
        "loop blocked, ms",
    )
    held_up = (
        "A process that did nothing but look at the clock was kept waiting for up to {:.1f} ms by this machine in the same run."
    )
    cost, blocked = "processor µs/token: ours + system", "loop blocked, ms: begin / run / end"
    return "What the API adds to an engine that computes nothing", [
        _table(asked, requests),
        _table(("streams", "complete", "tokens/s", cost, blocked, "MB"), streams),
        *([held_up.format(numbers["hold_up_seconds"] * 1e3)] if "hold_up_seconds" in numbers else []),
        _table(("the scheduler's queue", "waiting", "µs/step p50 / p99"), queue),
    ]


def _drafts(numbers: Numbers) -> tuple[str, list[str]]:
    title = f"What guesses gain: {numbers['model']} on {numbers['path']}, one answer at a time, {numbers['rounds']} rounds"
    table = _table(GAIN_COLUMNS, [gain_cells(row) for row in numbers["gains"]])
    return f"{title}, temperature {numbers['temperature']:g}", [table]


def _serve(numbers: Sequence[Numbers]) -> tuple[str, list[str]]:
    keys = sorted({key for row in numbers for key, value in row.items() if isinstance(value, int | float)}) if numbers else []
    return "A server under load", [_table(keys, [[_number(row[key]) for key in keys] for row in numbers])]


BODIES: dict[str, Callable[[Any], tuple[str, list[str]]]] = {
    "engine": _engine, "drafts": _drafts, "versus": _versus, "api": _api, "serve": _serve,
}  # fmt: skip


def where(phases: Mapping[str, float]) -> str:
    """Where a step's time goes, without its small phases."""
    return ", ".join(f"{name} {share:.0%}" for name, share in phases.items() if share >= SHOWN)


GAIN_COLUMNS = ("what", "answers", "tokens", "ms/token without", "with", "tokens/step", "times faster (least, most)")


def gain_cells(row: Numbers) -> tuple[str, ...]:
    """A line of what guesses gain, on the page as on the screen."""
    ratios = row["ratios"]
    return (
        row["what"], str(row["answers"]), f"{row['tokens']:,}", f"{row['ms_without']:.3f}", f"{row['ms_with']:.3f}",
        f"{row['tokens_per_step']:.2f}", f"{median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})",
    )  # fmt: skip


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', '¦') for cell in line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    """Three digits that count; nothing for what was not measured."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _milliseconds(seconds: float | None) -> str:
    return "disturbed" if seconds is None else f"{seconds * 1e3:,.1f}"


def _spread(spread: Mapping[str, float]) -> str:
    return f"{spread['p50'] * 1e3:.2f} / {spread['p99'] * 1e3:.2f}"
