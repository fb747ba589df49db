"""docs/evals.md: its examples are read by the code they describe."""

import re
from pathlib import Path

import msgspec

from reckon.evals.suite import Expect, Header, Problem

PAGE = (Path(__file__).parents[2] / "docs" / "evals.md").read_text(encoding="utf-8")


def test_the_examples_are_a_suite() -> None:
    header, problem = re.findall(r"```json\n(.*)\n```", PAGE)
    assert msgspec.json.decode(header, type=Header).bars == {"sums": 0.95}
    assert msgspec.json.decode(problem, type=Problem).then == ["Now double it."]


def test_every_expectation_stands_in_the_table() -> None:
    rows = re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)
    told = [msgspec.json.decode(row, type=Expect) for row in rows]
    assert [next(name for name in Expect.__struct_fields__ if getattr(one, name) is not None) for one in told] == list(
        Expect.__struct_fields__
    )
