"""What holds for all tests: compiled code is kept between runs, under a name that changes with its sources; devices of several
threads take each step with another number of them than the one before.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reckon.devices.select import compiled_version

# Read when numba is imported, which is after this file.
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent.parent / "build" / "compiled" / compiled_version())


@pytest.fixture(scope="session", autouse=True)
def restless() -> Iterator[None]:
    """Left to itself, a device would take the tiny models of tests with one thread soon, and threads would go untested."""
    from devices.restless import Restless

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reckon.devices.cpu.device.Pace", Restless)
        yield
