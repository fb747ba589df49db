"""``reckon bench api``: its server, its counting, and what it refuses. No time is judged."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from cli.desk import Type, refusal
from reckon.bench.api import TOKENS, Bench, Effort, Served, server
from reckon.cli import overhead
from reckon.errors import BadSetting

MOCKED = [sys.executable, "-m", "reckon.cli.mocked"]
SMALL = Effort(alone=4, crowd=2, each=2, full=3, steady=0.5, spare=1.0, arrivals=100)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with server(MOCKED) as served:
        yield served


def test_requests(served: Served) -> None:
    alone, together, full = asyncio.run(Bench(served, SMALL).requests())
    assert [row.whole.count for row in (alone, together, full)] == [4, 2 * 2, 2 * 3]
    assert [row.first.count for row in (alone, together, full)] == [4, 2 * 2, 2 * 3]
    assert f"2 clients, {TOKENS} tokens" in together.what
    for row in (alone, together, full):
        assert row.first.p50 > 0 and row.whole.p50 > 0 and row.cpu_per_request > 0 and row.requests_per_second > 0
        assert row.blocked > 0


def test_streams(served: Served) -> None:
    row = asyncio.run(Bench(served, SMALL).streams(5))
    assert (row.streams, row.complete) == (5, 5)
    assert row.tokens_per_second > 0
    assert row.memory_mb > 0 and len(row.blocked) == 3 and min(row.blocked) > 0


def test_a_server_that_does_not_start() -> None:
    dead = server([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(BadSetting, match="the server to be measured does not start: it ended with 3"), dead:
        raise AssertionError("it started")


def test_a_server_that_is_gone(reckon: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    monkeypatch.setattr(overhead, "server", lambda command: nullcontext(Served(port, "key")))
    assert "the server that is measured is gone: " in refusal(reckon("bench", "api", "--streams", "1", "--queued", "1"))


def test_more_streams_than_files(reckon: Type) -> None:
    assert "open files are needed and the system allows" in refusal(reckon("bench", "api", "--streams", str(10**9)))


def test_the_tables_and_the_record(reckon: Type, tmp_path: Path) -> None:
    few = ("--streams", "8", "--queued", "20", "--requests", "50", "--seconds", "1")
    result = reckon("bench", "api", *few, "--json", str(tmp_path / "api.json"))
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "api.json").read_text())["numbers"]
    assert list(numbers) == ["scheduler", "requests", "streams", "send_seconds", "hold_up_seconds"]
    assert [row["complete"] for row in numbers["streams"]] == [1, 8]
    for header in ("the scheduler's queue", "added in all", "complete and right"):
        assert header in result.stdout
