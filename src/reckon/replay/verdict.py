"""Two answers to one request: what differs, and whether that breaks a promise. Pure functions over ``answer.py``'s trees."""

import re
from typing import Any, Literal, TypeAlias

import msgspec

from reckon.job import UNREPEATABLE
from reckon.replay.answer import Tree

Outcome: TypeAlias = Literal["equal", "broken", "unpromised", "incomparable"]
PARTS = re.compile(
    r"reckon-(?P<engine>[^-]+)-(?P<path>.+)-(?P<model>[0-9a-f]{16})(?P<defaults>-own-defaults)?(?P<promise>-unrepeatable)?"
)
"""A fingerprint of ours. worker/fingerprint.py makes it, and engines add what they know."""
NAMES = {
    "engine": "the engine", "path": "the numeric path", "model": "the model", "defaults": "the sampling defaults",
    "promise": "the device's promise",
}  # fmt: skip


class Difference(msgspec.Struct, frozen=True):
    """A field that is not the same. ``at`` is the first character that differs, in texts. Absent is None."""

    field: str
    recorded: Any
    now: Any
    at: int | None = None


class Verdict(msgspec.Struct, frozen=True):
    """``broken`` is the one bad outcome: the fingerprint promised the same bytes, and they are others."""

    outcome: Outcome
    reason: str
    recorded_fingerprint: str = ""
    fingerprint: str = ""
    differences: tuple[Difference, ...] = ()


def judge(recorded: Tree, now: Tree, recorded_fingerprint: str, fingerprint: str) -> Verdict:
    """The trees are what is promised of each answer."""
    found = tuple(differences(recorded, now))
    doubt = why_unpromised(recorded_fingerprint, fingerprint)
    if not found:
        outcome: Outcome = "equal"
        reason = f"the same bytes, though not promised: {doubt}" if doubt else "the same fingerprint, the same bytes"
    elif doubt:
        outcome, reason = "unpromised", f"other bytes, and nothing promised the same: {doubt}"
    else:
        outcome, reason = "broken", "a broken promise: the same fingerprint, other bytes"
    return Verdict(outcome, reason, recorded_fingerprint, fingerprint, found)


def why_unpromised(recorded: str, now: str) -> str:
    """Why two fingerprints promise no equal answers; empty if they do."""
    if not recorded:
        return "the recording has no fingerprint"
    if not now:
        return "the server gives no fingerprint"
    if recorded != now:
        changed = changes(recorded, now)
        return f"another fingerprint ({', '.join(changed)})" if changed else "another fingerprint"
    return "the device keeps no such promise" if now.endswith(UNREPEATABLE) else ""


def changes(recorded: str, now: str) -> list[str]:
    """Which parts of two fingerprints of ours differ, in words."""
    before, after = PARTS.fullmatch(recorded), PARTS.fullmatch(now)
    if before is None or after is None:
        return []
    return [words for part, words in NAMES.items() if before[part] != after[part]]


def differences(recorded: Any, now: Any, field: str = "") -> list[Difference]:
    """In the order of the recorded answer. Of a list only the first element that differs: the rest follows from it."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        keys = dict.fromkeys((*recorded, *now))
        return [one for key in keys for one in differences(recorded.get(key), now.get(key), f"{field}.{key}".lstrip("."))]
    if isinstance(recorded, list) and isinstance(now, list):
        return _first_of_lists(recorded, now, field)
    # 1 and 1.0 are one number, for some clients write it so; true is none.
    if recorded == now and isinstance(recorded, bool) == isinstance(now, bool):
        return []
    at = _first_of_texts(recorded, now) if isinstance(recorded, str) and isinstance(now, str) else None
    return [Difference(field, recorded, now, at)]


def _first_of_lists(recorded: list[Any], now: list[Any], field: str) -> list[Difference]:
    """Choices do not follow from each other: each is told."""
    found: list[Difference] = []
    for place in range(max(len(recorded), len(now))):
        before, after = (values[place] if place < len(values) else None for values in (recorded, now))
        found += differences(before, after, f"{field}.{place}")
        if found and field != "choices":
            break
    return found


def _first_of_texts(recorded: str, now: str) -> int:
    pairs = zip(recorded, now, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(recorded), len(now)))
