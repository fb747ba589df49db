"""A terminal, a home directory with an empty ledger, and a small real server over that ledger."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.desk import TOKEN, served
from cli.desk import Server, Start, Type
from fakes import FakeEngine
from reckon.api.app import create_app
from reckon.cli.main import main
from reckon.config import SETTINGS, load
from reckon.engines.pool import Pool
from reckon.ledger.db import Ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def home(tmp_path: Path, empty_ledger: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_ledger, home / "ledger.db")
    return home


@pytest.fixture
def reckon(home: Path) -> Type:
    """Type a command: ``reckon("keys", "list", input="", RECKON_KEY="...")``. This machine's own settings do not count."""
    inherited = [setting.variable for setting in SETTINGS] + [name for name in os.environ if name.startswith("RECKON_")]
    environ: dict[str, str | None] = {**dict.fromkeys(inherited), "RECKON_HOME": str(home), "NO_PROXY": "*"}

    def run(*arguments: str, input: str = "", **extra: str) -> Result:
        return CliRunner().invoke(main, arguments, input=input, env=environ | extra, prog_name="reckon")

    return run


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as stack:

        def start(**engine: Any) -> Server:
            config = load({"home": str(home), "token": TOKEN}, {})
            ledger = stack.enter_context(contextlib.closing(Ledger(config.database)))
            fake = FakeEngine(**engine)
            url = stack.enter_context(served(create_app(config, Pool({fake.card.id: fake}), ledger)))
            return Server(url, fake, ledger)

        yield start


@pytest.fixture
def server(start: Start) -> Server:
    return start()
