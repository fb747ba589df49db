"""What holds for all tests: compiled code is kept between runs, under a name that changes with its sources."""

import os
from pathlib import Path

from reckon.devices.select import compiled_version

# Read when numba is imported, which is after this file.
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent.parent / "build" / "compiled" / compiled_version())
