"""What a contest found, for people (tables) and for programs (JSON). The first contestant is ours."""

import math
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from reckon.bench.record import cpu_flags
from reckon.bench.versus.cases import Case, Course
from reckon.bench.versus.conductor import Record
from reckon.bench.versus.tally import Score, ratio_by_round, ratio_of_medians, ratios_by_round, score

RULE = (
    "“ours is ×” above 1 means that reckon is faster: median of the rounds' ratios (least to most), then the ratio of medians."
)


def show(console: Console, record: Record, course: Course, names: list[str], cores: int) -> None:
    """Print who they are, then a row for each of them and each case."""
    console.print(_who(record, names))
    table = Table("case", "contestant", "ms", "tokens/s", "ours is ×", "of medians", "good samples")
    for case in course.cases:
        scores = {name: score(record.bursts[case].get(name, []), cores) for name in names}
        for number, name in enumerate(names):
            mine = number == 0
            first = str(case) if mine else ""
            if not scores[name].samples:
                table.add_row(first, name, "out", "", "", "", "")
                continue
            against = ("", "") if mine else _against(scores[names[0]], scores[name])
            table.add_row(first, name, *_speed(case, scores[name]), *against, _kept(scores[name]))
        table.add_section()
    console.print(table)
    console.print(RULE)


def _who(record: Record, names: list[str]) -> Table:
    table = Table("contestant", "versions", "settings", "loaded in")
    for name in names:
        loaded, lost = record.loaded.get(name), record.lost.get(name)
        if loaded is None:
            table.add_row(name, "out", lost, "")
            continue
        settings = _words(loaded.settings) + (f"; out later: {lost}" if lost else "")
        table.add_row(name, _words(loaded.versions), settings, f"{loaded.seconds:.0f} s")
    return table


def _words(pairs: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def _speed(case: Case, found: Score) -> tuple[str, str]:
    if math.isnan(found.seconds):
        return "disturbed", ""
    rate = case.tokens / found.seconds
    return f"{found.seconds * 1e3:,.1f}", f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _against(ours: Score, theirs: Score) -> tuple[str, str]:
    ratios = ratios_by_round(ours, theirs)
    if not ratios:
        return "", ""
    spread = f"{ratio_by_round(ours, theirs):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return spread, f"{ratio_of_medians(ours, theirs):.2f}"


def _kept(found: Score) -> str:
    return f"{found.good} of {found.samples}"


def as_json(record: Record, course: Course, names: list[str], cores: int) -> dict[str, Any]:
    """Everything, down to the samples. What is not known is null."""
    return {
        "rounds": course.rounds,
        "steps": course.steps,
        "contestants": {
            name: {
                **(msgspec.to_builtins(record.loaded[name]) if name in record.loaded else {}), "lost": record.lost.get(name)
            }
            for name in names
        },
        "cases": [_case_json(record, case, names, cores) for case in course.cases],
    }  # fmt: skip


def _case_json(record: Record, case: Case, names: list[str], cores: int) -> dict[str, Any]:
    bursts = record.bursts[case]
    scores = {name: score(bursts.get(name, []), cores) for name in names}
    return {
        "kind": case.kind, "batch": case.batch, "prompt": case.prompt,
        "contestants": {
            name: {
                "seconds": _number(found.seconds), "tokens_per_second": _number(case.tokens / found.seconds),
                "good": found.good, "samples": found.samples, "usual_wait": found.usual,
                "round_seconds": [_number(round) for round in found.rounds],
                "ratio": _number(ratio_by_round(scores[names[0]], found)),
                "ratio_of_medians": _number(ratio_of_medians(scores[names[0]], found)),
                "bursts": msgspec.to_builtins(bursts.get(name, [])),
            }
            for name, found in scores.items()
        },
    }  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def multiplies_bf16() -> bool:
    """Whether oneDNN, and so torch, has products in bf16 on this processor: AVX512 on x86 (it widens there), bf16 on ARM."""
    return any(flag in ("avx512bw", "bf16") for flag in cpu_flags())
