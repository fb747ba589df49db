"""Suites as files: what is read, what is refused, and that the one in the package is whole."""

from collections import Counter
from pathlib import Path

import pytest

from reckon.errors import BadSetting
from reckon.evals.suite import read

HEADER = '{"suite": "s", "model": "m/m", "bars": {"sums": 0.5}}\n'
SUM = '{"kind": "sums", "messages": [{"role": "user", "content": "1+1"}], "expect": {"boxed": "2"}}\n'


def test_a_file_of_problems(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(HEADER + SUM * 3)
    suite = read(str(file))
    assert suite.header.bars == {"sums": 0.5}
    assert [problem.expect.boxed for problem in suite.problems] == ["2"] * 3
    assert len(suite.limited(2).problems) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must be one of abacus or a file of problems"),
        ("{}\n", "line 1: Object missing required field `suite`"),
        (HEADER + "{", "line 2: Input data was truncated"),
        (HEADER + SUM + SUM.replace('"boxed": "2"', ""), "line 3: expect must have exactly one of boxed, json, call, says"),
        (HEADER + SUM.replace("kind", "sort"), "line 2: Object contains unknown field `sort`"),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(text)
    with pytest.raises(BadSetting) as refusal:
        read(str(file))
    assert complaint in refusal.value.message


def test_a_suite_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadSetting, match="one of abacus or a file of problems, not 'nothing'"):
        read("nothing")


def test_the_suite_in_the_package_is_whole() -> None:
    suite = read("abacus")
    counts = Counter(problem.kind for problem in suite.problems)
    assert set(suite.header.bars) <= set(counts)
    assert min(counts.values()) >= 50
    assert suite.header.model == "reckon/abacus"
