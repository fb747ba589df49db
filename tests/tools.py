"""Tools that some tests want besides pip: where one is missing they skip loudly, and under REQUIRE_ALL=1 they fail."""

import os
import shutil

import pytest


def need(tool: str) -> None:
    """Go on only if the command is installed."""
    if shutil.which(tool) is not None:
        return
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"REQUIRE_ALL is set and {tool} is not installed")
    pytest.skip(f"{tool} is not installed")
