"""The picture is a PNG; where it cannot be written, that is said."""

from pathlib import Path

import pytest

from bench.test_serve import sent, wish
from reckon.bench.plot import draw
from reckon.bench.serve import judge
from reckon.errors import BadSetting

ROWS = [judge(rate, [sent(0.0), sent(1.0, first=2.0)], wish()) for rate in (1.0, 2.0)]


def test_a_picture(tmp_path: Path) -> None:
    draw(tmp_path / "load.png", "a title", [*ROWS, judge(3.0, [], wish())])
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"cannot be written: No such file or directory"):
        draw(tmp_path / "nowhere" / "load.png", "a title", ROWS)
