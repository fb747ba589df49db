"""The server that ``reckon bench api`` measures: everything that ``reckon serve`` has, over engines that compute nothing.

A process of its own: ``python -m reckon.cli.mocked HOME MODEL=PACE...``, which serves ``mock/MODEL`` with a token every PACE
seconds. Prints one line of JSON when it listens; a signal ends it.
"""

import asyncio
import sys
from contextlib import closing

import msgspec

from reckon.bench.api import Served
from reckon.bench.mock import MockEngine
from reckon.bench.probe import Probe
from reckon.catalog.card import Card, Price
from reckon.catalog.source import resolve
from reckon.cli.serve import answer, listen, more_files, run
from reckon.config import Config, load
from reckon.engines.pool import Pool
from reckon.ledger.accounts import create_key
from reckon.ledger.db import Ledger

CHECKPOINT = "reckon/abacus"
"""Whose tokenizer and template are used."""


async def serve(config: Config, models: list[str]) -> None:
    directory, engines = resolve(CHECKPOINT).directory, {}
    for model in models:
        name, _, pace = model.partition("=")
        card = Card(f"mock/{name}", "Computes nothing.", 1 << 16, price=Price(120, 180), public=False)
        engines[card.id] = MockEngine(card, directory, float(pace))
    pool, probe = Pool(engines), Probe(list(engines.values()))
    with listen(config) as sock, closing(Ledger(config.database)) as ledger:
        ledger.claim()
        _, key = await ledger.run(lambda db: create_key(db, "bench", admin=True))

        async def greet() -> None:
            print(msgspec.json.encode(Served(sock.getsockname()[1], key)).decode(), flush=True)

        watching = asyncio.create_task(probe.watch())
        await pool.start()
        try:
            await answer(config, pool, ledger, sock, greet, [probe.entry])
        finally:
            watching.cancel()
            await pool.close()


if __name__ == "__main__":
    home, *models = sys.argv[1:]
    more_files(0)
    run(serve(load({"home": home, "port": "0", "max_concurrent": "65536"}, {}), models))
