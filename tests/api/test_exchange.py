import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from api.desk import Call, Desk, chat_body, chunks
from fakes import say
from reckon.api.exchange import unbroken
from reckon.errors import EngineFailed, EngineUnavailable
from reckon.job import Delta, Finish, Usage
from reckon.ledger.db import Ledger


async def check_books(desk: Desk, outcome: str | None = None) -> None:
    """Every row is closed, once, at what the engine counted, and nothing of the request is left."""
    rows, metrics, counters = desk.rows(), await desk.metrics(), desk.engine.counters()
    for known in {row.outcome for row in rows}:
        settled = metrics[f'reckon_outcomes_total{{model="fake/model",outcome="{known}"}}']
        assert settled == [row.outcome for row in rows].count(known)
    assert "open" not in [row.outcome for row in rows]
    assert all(row.cost_nano == row.prompt_tokens * 120 + row.completion_tokens * 180 for row in rows)
    assert sum(row.prompt_tokens for row in rows) == counters.prompt
    assert sum(row.completion_tokens for row in rows) == counters.completion
    if outcome is not None:
        assert [row.outcome for row in rows] == [outcome]
    assert (await desk.client().get("/v1/usage")).status_code == 200  # the key's only place is free again


@pytest.fixture
def desk(make_desk: Any) -> Desk:
    return make_desk(max_concurrent=1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stream", [True, False])
async def test_settled_before_the_answer_has_ended(desk: Desk, stream: bool) -> None:
    seen: list[int] = []
    call = Call(desk, chat_body(stream=stream))

    def watch(message: Any) -> None:
        if b'"finish_reason":"' in message.get("body", b""):
            seen.append(len([row for row in desk.rows() if row.settled is not None]))

    call.watch = watch
    await call.run()
    assert seen == [1] and call.ended
    await check_books(desk, "stop")
    assert desk.rows()[0].first_token_ms is not None


POINTS = ("before the first event", "between events", "after the last piece", "after the last Finish")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("point", range(4), ids=POINTS)
async def test_a_client_that_leaves_stops_the_run_and_pays_for_it(desk: Desk, stream: bool, point: int) -> None:
    call = Call(desk, chat_body(stream=stream))
    script: list[Any] = list(say("a", "b"))
    desk.engine.enqueue(*script[:point], call.left.set, 5.0, *script[point:])
    await asyncio.wait_for(call.run(), 4)
    assert desk.engine.runs[0].cancels == 1
    assert not call.ended
    await check_books(desk, "abort")
    assert desk.rows()[0].completion_tokens == min(point, 2)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("ticks", range(0, 60, 3))
async def test_cancelled_at_any_moment_the_books_are_right(make_desk: Any, stream: bool, ticks: int) -> None:
    """However far it has come, by the server's own cancellation and by the client's leave together."""
    desk = make_desk(max_concurrent=1)
    desk.engine.enqueue(0.001, *say("a", "b", "c"), *say("d", choice=1))
    call = Call(desk, chat_body(stream=stream, n=2))
    task = asyncio.ensure_future(call.run())
    for _ in range(ticks):
        await asyncio.sleep(0 if ticks % 4 else 0.0003)
    if ticks % 2:
        call.left.set()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() or task.exception() is None
    await desk.ledger.run(lambda db: None)
    await check_books(desk)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("blocked", ["reserve", "settle"])
async def test_cancelled_while_the_ledger_writes(desk: Desk, stream: bool, blocked: str, tmp_path: Path) -> None:
    call, another = Call(desk, chat_body(stream=stream)), sqlite3.connect(tmp_path / "0" / "ledger.db", isolation_level=None)
    blocking: list[Any] = []

    def block(*_: Any) -> None:
        blocking.append(another.execute("BEGIN IMMEDIATE"))

    if blocked == "reserve":
        # The key is looked up first; the reservation waits for the other process.
        desk.engine.on_prepare = block
    else:
        desk.engine.enqueue(*say("a"), block)
    task = asyncio.ensure_future(call.run())
    while not blocking:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    call.left.set()
    await asyncio.sleep(0.02)
    assert not task.done()
    another.execute("COMMIT")
    another.close()
    await task
    await check_books(desk, "abort" if blocked == "reserve" else "stop")
    assert desk.rows()[0].completion_tokens == (0 if blocked == "reserve" else 1)


FAILURES = [
    (EngineFailed("The engine lost it."), "engine_failed"),
    (EngineUnavailable("Starting again.", retry_after=3), "engine_unavailable"),
    (ValueError("secret detail"), "internal_error"),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_is_charged_by_the_engines_count(desk: Desk, stream: bool, failure: Exception, code: str) -> None:
    desk.engine.enqueue(*say("a", "b")[:-1], failure)
    response = await desk.chat(stream=stream)
    assert code in response.text and "secret" not in response.text
    assert desk.engine.runs[0].cancels == 1
    await check_books(desk, code)
    assert desk.rows()[0].completion_tokens == 2


async def test_an_engine_that_cannot_cancel_is_charged_for_what_is_known(desk: Desk) -> None:
    desk.engine.cancel_failure = OSError("gone")
    desk.engine.enqueue(Finish(0, "stop", Usage(5, 0, 7)), EngineFailed("lost"))
    response = await desk.chat(n=2)
    assert response.status_code == 500
    assert [(row.outcome, row.prompt_tokens, row.completion_tokens) for row in desk.rows()] == [("engine_failed", 5, 7)]


@pytest.mark.parametrize("script", [[], say("a")[:-1], say("a", reason="abort"), say("a", choice=1)])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_was_not_finished_is_never_called_finished(desk: Desk, stream: bool, script: list[Any]) -> None:
    desk.engine.enqueue(*script)
    response = await desk.chat(stream=stream, n=2)
    assert '"code":"engine_failed"' in response.text
    await check_books(desk, "engine_failed")


class Flaky(Ledger):
    """A ledger whose third transaction fails: after the key and the reservation, the settlement."""

    transactions = 0

    def at_once(self, work: Any, **options: Any) -> Any:
        self.transactions += 1
        if self.transactions == 3:
            raise OSError("disk")
        return super().at_once(work, **options)


async def test_a_settlement_that_fails_is_tried_again_and_told(make_desk: Any) -> None:
    desk = make_desk(opened_by=Flaky)
    response = await desk.chat()
    assert response.status_code == 500
    await check_books(desk, "internal_error")


async def test_choices_are_summed(desk: Desk) -> None:
    desk.engine.enqueue(*say("a", "b", choice=1), *say("c"), *say("d", "e", "f", choice=2, reason="length"))
    usage = (await desk.chat(n=3)).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1, 6)
    await check_books(desk, "stop")


async def test_usage_so_far_of_a_run_that_cannot_count(desk: Desk) -> None:
    desk.engine.metered = False
    response = await desk.chat(stream=True, stream_options={"continuous_usage_stats": True})
    usages = [chunk["usage"]["completion_tokens"] for chunk in chunks(response.text)]
    assert usages == [0, 0, 0, 2]


async def test_usage_so_far(desk: Desk) -> None:
    response = await desk.chat(stream=True, stream_options={"continuous_usage_stats": True})
    found = [chunk["usage"] for chunk in chunks(response.text)]
    assert [usage["completion_tokens"] for usage in found] == [1, 1, 2, 2]
    assert [usage["estimated_cost"] for usage in found] == [3e-07, 3e-07, 4.8e-07, 4.8e-07]


async def test_a_client_that_leaves_in_the_silence_is_noticed(desk: Desk) -> None:
    desk.engine.enqueue(Delta(0, "content", "a"), 5.0)
    call = Call(desk, chat_body(stream=True))
    task = asyncio.ensure_future(call.run())
    await call.sent.wait()
    call.left.set()
    await asyncio.wait_for(task, 2)
    await check_books(desk, "abort")


async def test_unbroken_work_ends_and_the_cancellation_comes_after_it() -> None:
    done: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0.01)
        done.append(1)
        return 7

    assert await unbroken(work()) == 7
    task = asyncio.ensure_future(unbroken(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1, 1]


async def test_an_error_of_unbroken_work_comes_before_the_cancellation() -> None:
    async def work() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("no")

    task = asyncio.ensure_future(unbroken(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(ValueError, match="no"):
        await task


async def test_a_client_that_only_a_write_finds_gone_has_left(desk: Desk) -> None:
    call = Call(desk, chat_body(stream=True))
    desk.engine.enqueue(Delta(0, "content", "a"), 0.02, call.break_off, Delta(0, "content", "b"), 0.02, *say("c"))
    await asyncio.wait_for(call.run(), 4)
    assert not call.ended
    await check_books(desk, "abort")
    assert desk.rows()[0].completion_tokens == 3


QUIET = {"quiet_seconds": 0.05}


async def test_a_stream_that_is_silent_from_the_beginning_is_kept_alive(make_desk: Any) -> None:
    """A long prompt takes longer than proxies wait."""
    desk = make_desk(more=QUIET)
    desk.engine.enqueue(0.3, *say("a"))
    response = await desk.chat(stream=True)
    assert response.status_code == 200 and response.text.startswith(": keep-alive\n\n")
    assert chunks(response.text)[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("failure", "code"), FAILURES)
@pytest.mark.parametrize("silence", [0.0, 0.3])
async def test_an_error_has_a_status_until_the_first_comment(
    make_desk: Any, failure: Exception, code: str, silence: float
) -> None:
    desk = make_desk(more=QUIET if silence else None)
    desk.engine.enqueue(silence, failure)
    response = await desk.chat(stream=True)
    if silence:
        assert response.status_code == 200 and response.text.startswith(": keep-alive\n\n")
        assert chunks(response.text)[-1]["error"]["code"] == code
    else:
        assert response.status_code in (500, 503) and response.json()["error"]["code"] == code
    await check_books(desk, code)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_client_that_stays_and_takes_nothing_counts_as_gone(make_desk: Any, stream: bool, taken: int) -> None:
    """A whole answer is settled before it is sent."""
    desk = make_desk(max_concurrent=1, more={"stuck_seconds": 0.05})
    if stream:
        desk.engine.enqueue(Delta(0, "content", "a"), Delta(0, "content", "b"), 5.0, *say("c"))
    call = Call(desk, chat_body(stream=stream))
    call.watch = lambda message: call.stick() if len(call.messages) == taken else None
    await asyncio.wait_for(call.run(), 4)
    assert len(call.messages) == min(taken, 2 if not stream else taken)
    await check_books(desk, "abort" if stream else "stop")


async def test_an_answer_that_is_over_is_settled_whoever_has_taken_it(make_desk: Any) -> None:
    """The engine does not wait for a slow client, and neither does the bill; the client is given up all the same."""
    desk = make_desk(max_concurrent=1, more={"stuck_seconds": 0.05})
    call = Call(desk, chat_body(stream=True))
    call.watch = lambda message: call.stick()
    await asyncio.wait_for(call.run(), 4)
    assert call.messages == []
    await check_books(desk, "stop")


async def test_a_silent_client_is_not_a_stuck_one(make_desk: Any) -> None:
    """It is the engine that says nothing here."""
    desk = make_desk(more={"stuck_seconds": 0.05})
    desk.engine.enqueue(Delta(0, "content", "a"), 0.2, *say("b"))
    assert (await desk.chat(stream=True)).text.endswith("data: [DONE]\n\n")
