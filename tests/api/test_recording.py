"""``--record``: each answer becomes a file that can be replayed, readable by its owner only, without keys."""

import gzip
import json
import logging
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.desk import Call, Desk, chat_body
from fakes import say
from reckon.api.recording import Recorder, writable
from reckon.errors import BadSetting, EngineFailed
from reckon.replay.answer import whole
from reckon.replay.recording import Recording, read

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": chat_body(),
    "/v1/openai/chat/completions": chat_body(stream=True),
    "/v1/completions": {"model": "fake/model", "prompt": "a", "stream": True},
    "/v1/messages": {"model": "fake/model", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]},
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def client(desk: Desk, kept: Path) -> httpx.AsyncClient:
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(Recorder(desk.app, writable(kept))), base_url="http://reckon", headers=desk.headers
    )
    desk.clients.append(client)
    return client


def recordings(kept: Path) -> list[Recording]:
    return [placed.recording for file in sorted(kept.iterdir()) for placed in read(file)]


@pytest.mark.parametrize("path", BODIES)
async def test_what_went_over_the_wire(client: httpx.AsyncClient, desk: Desk, kept: Path, path: str) -> None:
    response = await client.post(path, json=BODIES[path])
    (recording,) = recordings(kept)
    assert (recording.request.path, recording.request.body) == (path, BODIES[path])
    assert recording.response == (response.text if BODIES[path].get("stream") else response.json())
    assert whole(recording.response)
    names = ("x-request-id", "x-reckon-seed", "x-reckon-fingerprint")
    assert recording.headers == {name: response.headers[name] for name in names}
    (file,) = kept.iterdir()
    assert file.name == f"{response.headers['x-request-id']}.json"
    assert (file.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o600, 0o700)
    assert desk.key not in file.read_text()


async def test_a_zipped_body(client: httpx.AsyncClient, kept: Path) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = await client.post(
        "/v1/chat/completions", content=gzip.compress(json.dumps(chat_body()).encode()), headers=headers
    )
    assert response.status_code == 200
    assert recordings(kept)[0].request.body == chat_body()


async def test_refusals_and_other_routes_leave_nothing(client: httpx.AsyncClient, kept: Path) -> None:
    assert (await client.post("/v1/chat/completions", json=chat_body(temperature=3))).status_code == 422
    assert (
        await client.post("/v1/chat/completions", json=chat_body(), headers={"authorization": "Bearer x"})
    ).status_code == 401
    assert (await client.get("/v1/models")).status_code == 200
    assert (await client.post("/nowhere", json={})).status_code == 404
    assert list(kept.iterdir()) == []


async def test_an_answer_that_nobody_read_to_its_end_leaves_nothing(desk: Desk, kept: Path) -> None:
    desk.engine.enqueue(*say("a", "b")[:-1], 60.0)
    call = Call(desk, chat_body(stream=True))
    desk.app, app = Recorder(desk.app, writable(kept)), desk.app  # type: ignore[assignment]
    call.watch = lambda message: call.left.set() if b'"content":"b"' in message.get("body", b"") else None
    await call.run()
    assert not call.ended
    assert list(kept.iterdir()) == []
    desk.app = app


async def test_a_stream_that_broke_is_kept_as_it_was(client: httpx.AsyncClient, desk: Desk, kept: Path) -> None:
    desk.engine.enqueue(*say("a")[:-1], EngineFailed("The engine lost it."))
    await client.post("/v1/chat/completions", json=chat_body(stream=True))
    with pytest.raises(BadSetting, match=r"it is the error 'The engine lost it\.'"):
        whole(recordings(kept)[0].response)


async def test_a_disk_that_is_full_costs_no_answer(
    client: httpx.AsyncClient, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.rmdir()
    with caplog.at_level(logging.ERROR, "reckon.api"):
        assert (await client.post("/v1/chat/completions", json=chat_body())).status_code == 200
    assert "an answer could not be recorded" in caplog.text


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match=r"record: .*file/x cannot be made: Not a directory"):
        writable(tmp_path / "file" / "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadSetting, match="cannot be written to"):
        writable(tmp_path)
