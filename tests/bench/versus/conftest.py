"""A stage for contestants; whoever was started on it is ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.versus.scripts import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    for contestant in stage.contestants:
        contestant.end()
