"""A random checkpoint as small as the devices take it."""

from pathlib import Path

import pytest

from devices.checkpoints import Shape, write

TINY = Shape("tiny", 131, 32, 2, 1, 16, 48, tied=False)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tiny-checkpoint"), TINY)
