"""A Desk per test: an app with a FakeEngine and a real ledger in a file of its own."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.desk import TOKEN, Desk
from fakes import FakeEngine
from reckon import config
from reckon.api.app import create_app
from reckon.engines.pool import Pool
from reckon.ledger.accounts import create_key
from reckon.ledger.db import Ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def make_desk(tmp_path: Path, empty_ledger: Path) -> Iterator[Any]:
    opened: list[Desk] = []

    def make(
        engine: FakeEngine | None = None,
        limit_nano: int | None = None,
        models: Any = (),
        opened_by: type[Ledger] = Ledger,
        more: dict[str, Any] | None = None,
        **flags: Any,
    ) -> Desk:
        home = tmp_path / str(len(opened))
        home.mkdir()
        shutil.copy(empty_ledger, home / "ledger.db")
        settings = config.load({"home": str(home), "token": TOKEN, **flags}, environ={})
        ledger = opened_by(settings.database)
        engine = engine or FakeEngine()
        account, key = ledger.run_now(lambda db: create_key(db, "tester", models=models, limit_nano=limit_nano))
        app = create_app(settings, Pool({engine.card.id: engine}), ledger, **(more or {}))
        opened.append(Desk(app, ledger, engine, account, key))
        return opened[-1]

    yield make
    for desk in opened:
        desk.ledger.close()


@pytest.fixture
async def desk(make_desk: Any) -> AsyncIterator[Desk]:
    desk = make_desk()
    yield desk
    for client in desk.clients:
        await client.aclose()
