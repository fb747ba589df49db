"""One server with the shipped model for all journeys that do not harm it."""

from collections.abc import Iterator

import pytest

from journeys.server import Served, serve


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served
