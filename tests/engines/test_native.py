"""The engine over real worker processes: same answers in any company, after any death; every token counted once."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from engines.conftest import CARD, Start, config, played
from reckon.engines.base import Run
from reckon.engines.native import RESTARTS_PER_REQUEST, NativeEngine
from reckon.errors import ContextLengthExceeded, EngineFailed, EngineUnavailable, QueueFull, SetupError, UnsupportedModel
from reckon.job import Delta, Event, Finish, Job, Message, Sampling, Usage

PROMPT = "Hello, how are you? " * 20
LONG = {"max_tokens": 900, "ignore_eos": True}
"""An answer that something happens to in its middle."""


@dataclass
class Answer:
    text: str
    finish: Finish


def job(seed: int = 1, text: str = PROMPT, n: int = 1, account: str = "a", **fields: object) -> Job:
    sampling = Sampling(seed=seed, temperature=float(fields.pop("temperature", 1.0)))  # type: ignore[arg-type]
    fields.setdefault("max_tokens", 40)
    return Job(f"chatcmpl-{seed}", CARD.id, account, (Message("user", text),), sampling, n=n, **fields)  # type: ignore[arg-type]


async def ask(engine: NativeEngine, asked: Job) -> list[Answer]:
    """The job's answers in the order of choices."""
    texts, ends = [""] * asked.n, {}
    for event in await played(engine.run(await engine.prepare(asked))):
        if isinstance(event, Delta):
            texts[event.choice] += event.text
        elif isinstance(event, Finish):
            ends[event.choice] = event
    return [Answer(text, ends[choice]) for choice, text in enumerate(texts)]


async def first_text(run: Run) -> None:
    """Wait for it, and listen no more."""
    with contextlib.suppress(StopAsyncIteration):
        await run.play(_stop_at_text)


def _stop_at_text(event: Event) -> None:
    if isinstance(event, Delta):
        raise StopAsyncIteration


