"""What some tests want besides the test extra: where it is missing they skip loudly, and under REQUIRE_ALL=1 they fail."""

import importlib
import os
import shutil
from types import ModuleType

import pytest


def need(tool: str) -> None:
    """Go on only if the command is installed."""
    if shutil.which(tool) is None:
        missing(f"{tool} is not installed")


def need_module(name: str, extra: str) -> ModuleType:
    """The module of an optional extra of ours; go on only if it is installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        missing(f"{name} is not installed; the extra [{extra}] has it")
        raise


def missing(reason: str) -> None:
    """Skip, or fail where nothing may be missing."""
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"REQUIRE_ALL is set and {reason}")
    pytest.skip(reason)
