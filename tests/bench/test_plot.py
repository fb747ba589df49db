"""The picture is a PNG; where it cannot be written, that is said."""

from pathlib import Path

import pytest

from bench.test_serve import sent, wish
from reckon.bench.engine import Decode, Measured
from reckon.bench.plot import draw_contexts, draw_load
from reckon.bench.serve import judge
from reckon.errors import BadSetting

ROWS = [judge(rate, [sent(0.0), sent(1.0, first=2.0)], wish()) for rate in (1.0, 2.0)]


def test_a_picture_of_a_load(tmp_path: Path) -> None:
    draw_load(tmp_path / "load.png", "a title", [*ROWS, judge(3.0, [], wish())])
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_picture_of_contexts(tmp_path: Path) -> None:
    decode = [Decode(context, batch, 10.0 + context / 1000, 1.0, 1.0, 5.0, {}) for batch in (1, 8) for context in (256, 8192)]
    draw_contexts(tmp_path / "contexts.png", Measured("a model", "cpu/avx2", 2, 1.0, 19.0, [], decode))
    assert (tmp_path / "contexts.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"cannot be written: No such file or directory"):
        draw_load(tmp_path / "nowhere" / "load.png", "a title", ROWS)
