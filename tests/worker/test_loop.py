"""The worker's life over a real link: one end for each Submit whatever a step throws, and an honest start and end."""

import asyncio
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

import reckon
from reckon.devices.batch import Batch, Sampled
from reckon.job import Grammar, Usage
from reckon.link import (
    Abort,
    ApiEnd,
    Broken,
    Counters,
    Done,
    Failed,
    FromWorker,
    Launch,
    LinkClosed,
    Loading,
    Ready,
    Stepped,
    Submit,
    Tokens,
    WorkerEnd,
)
from reckon.worker.blocks import Blocks
from reckon.worker.loop import COMPILE_SHARE, Loop, serve
from reckon.worker.runner import Runner
from reckon.worker.scheduler import Scheduler
from reckon.worker.sequence import Matcher, MatcherMaker, no_matcher
from worker.conftest import TINY
from worker.driving import VOCAB, FakeDevice, ask, expected, text

POISON = VOCAB + 1
BLOCK_BYTES = 16384
"""Of the tiny checkpoint on the reference device: 2 layers, 64 tokens, 16 float32 of a key and of a value."""


class Client:
    """The API's end, sorting what it gets by request."""

    def __init__(self, link: ApiEnd) -> None:
        self.link = link
        self.heard: list[FromWorker] = []

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.heard += await self.link.receive()

    async def ask(self, *submits: Submit) -> None:
        """Submit at once and wait until all have ended and the worker has said so."""
        self.link.send(*submits)
        await self.until(lambda: all(self.ends(submit.request) for submit in submits) and self.pulse.running == 0)

    def tokens(self, request: int) -> list[int]:
        return [token for said in self.heard if isinstance(said, Tokens) and said.request == request for token in said.ids]

    def ends(self, request: int) -> list[Done | Failed]:
        return [said for said in self.heard if isinstance(said, Done | Failed) and said.request == request]

    @property
    def pulse(self) -> Stepped:
        return [said for said in self.heard if isinstance(said, Stepped)][-1]

    def check(self, *submits: Submit) -> None:
        """Each has its own answer and one Done."""
        for submit in submits:
            tokens, reason = expected(submit)
            assert self.tokens(submit.request) == tokens
            assert [end.reason for end in self.ends(submit.request) if isinstance(end, Done)] == [reason]
            assert len(self.ends(submit.request)) == 1


@asynccontextmanager
async def working(  # type: ignore[no-untyped-def]
    device: FakeDevice,
    blocks: int = 16,
    step_tokens: int = 64,
    make_matcher: MatcherMaker = no_matcher,
    clock: Callable[[], float] = time.monotonic,
):
    """A Loop in a thread and its client; at the end the link is closed, which has to end the loop."""
    ours, theirs = socket.socketpair()
    with theirs:
        device.allocate(blocks)
        loop = Loop(WorkerEnd(theirs), Scheduler(Blocks(blocks), step_tokens, 8, make_matcher), Runner(device), clock=clock)
        thread = asyncio.create_task(asyncio.to_thread(loop.run))
        client = Client(await ApiEnd.open(ours))
        try:
            yield client
        finally:
            client.link.close()
            with pytest.raises(LinkClosed):
                await asyncio.wait_for(thread, 10)


async def test_a_poisonous_request_fails_alone_and_the_worker_lives() -> None:
    bad = ask(2, [*text(20), POISON])
    good = [ask(1, 20), ask(3, 70), ask(4, 5)]
    async with working(FakeDevice(poison=[POISON]), step_tokens=512) as client:
        await client.ask(good[0], bad, *good[1:])
        assert client.ends(2) == [Failed(2, "the engine could not compute this request")]
        assert client.tokens(2) == []
        client.check(*good)
        await client.ask(again := ask(9, 100))
        client.check(again)
        assert client.pulse.counters == Counters(prompt=195, completion=40)
        assert client.pulse.used_blocks == 0


