"""A worker whose start is given up is ended and waited for, wherever that happens."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reckon.engines import child
from reckon.engines.child import Child
from reckon.link import ApiEnd, Launch


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Of a model that is not there: what the worker says about that nobody hears."""
    settings = {"device": "reference", "threads": 1, "kv_bytes": 0, "context": 64, "step_tokens": 16, "max_sequences": 1}
    others = {"drafts": True, "self_check": False, "log_level": "critical"}
    return Launch(model=str(tmp_path), cache=str(tmp_path / "compiled"), **settings, **others)


async def given_up(*_: Any) -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize("at", ["the link", "the first message"])
async def test_a_start_that_is_given_up_leaves_no_process(launch: Launch, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    made, start = [], asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        made.append(await start(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    if at == "the link":
        monkeypatch.setattr(ApiEnd, "open", given_up)
    else:
        monkeypatch.setattr(child, "_ready", given_up)
    with pytest.raises(asyncio.CancelledError):
        await Child.start(launch, lambda loading: None)
    assert [process.returncode is not None for process in made] == [True]