async def until(condition: object, seconds: float = 20) -> None:
    """Wait for a condition that other processes bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def mid_answer(engine: NativeEngine, seconds: float = 20) -> None:
    """Wait until an open answer has tokens.

    Looked at in every turn of the loop: an answer that was guessed from one before it takes a few milliseconds.
    """
    async with asyncio.timeout(seconds):
        while not (engine.worker_pid and any(choice.tokens for _, choice in engine._open.values())):
            await asyncio.sleep(0)


def counted(engine: NativeEngine) -> Usage:
    counters = engine.counters()
    return Usage(counters.prompt, counters.cached, counters.completion)


async def test_company_changes_no_byte_and_counts_agree(start: Start) -> None:
    engine = await start()
    jobs = [job(seed, f"{seed} " + PROMPT[: 7 * seed], n=1 + seed % 3, max_tokens=5 + 3 * seed) for seed in range(12)]
    alone = [await ask(engine, asked) for asked in jobs]
    together = await asyncio.gather(*(ask(engine, asked) for asked in jobs))
    assert [[a.text for a in answers] for answers in together] == [[a.text for a in answers] for answers in alone]
    usages = [answer.finish.usage for answers in [*alone, *together] for answer in answers]
    await until(lambda: counted(engine) == sum(usages, Usage()))
    await until(lambda: engine.health().running == 0)


async def test_choice_0_of_many_is_the_answer_of_one(start: Start) -> None:
    engine = await start()
    (one,) = await ask(engine, job(7))
    four = await ask(engine, job(7, n=4))
    assert four[0].text == one.text
    assert len({answer.text for answer in four}) == 4
    assert [answer.finish.usage.prompt_tokens > 0 for answer in four] == [True, False, False, False]


async def test_the_prefix_cache_serves_one_account_only(start: Start) -> None:
    engine = await start()
    (first,) = await ask(engine, job())
    (again,) = await ask(engine, job())
    (other,) = await ask(engine, job(account="b"))
    assert first.finish.usage.cached_tokens == 0
    assert again.finish.usage.cached_tokens >= 64
    assert other.finish.usage.cached_tokens == 0
    assert first.text == again.text == other.text


@pytest.mark.parametrize("count", [1, 3])
async def test_an_answer_outlives_its_worker(start: Start, count: int) -> None:
    """kill -9 in mid-answer: the same bytes come, billed once, and the next request is served too."""
    engine = await start()
    jobs = [job(seed, **LONG) for seed in range(count)]
    undisturbed = [await ask(engine, asked) for asked in jobs]
    before = sum((answer.finish.usage for (answer,) in undisturbed), Usage())
    await until(lambda: counted(engine) == before)  # the worker tells of its counts after the answer's end
    pid = engine.worker_pid
    answers = [asyncio.create_task(ask(engine, asked)) for asked in jobs]
    await mid_answer(engine)
    os.kill(pid or 0, signal.SIGKILL)
    assert [[a.text for a in await task] for task in answers] == [[a.text for a in answer] for answer in undisturbed]
    assert engine.restarts == 1
    assert engine.worker_pid != pid
    assert all(task.result()[0].finish.usage.completion_tokens == answer[0].finish.usage.completion_tokens
               for task, answer in zip(answers, undisturbed, strict=True))  # fmt: skip
    usages = [before, *(task.result()[0].finish.usage for task in answers)]
    await until(lambda: counted(engine) == sum(usages, Usage()))
    assert (await ask(engine, job(99)))[0].text


async def test_an_answer_is_not_gone_on_with_by_another_engine(checkpoint: Path, tmp_path: Path) -> None:
    """Somebody changed the model's files under a running server: the rest would be another answer's."""
    model = shutil.copytree(checkpoint, tmp_path / "model")
    engine = NativeEngine(CARD, model, config(tmp_path / "home"), lambda loading: None)
    await engine.start()
    try:
        before, pid = engine.fingerprint, engine.worker_pid
        task = asyncio.create_task(ask(engine, job(**LONG)))
        await mid_answer(engine)
        config_file = model / "generation_config.json"
        config_file.write_text(config_file.read_text() + " ")
        os.kill(pid or 0, signal.SIGKILL)
        with pytest.raises(EngineUnavailable, match="would not go on with the same bytes"):
            await task
        assert engine.fingerprint != before
        assert (await ask(engine, job(2)))[0].text
    finally:
        await engine.close()


async def test_the_models_own_defaults_are_in_the_fingerprint(checkpoint: Path, tmp_path: Path) -> None:
    """A request without a temperature is another one with them."""
    model = shutil.copytree(checkpoint, tmp_path / "model")
    file = model / "generation_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "temperature": 0.5}))
    prints = []
    for origin in ("page", "model"):
        engine = NativeEngine(CARD, model, config(tmp_path / "home", sampling_defaults=origin), lambda loading: None)
        await engine.start()
        prints.append(engine.fingerprint)
        assert engine.repeatable
        await engine.close()
    assert prints[1] == prints[0] + "-own-defaults"


async def test_a_request_that_sees_too_many_deaths_fails_alone(start: Start) -> None:
    engine = await start()
    task = asyncio.create_task(ask(engine, job(1, **LONG)))
    for _ in range(RESTARTS_PER_REQUEST + 1):
        await mid_answer(engine)
        pid = engine.worker_pid
        os.kill(pid or 0, signal.SIGKILL)
        await until(lambda pid=pid: engine.worker_pid != pid)
    with pytest.raises(EngineFailed, match="lost 3 times"):
        await task
    await until(lambda: engine.worker_pid)
    assert (await ask(engine, job(2)))[0].text


async def test_a_worker_that_stands_still_is_replaced(start: Start) -> None:
    engine = await start(stall_seconds=1.0)
    undisturbed = await ask(engine, job(**LONG))
    pid = engine.worker_pid
    task = asyncio.create_task(ask(engine, job(**LONG)))
    await mid_answer(engine)
    os.kill(pid or 0, signal.SIGSTOP)
    await until(lambda: not engine.health().progressing)
    assert engine.health().state == "stalled"
    assert (await task)[0].text == undisturbed[0].text
    assert engine.worker_pid != pid


async def test_without_a_worker_new_requests_are_told_to_come_back(start: Start) -> None:
    engine = await start()
    pid = engine.worker_pid
    os.kill(pid or 0, signal.SIGKILL)
    await until(lambda: engine.worker_pid is None)
    assert engine.health().state == "restarting"
    with pytest.raises(EngineUnavailable) as refusal:
        engine.admit(await engine.prepare(job()))
    assert refusal.value.retry_after
    await until(lambda: engine.worker_pid)
    engine.admit(await engine.prepare(job()))


async def test_a_full_queue_says_when_to_come_back(start: Start) -> None:
    engine = await start(max_sequences=2, max_queue=1)
    runs = [engine.run(await engine.prepare(job(seed, max_tokens=200))) for seed in range(3)]
    with pytest.raises(QueueFull, match="of at most 3") as refusal:
        engine.admit(await engine.prepare(job(4)))
    assert refusal.value.retry_after
    for run in runs:
        await run.cancel()
    engine.admit(await engine.prepare(job(4)))


async def test_cancel_stops_the_work_and_charges_what_was_done(start: Start) -> None:
    engine = await start()
    run = engine.run(await engine.prepare(job(**LONG)))
    await first_text(run)
    used = await run.cancel()
    assert used.prompt_tokens > 0
    assert 0 < used.completion_tokens < 900
    assert await run.cancel() == used
    await until(lambda: counted(engine) == used)
    await until(lambda: engine.health().running == 0)


async def test_cancel_works_while_the_worker_is_away(start: Start) -> None:
    engine = await start()
    run = engine.run(await engine.prepare(job(**LONG)))
    await first_text(run)
    os.kill(engine.worker_pid or 0, signal.SIGKILL)
    await until(lambda: engine.worker_pid is None)
    used = await run.cancel()
    assert used.completion_tokens > 0


async def test_a_stop_string_is_charged_up_to_itself(start: Start) -> None:
    engine = await start()
    (whole,) = await ask(engine, job(max_tokens=60))
    stop = whole.text[20:24]
    (cut,) = await ask(engine, job(max_tokens=60, stop=(stop,)))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish.reason == "stop"
    assert cut.finish.usage.completion_tokens <= whole.finish.usage.completion_tokens
    (same,) = await ask(engine, job(max_tokens=60, stop=(stop,)))
    assert same.finish.usage.completion_tokens == cut.finish.usage.completion_tokens
    usages = [answer.finish.usage for answer in (whole, cut, same)]
    await until(lambda: counted(engine) == sum(usages, Usage()))


async def test_the_context_is_a_limit_with_two_answers(start: Start) -> None:
    engine = await start(max_context=128)
    assert engine.context == 128
    long, short = "Hello " * 200, "Hello"
    with pytest.raises(ContextLengthExceeded, match="maximum context length is 128 tokens") as refusal:
        await engine.prepare(job(text=long))
    assert refusal.value.param == "messages"
    prepared = await engine.prepare(job(text=short, max_tokens=1_000_000))
    assert prepared.max_tokens == 128 - len(prepared.prompt)
    (answer,) = await ask(engine, job(3, text=short, max_tokens=1_000_000))
    assert answer.finish.reason in ("length", "stop")
    assert len(prepared.prompt) + answer.finish.usage.completion_tokens <= 128


async def test_no_tokens_asked_none_given(start: Start) -> None:
    engine = await start()
    (answer,) = await ask(engine, job(max_tokens=0))
    assert (answer.text, answer.finish.reason, answer.finish.usage.completion_tokens) == ("", "length", 0)


async def test_closing_ends_what_runs(start: Start) -> None:
    engine = await start()
    task = asyncio.create_task(ask(engine, job(**LONG)))
    await mid_answer(engine)
    await engine.close()
    with pytest.raises(EngineUnavailable, match="shutting down"):
        await task


@pytest.mark.parametrize("round", range(4))
async def test_closing_just_after_a_death_ends(start: Start, round: int) -> None:
    engine = await start()
    os.kill(engine.worker_pid or 0, signal.SIGKILL)
    await asyncio.sleep(0.004 * round)
    async with asyncio.timeout(20):
        await engine.close()


async def test_a_worker_that_is_being_ended_is_waited_for_when_the_engine_closes(start: Start) -> None:
    engine = await start()
    child = engine._child
    assert child is not None
    child.kill()
    async with asyncio.timeout(20):
        while engine._child is not None:
            await asyncio.sleep(0)
        await engine.close()
    assert child.process.returncode == -signal.SIGKILL


async def test_a_model_that_is_not_supported_is_refused_by_its_key(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    settings = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(settings | {"hidden_act": "gelu"}))
    engine = NativeEngine(CARD, broken, config(tmp_path / "home"), lambda loading: None)
    with pytest.raises(UnsupportedModel, match="hidden_act"):
        await engine.start()
    await engine.close()


async def test_a_worker_that_dies_while_loading_is_a_setup_error(checkpoint: Path, tmp_path: Path) -> None:
    engine: NativeEngine

    def kill(loading: object) -> None:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)

    engine = NativeEngine(CARD, checkpoint, config(tmp_path / "home"), kill)
    with pytest.raises(SetupError, match="while it was loading"):
        await engine.start()
    await engine.close()


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