async def test_the_first_of_a_step_may_be_the_poisonous_one() -> None:
    bad, good = ask(1, [POISON] * 70), [ask(request, 70) for request in (2, 3)]
    async with working(FakeDevice(poison=[POISON]), step_tokens=512) as client:
        await client.ask(bad, *good)
        assert [type(end) for end in client.ends(1)] == [Failed]
        client.check(*good)


async def test_a_request_may_turn_poisonous_while_it_is_answered() -> None:
    good = [ask(1, [0] * 20, 6), ask(3, [0] * 70, 6)]
    safe = {0}.union(*(expected(submit)[0] for submit in good))
    bad = ask(2, [0] * 30, 30)
    tokens, _ = expected(bad)
    fatal = next(place for place, token in enumerate(tokens) if token not in safe.union(tokens[:place]) and place > 1)
    async with working(FakeDevice(poison=[tokens[fatal]])) as client:
        await client.ask(good[0], bad, good[1])
        assert client.tokens(2) == tokens[: fatal + 1]
        assert [type(end) for end in client.ends(2)] == [Failed]
        client.check(*good)


async def test_a_poisonous_prompt_with_four_choices_fails_four_times() -> None:
    prompt = [*text(20), POISON]
    choices = [ask(1 + choice, prompt, choice=choice, leader=1 if choice else None) for choice in range(4)]
    async with working(FakeDevice(poison=[POISON])) as client:
        await client.ask(*choices)
        assert [[type(end) for end in client.ends(choice.request)] for choice in choices] == [[Failed]] * 4


async def test_a_prompt_without_room_fails_alone() -> None:
    async with working(FakeDevice(), blocks=2) as client:
        await client.ask(ask(1, 400), good := ask(2, 30))
        assert [type(end) for end in client.ends(1)] == [Failed]
        client.check(good)


async def test_every_step_gives_a_pulse_also_without_a_token() -> None:
    """Somebody judges by it whether the worker is alive, and a long prompt takes long."""
    async with working(FakeDevice(), step_tokens=16) as client:
        await client.ask(ask(1, 200, 3))
        before = client.heard[: client.heard.index(Tokens(1, client.tokens(1)[:1]))]
        assert [said.step for said in before if isinstance(said, Stepped)] == list(range(1, 13))
        steps = [said.step for said in client.heard if isinstance(said, Stepped)]
        assert steps == sorted(set(steps))


async def test_an_abort_between_steps() -> None:
    async with working(FakeDevice(), blocks=80) as client:
        client.link.send(ask(1, 40, 5000))
        await client.until(lambda: len(client.tokens(1)) > 3)
        client.link.send(Abort(1, 2), Abort(77))
        await client.until(lambda: client.ends(1) and client.pulse.running == 0)
        assert client.ends(1) == [Done(1, "abort", Usage(40, 0, 2))]
        assert client.pulse.used_blocks == 0
        given, counters = len(client.tokens(1)), client.pulse.counters
        assert (counters.completion, counters.discarded) == (2, given - 2)


async def test_the_link_may_close_in_the_middle_of_work() -> None:
    async with working(FakeDevice(), blocks=80) as client:
        client.link.send(ask(1, 40, 5000))
        await client.until(lambda: client.tokens(1))


class Clock:
    """Time that passes when somebody says so. ``compiling`` is what grammars took, ``computing`` what steps took."""

    def __init__(self) -> None:
        self.compiling = self.computing = 0.0

    def __call__(self) -> float:
        return self.compiling + self.computing


