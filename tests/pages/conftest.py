"""A Site per test."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.conftest import empty_ledger
from api.desk import TOKEN
from fakes import FakeEngine
from pages.site import Site
from reckon import config
from reckon.api.app import create_app
from reckon.engines.pool import Pool
from reckon.ledger.accounts import create_key
from reckon.ledger.db import Ledger
from reckon.pages.frames import refused
from reckon.pages.site import entries

__all__ = ["empty_ledger"]


@pytest.fixture
def make_site(tmp_path: Path, empty_ledger: Path) -> Iterator[Any]:
    opened: list[Site] = []

    def make(engine: FakeEngine | None = None, home: Path | None = None, **flags: Any) -> Site:
        home = home or tmp_path / str(len(opened))
        if not home.exists():
            home.mkdir()
            shutil.copy(empty_ledger, home / "ledger.db")
        settings = config.load({"home": str(home), "token": TOKEN, **flags}, environ={})
        ledger, engine = Ledger(settings.database), engine or FakeEngine()
        account, key = ledger.run_now(lambda db: create_key(db, f"reader{len(opened)}"))
        pool = Pool({engine.card.id: engine})
        app = create_app(settings, pool, ledger, entries(settings, pool, ledger), refused)
        opened.append(Site(app, settings, ledger, engine, account, key))
        return opened[-1]

    yield make
    for site in opened:
        site.ledger.close()


@pytest.fixture
async def site(make_site: Any) -> AsyncIterator[Site]:
    site = make_site()
    yield site
    for client in site.clients:
        await client.aclose()
