"""Both ends of the link over a real socket pair: what is sent arrives, however it is cut, and an end is an end."""

import asyncio
import fcntl
import resource
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reckon.job import Grammar, Sampling, Usage
from reckon.link import (
    HEADER,
    MAX_FRAME,
    Abort,
    ApiEnd,
    Broken,
    Counters,
    Done,
    Failed,
    FromWorker,
    LinkClosed,
    Loading,
    Ready,
    Stepped,
    Submit,
    Tokens,
    ToWorker,
    WorkerEnd,
)

Pair = tuple[socket.socket, socket.socket]

COUNTS = st.integers(0, 2**63 - 1)
IDS = st.lists(st.integers(0, 2**31 - 1), max_size=20)
FLOATS = st.floats(allow_nan=False, width=64)
TEXT = st.text(max_size=20)
SAMPLINGS = st.builds(
    Sampling,
    seed=st.integers(0, 2**63 - 1),
    temperature=FLOATS,
    top_p=FLOATS,
    min_p=FLOATS,
    top_k=COUNTS,
    presence_penalty=FLOATS,
    frequency_penalty=FLOATS,
    repetition_penalty=FLOATS,
)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS)
COUNTERS = st.builds(Counters, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
SCORED = st.lists(st.tuples(COUNTS, FLOATS), max_size=3)
TO_WORKER: st.SearchStrategy[ToWorker] = st.one_of(
    st.builds(
        Submit,
        COUNTS,
        IDS,
        SAMPLINGS,
        COUNTS,
        IDS,
        TEXT,
        COUNTS,
        st.none() | COUNTS,
        IDS,
        st.none() | st.builds(Grammar, st.sampled_from(["json_schema", "regex", "lark"]), TEXT),
        SCORED,
        st.integers(-1, 20),
    ),
    st.builds(Abort, COUNTS, st.none() | COUNTS),
)
FROM_WORKER: st.SearchStrategy[FromWorker] = st.one_of(
    st.builds(Loading, TEXT, COUNTS, COUNTS),
    st.builds(Ready, TEXT, TEXT, COUNTS, IDS, COUNTS, COUNTS, st.dictionaries(TEXT, FLOATS, max_size=3), COUNTS),
    st.builds(Stepped, COUNTS, COUNTS, COUNTS, COUNTS, COUNTERS),
    st.builds(Tokens, COUNTS, IDS, st.none() | st.lists(st.tuples(FLOATS, SCORED), max_size=3)),
    st.builds(Done, COUNTS, st.sampled_from(["stop", "length", "abort"]), USAGES),
    st.builds(Failed, COUNTS, TEXT, st.sampled_from(["engine", "grammar"]), st.builds(Usage, COUNTS, COUNTS, COUNTS)),
    st.builds(Broken, TEXT),
)
SUBMIT = Submit(1, [5, 6], Sampling(2**63 - 1, top_p=0.5), 9, [2], "account", 1, 7, [8])
INWARDS: list[ToWorker] = [SUBMIT, Abort(1), Abort(2, 3), Submit(2, [], Sampling(0), 0, [], "")]
INWARDS += [Submit(3, [], Sampling(0), 0, [], "", grammar=Grammar("regex", "é+"), bias=[(7, -0.5)], logprobs=2)]
OUTWARDS: list[FromWorker] = [
    Loading("weights", 1, 2),
    Ready("cpu/x", "fingerprint", 128, [1, 2], 64, 1000, {"weights": 0.5}, 151_936, True),
    Tokens(1, [5, 2**31 - 1]),
    Tokens(1, [5], [(-0.5, [(5, -0.5), (6, float("-inf"))])]),
    Stepped(1, 2, 3, 4, Counters(1, 2, 3, 4, 5)),
    Done(1, "length", Usage(1, 2, 3)),
    Failed(2, "Ünicode"),
    Broken("no"),
]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The API's socket and the worker's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def gather(end: ApiEnd, count: int) -> list[FromWorker]:
    messages: list[FromWorker] = []
    while len(messages) < count:
        messages += await asyncio.wait_for(end.receive(), 5)
    return messages


async def inwards(messages: list[ToWorker]) -> bytes:
    """The bytes that an API process writes for these."""
    ours, theirs = socket.socketpair()
    with theirs:
        end = await ApiEnd.open(ours)
        end.send(*messages)
        await asyncio.sleep(0)
        data = theirs.recv(1 << 20)
        end.close()
        await asyncio.sleep(0)
    return data


def outwards(messages: list[FromWorker]) -> bytes:
    """The bytes that a worker writes for these."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        WorkerEnd(theirs).send(messages)
        return ours.recv(1 << 20)


@settings(max_examples=60, deadline=None)
@given(st.lists(TO_WORKER, max_size=5), st.lists(FROM_WORKER, min_size=1, max_size=5))
@example(INWARDS, OUTWARDS)
async def test_what_is_sent_arrives(to_worker: list[ToWorker], from_worker: list[FromWorker]) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        api, worker = await ApiEnd.open(ours), WorkerEnd(theirs)
        api.send(*to_worker)
        await asyncio.sleep(0)
        assert worker.receive(0) == to_worker
        worker.send(from_worker)
        assert await gather(api, len(from_worker)) == from_worker
        api.close()
        await asyncio.sleep(0)


async def test_the_worker_reads_frames_that_are_cut_anywhere(pair: Pair) -> None:
    data = await inwards(INWARDS)
    ours, theirs = pair
    worker = WorkerEnd(theirs)
    for cut in range(len(data) + 1):
        ours.sendall(data[:cut])
        first = worker.receive(0)
        ours.sendall(data[cut:])
        assert first + worker.receive(0) == INWARDS


async def test_the_api_reads_frames_that_are_cut_anywhere(pair: Pair) -> None:
    data = outwards(OUTWARDS)
    ours, theirs = pair
    api = await ApiEnd.open(ours)
    for cut in range(len(data) + 1):
        theirs.sendall(data[:cut])
        await asyncio.sleep(0)
        theirs.sendall(data[cut:])
        assert await gather(api, len(OUTWARDS)) == OUTWARDS
    api.close()
    await asyncio.sleep(0)


async def test_byte_by_byte(pair: Pair) -> None:
    ours, theirs = pair
    worker, found = WorkerEnd(theirs), []
    for byte in await inwards(INWARDS):
        ours.sendall(bytes([byte]))
        found += worker.receive(0)
    assert found == INWARDS


async def test_many_frames_in_one_read(pair: Pair) -> None:
    data = await inwards(INWARDS)
    ours, theirs = pair
    ours.sendall(data * 50)
    assert WorkerEnd(theirs).receive(None) == INWARDS * 50


async def test_a_frame_larger_than_any_buffer_does_not_block_the_api(pair: Pair) -> None:
    """The worker is in a step meanwhile; what does not fit into the socket waits in the API process."""
    ours, theirs = pair
    api, worker = await ApiEnd.open(ours), WorkerEnd(theirs)
    large = Submit(1, [2**31 - 1] * 500_000, Sampling(0), 1, [], "")
    api.send(large, Abort(1))
    assert await asyncio.to_thread(gather_blocking, worker, 2) == [large, Abort(1)]
    api.close()
    await asyncio.sleep(0)


def gather_blocking(worker: WorkerEnd, count: int) -> list[ToWorker]:
    found: list[ToWorker] = []
    while len(found) < count:
        found += worker.receive(5)
    return found


def test_waiting_ends_with_the_timeout(pair: Pair) -> None:
    worker, start = WorkerEnd(pair[1]), time.monotonic()
    assert worker.receive(0) == []
    assert worker.receive(0.05) == []
    assert 0.04 < time.monotonic() - start < 2


def test_half_a_frame_is_no_message_yet(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(HEADER.pack(100) + b"x" * 99)
    assert WorkerEnd(theirs).receive(0) == []


def test_an_oversize_frame_closes_the_workers_end(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(HEADER.pack(MAX_FRAME + 1))
    with pytest.raises(LinkClosed, match=f"{MAX_FRAME + 1} bytes is over the limit"):
        WorkerEnd(theirs).receive(1)


async def test_an_oversize_frame_closes_the_apis_end(pair: Pair) -> None:
    ours, theirs = pair
    api = await ApiEnd.open(ours)
    theirs.sendall(HEADER.pack(2**32 - 1))
    with pytest.raises(LinkClosed, match="over the limit"):
        await api.receive()
    api.close()
    await asyncio.sleep(0)


def test_an_oversize_message_is_not_sent(pair: Pair) -> None:
    ours, theirs = pair
    with pytest.raises(ValueError, match="over the limit"):
        WorkerEnd(theirs).send([Broken("small"), Broken("x" * MAX_FRAME)])
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        ours.recv(1)


async def test_the_worker_sees_that_the_api_is_gone(pair: Pair) -> None:
    ours, theirs = pair
    worker = WorkerEnd(theirs)
    ours.close()
    for timeout in (0, None):
        with pytest.raises(LinkClosed):
            worker.receive(timeout)
    with pytest.raises(LinkClosed):
        worker.send([Tokens(1, [1])])


def test_the_worker_sees_an_api_that_died_without_reading(pair: Pair) -> None:
    ours, theirs = pair
    worker = WorkerEnd(theirs)
    worker.send([Tokens(1, [1])])
    ours.close()
    with pytest.raises(LinkClosed):
        worker.receive(None)


async def test_the_api_sees_that_the_worker_is_gone_after_its_last_words(pair: Pair) -> None:
    ours, theirs = pair
    api = await ApiEnd.open(ours)
    WorkerEnd(theirs).send([Broken("no")])
    theirs.close()
    assert await api.receive() == [Broken("no")]
    with pytest.raises(LinkClosed):
        await api.receive()
    with pytest.raises(LinkClosed):
        api.send(Abort(1))
    await asyncio.sleep(0)


async def test_the_api_sees_a_worker_that_died_without_reading(pair: Pair) -> None:
    ours, theirs = pair
    api = await ApiEnd.open(ours)
    api.send(SUBMIT)
    await asyncio.sleep(0)
    theirs.close()
    with pytest.raises(LinkClosed):
        await api.receive()
    api.close()


async def test_closing_the_apis_end_reaches_the_worker(pair: Pair) -> None:
    ours, theirs = pair
    api = await ApiEnd.open(ours)
    api.close()
    await asyncio.sleep(0)
    with pytest.raises(LinkClosed):
        WorkerEnd(theirs).receive(1)
    with pytest.raises(LinkClosed):
        api.send(Abort(1))


def test_a_socket_with_a_large_number_works(pair: Pair) -> None:
    """A server with a thousand clients starts a worker again: the socket that the child inherits has a number like this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"no more than {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    try:
        with socket.socket(fileno=fcntl.fcntl(pair[1], fcntl.F_DUPFD, 1100)) as large:
            assert WorkerEnd(large).receive(0) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
