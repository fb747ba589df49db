"""A whole random checkpoint, weights and text, and engines over it with real worker processes."""

import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from devices.checkpoints import Shape
from devices.checkpoints import write as write_weights
from reckon.catalog.card import Card, Price
from reckon.config import Config, load
from reckon.devices.select import compiled_version
from reckon.engines.base import Run
from reckon.engines.native import NativeEngine
from reckon.job import Event
from text import checkpoint as text

Start = Callable[..., Awaitable[NativeEngine]]

CARD = Card(id="test/random", description="Random weights.", context=1024, price=Price(120, 180))
COMPILED = Path(__file__).parent.parent.parent / "build" / "compiled"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("random-checkpoint")
    file = text.train()
    vocab = len(file["model"]["vocab"]) + len(text.MARKERS)
    write_weights(directory, Shape("engine", vocab, 64, 2, 1, 32, 128, tied=False))
    text.write(directory, file)
    ends = [token["id"] for token in file["added_tokens"] if token["content"] in ("<|im_end|>", "<|endoftext|>")]
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    return directory


def config(home: Path, **changes: Any) -> Config:
    """Settings of a small server, compiled code shared with the other tests."""
    home.mkdir(exist_ok=True)
    compiled = home / "compiled"
    if not compiled.exists():
        (COMPILED / compiled_version()).mkdir(parents=True, exist_ok=True)
        compiled.symlink_to(COMPILED)
    settled = load(
        {"home": str(home), "device": "cpu", "threads": 2, "kv_memory_gb": 0.05, "log_level": "critical", "self_check": True},
        {},
    )
    return dataclasses.replace(settled, **changes)


async def played(run: Run) -> list[Event]:
    """All that a run gives."""
    events: list[Event] = []
    await run.play(events.append)
    return events


@pytest.fixture
async def start(checkpoint: Path, tmp_path: Path) -> AsyncIterator[Start]:
    """Start an engine with changed settings; it is closed after the test."""
    async with AsyncExitStack() as stack:

        async def one(**changes: Any) -> NativeEngine:
            engine = NativeEngine(CARD, checkpoint, config(tmp_path / "home", **changes), lambda loading: None)
            stack.push_async_callback(engine.close)
            await engine.start()
            return engine

        yield one
