"""A suite of problems as it lies in a file: one JSON object a line, the first saying what the suite is.

Knows what a problem and its right answer look like; nothing of servers. ``grading.py`` judges, ``playing.py`` asks.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from reckon.errors import BadSetting

SUITES = Path(str(resources.files("reckon.evals"))) / "suites"


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What makes an answer right; exactly one of these is given.

    boxed: the content of the last ``\\boxed{}``, white space aside. json: keys and values that the answer's object has.
    call: the one function called, and its arguments. says: any of these lists of words, all of them in the text.
    """

    boxed: str | None = None
    json: dict[str, Any] | None = None
    call: dict[str, Any] | None = None
    says: list[list[str]] | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.boxed, self.json, self.call, self.says)) != 1:
            raise ValueError("expect must have exactly one of boxed, json, call, says")


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A conversation up to the answer that is judged. ``then`` holds further turns of the user: the model answers
    each before the next comes, and the last answer is the one judged."""

    kind: str
    messages: list[dict[str, Any]]
    expect: Expect
    then: list[str] = []
    tools: list[dict[str, Any]] = []
    response_format: dict[str, Any] | None = None
    continue_final_message: bool = False


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line: whom the suite is for, the least share of right answers by kind, and the words by which the
    model says that it found a mistake of its own."""

    suite: str
    model: str
    bars: dict[str, float]
    doubt: str = ""


class Suite(msgspec.Struct, frozen=True):
    """A header and its problems, in the order of the file."""

    header: Header
    problems: list[Problem]

    def limited(self, most: int) -> "Suite":
        """At most so many problems of each kind, the first ones."""
        seen: dict[str, int] = {}
        kept = []
        for problem in self.problems:
            seen[problem.kind] = seen.get(problem.kind, 0) + 1
            if seen[problem.kind] <= most:
                kept.append(problem)
        return Suite(self.header, kept)


def read(name: str) -> Suite:
    """A suite of the package by its name, or any by its file's path. Raises BadSetting naming the line that is wrong."""
    path = SUITES / f"{name}.jsonl"
    if not path.is_file():
        path = Path(name)
    try:
        first, *rest = path.read_bytes().splitlines()
    except (OSError, ValueError):
        known = ", ".join(sorted(file.stem for file in SUITES.glob("*.jsonl")))
        raise BadSetting(f"suite must be one of {known} or a file of problems, not {name!r}") from None
    number = 1
    try:
        header = msgspec.json.decode(first, type=Header)
        problems = []
        for number, line in enumerate(rest, 2):  # noqa: B007
            problems.append(msgspec.json.decode(line, type=Problem))
    except msgspec.DecodeError as error:
        raise BadSetting(f"{path}, line {number}: {error}") from None
    return Suite(header, problems)
