"""A slice of the campaign that ``make fuzz`` runs at length, and proof that its oracle would notice."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator

import httpx
import pytest
from tests.fuzz.attack import Attack, post
from tests.fuzz.bodies import DEEP, SPOILERS
from tests.fuzz.campaign import Campaign, Report
from tests.fuzz.framing import attack
from tests.fuzz.oracle import Memory, grown
from tests.fuzz.sending import Answer, Outcome, judged, send
from tests.journeys.server import Served, serve

from tools import need_module

SEED = 20
REQUESTS = 600
EVENTS = {b"content-type": b"text/event-stream"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that nobody else uses."""
    with serve(tmp_path_factory.mktemp("home") / "home", "--kv-memory-gb", "0.25") as served:
        yield served


async def test_a_slice_of_the_campaign(own: Served) -> None:
    seen: list[int] = []
    report = await Campaign(own, SEED).run(REQUESTS, lambda report: seen.append(report.requests))
    assert not report.faults, "\n".join(report.faults)
    assert report.requests == seen[-1] == REQUESTS
    assert {"200", "400", "401", "415", "422", "no answer"} <= set(report.statuses)
    assert {f"body {spoiler.__name__}" for spoiler in SPOILERS} <= set(report.kinds)


def test_what_our_own_description_calls_wrong(own: Served) -> None:
    described = need_module("tests.fuzz.described", "fuzz")
    if httpx.get(f"{own.url}/openapi.json").status_code == 404:
        pytest.skip("this server has no /openapi.json yet")
    report = described.describe(own, SEED, 5)
    assert not report.faults, "\n".join(report.faults)
    assert any(re.match("POST .*/chat/completions", kind) for kind in report.kinds)


def test_a_request_is_the_same_whenever_it_is_made() -> None:
    assert [attack(3, number) for number in range(50)] == [attack(3, number) for number in range(50)]
    assert attack(3, 1) != attack(4, 1)
    assert any(b"[" * DEEP in attack(3, number).raw for number in range(2000))


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([Answer(500, {}, b"{}", True)], "status 500"),
        ([Answer(503, {}, b'{"error": {}}', True)], "status 503"),
        ([Answer(422, {}, b'{"detail": []}', True)], "without an envelope"),
        ([Answer(400, {}, b"Bad", True)], "without an envelope"),
        (
            [Answer(200, {b"content-type": b"text/event-stream"}, b'data: {"error":{}}\n\ndata: [DONE]\n\n', True)],
            "in a stream",
        ),
        ([Answer(200, EVENTS, b"data: {}\n\n", True)], "without an end"),
        ([], "0 answers to 1 requests, then the connection was reset"),
        ([Answer(200, {}, b"{}", True)] * 2, "2 answers to 1 requests"),
    ],
)
def test_what_must_not_be_is_noticed(answers: list[Answer], fault: str) -> None:
    assert fault in judged(Attack("a", (b"",)), answers, "the connection was reset").fault


def test_what_may_be_is_not() -> None:
    envelope = b'{"error":{"message":"No.","type":"a","param":null,"code":"b"}}'
    assert judged(Attack("a", (b"",)), [Answer(422, {}, envelope, True)], "") == Outcome([422])
    assert judged(Attack("a", (b"",), expects=0), [], "the time was over") == Outcome([])


def test_memory_that_is_lost_is_noticed() -> None:
    assert grown(Memory(100, 100), Memory(200, 200)) == []
    assert grown(Memory(100, 100), Memory(300, 2000)) == [
        "the API process grew by 200 MB, more than 150 MB",
        "the worker process grew by 1900 MB, more than 350 MB",
    ]


async def test_a_server_that_is_gone_is_noticed(own: Served) -> None:
    request = Attack("a", (post(b"{}"),))
    assert (await send(request, "127.0.0.1", int(own.url.rpartition(":")[2]), b"k", asyncio.Event())).statuses == [401]
    with pytest.raises(OSError):
        await send(request, "127.0.0.1", 1, b"k", asyncio.Event())


def test_kinds_are_counted() -> None:
    report = Report(1)
    report.count("a", [400, 200])
    report.count("a", [])
    assert (report.requests, dict(report.statuses)) == (2, {"400": 1, "200": 1, "no answer": 1})


async def test_a_worker_that_died_is_noticed(own: Served) -> None:
    """The last test of this server. Whether the canary is refused or answered by the next worker depends on the moment."""
    campaign, worker = Campaign(own, SEED), own.worker_pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    (fault,) = (await campaign.run(1)).faults
    assert f"the worker {worker} was replaced" in fault or "the canary's answer is 503" in fault
