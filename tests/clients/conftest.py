"""A server with the shipped model for the clients, and desks with a scripted engine behind a real socket."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from api.conftest import desk, empty_ledger, make_desk
from api.desk import Desk, served
from journeys.server import Served, serve

__all__ = ["desk", "empty_ledger", "make_desk"]


@pytest.fixture(scope="session")
def reckon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``reckon serve`` as a user starts it."""
    with serve(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def listening() -> Iterator[Callable[[Desk], str]]:
    """Puts a desk behind a real socket until the test ends; returns its base URL, as clients want it."""
    with ExitStack() as stack:
        yield lambda desk: stack.enter_context(served(desk.app)) + "/v1/openai"