class SlowDevice(FakeDevice):
    """A step takes 20 ms."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def step(self, batch: Batch) -> Sampled:
        self._clock.computing += 0.02
        return super().step(batch)


async def test_a_crowd_of_slow_grammars_costs_the_others_a_fifth_of_their_time() -> None:
    """20 of 0.3 s each would be six seconds without a token. A plain answer goes on, and each grammar has its turn."""
    clock, turns = Clock(), list[float]()

    def slow(grammar: Grammar) -> Matcher:
        clock.compiling += 0.3
        turns.append(clock())
        raise ValueError("too slow for nothing")

    grammars = [ask(100 + number, 20, grammar=Grammar("regex", str(number))) for number in range(20)]
    async with working(SlowDevice(clock), blocks=80, make_matcher=slow, clock=clock) as client:
        client.link.send(plain := ask(1, 40, 5000))
        await client.until(lambda: client.tokens(1))
        client.link.send(*grammars)
        await client.until(lambda: all(client.ends(submit.request) for submit in grammars))
        assert not client.ends(1)
        waits = [later - earlier for earlier, later in itertools.pairwise(turns)]
        assert min(waits) >= 0.3 / COMPILE_SHARE - 0.001
        assert clock.compiling / clock() <= COMPILE_SHARE + 0.02
        assert [client.ends(submit.request) for submit in grammars] == [
            [Failed(submit.request, "too slow for nothing", "grammar")] for submit in grammars
        ]
        client.link.send(Abort(plain.request))
        await client.until(lambda: client.pulse.running == 0)


async def test_grammars_do_not_wait_when_nobody_else_is_there() -> None:
    clock = Clock()

    def slow(grammar: Grammar) -> Matcher:
        clock.compiling += 0.3
        raise ValueError("no")

    grammars = [ask(100 + number, 20, grammar=Grammar("regex", str(number))) for number in range(20)]
    async with working(SlowDevice(clock), make_matcher=slow, clock=clock) as client:
        await client.ask(*grammars)
        pulses = [said for said in client.heard if isinstance(said, Stepped)]
        assert (clock.computing, len(pulses)) == (0, 20), "each turn gives a pulse: nobody takes the worker for dead"


def launch(model: Path, tmp: Path, **changes: object) -> Launch:
    settings = {"device": "reference", "threads": 1, "kv_bytes": 12 * BLOCK_BYTES + 1, "context": 200}
    settings |= {"step_tokens": 64, "max_sequences": 8, "log_level": "critical", **changes}
    return Launch(model=str(model), cache=str(tmp), **settings)  # type: ignore[arg-type]


async def serving(settings: Launch, talk: Callable[[Client], Awaitable[None]]) -> int:
    """The exit code of a worker in a thread whose API ends the link after ``talk``."""
    ours, theirs = socket.socketpair()
    with theirs:
        thread = asyncio.create_task(asyncio.to_thread(serve, settings, WorkerEnd(theirs)))
        client = Client(await ApiEnd.open(ours))
        await talk(client)
        client.link.close()
        return await asyncio.wait_for(thread, 10)


async def test_from_the_first_message_to_the_last(tiny: Path, tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        await client.until(lambda: client.heard and isinstance(client.heard[-1], Ready))
        *loading, ready = client.heard
        assert all(isinstance(message, Loading) and message.done <= message.total for message in loading)
        phases = {message.phase: message for message in loading if isinstance(message, Loading)}
        assert list(phases) == ["device", "weights", "digest", "grammars"]
        assert all(message.done == message.total for message in phases.values())
        assert isinstance(ready, Ready)
        assert ready.vocab_size == TINY.vocab
        assert (ready.device, ready.context, ready.stop_tokens) == ("reference/float32", 200, [1, 2])
        assert (ready.kv_tokens, ready.kv_bytes) == (12 * 64, 12 * BLOCK_BYTES)
        assert re.fullmatch(
            rf"reckon-{re.escape(reckon.__version__)}\+\w{{8}}-reference-float32\+\w{{8}}-\w{{16}}", ready.fingerprint
        )
        assert ready.repeatable
        assert list(ready.seconds) == ["device", "weights", "digest", "grammars"]
        assert all(0 <= taken < 20 for taken in ready.seconds.values())
        await client.ask(ask(1, 20, 5), ask(2, 70, 5))
        assert [end.usage for end in client.ends(2) if isinstance(end, Done)] == [Usage(70, 0, 5)]
        assert len(client.tokens(1)) == 5

    assert await serving(launch(tiny, tmp_path), talk) == 0


async def test_the_fingerprint_is_of_the_weights(tiny: Path, tmp_path: Path) -> None:
    prints = []

    async def talk(client: Client) -> None:
        await client.until(lambda: client.heard and isinstance(client.heard[-1], Ready))
        prints.append(client.heard[-1].fingerprint)  # type: ignore[union-attr]

    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    (file,) = other.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    for directory in (tiny, tiny, other):
        assert await serving(launch(directory, tmp_path), talk) == 0
    assert prints[0] == prints[1] != prints[2]


async def test_an_api_that_goes_while_the_worker_loads(tiny: Path, tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        await client.until(lambda: client.heard)

    assert await serving(launch(tiny, tmp_path), talk) == 0


def test_an_api_that_is_gone_already(tiny: Path, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        assert serve(launch(tiny, tmp_path), WorkerEnd(theirs)) == 0


def spoil(directory: Path, file: str, content: bytes | None) -> None:
    (directory / file).unlink() if content is None else (directory / file).write_bytes(content)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, "config.json cannot be read"),
        ("config.json", b"{", "config.json is not valid JSON"),
        ("config.json", b"{}", "architectures"),
        ("generation_config.json", b'{"eos_token_id": "x"}', "eos_token_id"),
        ("model.safetensors", None, "neither model.safetensors nor"),
        ("model.safetensors", b"short", "truncated"),
    ],
)
async def test_a_broken_model_is_named(tiny: Path, tmp_path: Path, file: str, content: bytes | None, message: str) -> None:
    directory = tmp_path / "model"
    shutil.copytree(tiny, directory)
    spoil(directory, file, content)
    assert message in await refusal(launch(directory, tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "abacus"}, "device must be one of"),
        ({"kv_bytes": 100}, "no memory for the KV cache: one block of 64 tokens"),
    ],
)
async def test_broken_settings_are_named(tiny: Path, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    assert message in await refusal(launch(tiny, tmp_path, **changes))


async def test_no_directory_at_all(tmp_path: Path) -> None:
    assert "cannot be read" in await refusal(launch(tmp_path / "nowhere", tmp_path))


async def refusal(settings: Launch) -> str:
    """What the worker says before it exits with 1."""
    said: list[FromWorker] = []

    async def talk(client: Client) -> None:
        await client.until(lambda: client.heard and isinstance(client.heard[-1], Broken))
        said.extend(client.heard)

    assert await serving(settings, talk) == 1
    assert [type(message) for message in said[:-1]] == [Loading] * (len(said) - 1)
    assert isinstance(said[-1], Broken)
    return said[-1].message


async def test_as_a_process_it_ends_with_the_link_and_not_with_ctrl_c(tiny: Path, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        # The checkpoint has no tokenizer, of which the worker warns.
        settings = msgspec.json.encode(launch(tiny, tmp_path, log_level="error")).decode()
        command = [sys.executable, "-m", "reckon.worker", str(theirs.fileno()), settings]
        process = await asyncio.create_subprocess_exec(
            *command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    client = Client(await ApiEnd.open(ours))
    await client.until(lambda: client.heard and isinstance(client.heard[-1], Ready))
    process.send_signal(signal.SIGINT)
    await client.ask(ask(1, 70, 5))
    assert [end.usage for end in client.ends(1) if isinstance(end, Done)] == [Usage(70, 0, 5)]
    client.link.close()
    stdout, stderr = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, stdout, stderr) == (0, b"", b"")


def test_the_worker_needs_neither_web_nor_database_nor_torch() -> None:
    roots = "sorted({name.partition('.')[0] for name in sys.modules})"
    code = f"import json, sys, reckon.worker.loop, reckon.worker.__main__; print(json.dumps({roots}))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    unwanted = {"torch", "transformers", "starlette", "uvicorn", "httpx", "sqlalchemy", "jinja2", "tokenizers", "numba"}
    assert not unwanted.intersection(loaded)
