"""What a Job may ask of the engine besides sampling, through a real worker: scores, biases, grammars, ends, other prompts."""

import asyncio
import os
import re
import signal

import pytest

from engines.conftest import CARD, Start, played
from engines.test_native import LONG, job, mid_answer
from reckon.engines.native import NativeEngine
from reckon.errors import ContextLengthExceeded, InvalidField, InvalidGrammar, InvalidRequest
from reckon.job import Delta, Event, Finish, Grammar, Job, Message, Sampling, Scored


async def events(engine: NativeEngine, asked: Job) -> list[Event]:
    return await played(engine.run(await engine.prepare(asked)))


def text(found: list[Event], choice: int = 0) -> str:
    return "".join(event.text for event in found if isinstance(event, Delta) and event.choice == choice)


def scores(found: list[Event], choice: int = 0) -> list[Scored]:
    return [scored for event in found if isinstance(event, Delta) and event.choice == choice for scored in event.scores]


def end(found: list[Event]) -> Finish:
    (finish,) = [event for event in found if isinstance(event, Finish) and event.choice == 0]
    return finish


async def test_scores_of_every_token_whoever_else_is_there(start: Start) -> None:
    engine = await start()
    asked = job(3, n=2, logprobs=4, ignore_eos=True)
    alone = await events(engine, asked)
    others = [asyncio.create_task(events(engine, job(seed, logprobs=seed))) for seed in range(4, 8)]
    together = await events(engine, asked)
    for choice in (0, 1):
        found = scores(alone, choice)
        assert found == scores(together, choice)
        assert len(found) == 40
        assert [len(scored.top) for scored in found] == [4] * 40
        assert all(-99 < scored.logprob <= scored.top[0].logprob < 0 for scored in found)
        assert all(list(scored.top) == sorted(scored.top, key=lambda other: -other.logprob) for scored in found)
        shown = b"".join(scored.bytes for scored in found if not scored.bytes.startswith(b"<|"))
        assert shown.decode("utf-8", "replace") == text(alone, choice)
    for task in others:
        await task
    assert scores(await events(engine, job(3))) == []


async def test_scores_go_on_when_the_worker_dies(start: Start) -> None:
    engine = await start()
    asked = job(5, **LONG, logprobs=2)
    undisturbed = await events(engine, asked)
    task = asyncio.create_task(events(engine, asked))
    await mid_answer(engine)
    os.kill(engine.worker_pid or 0, signal.SIGKILL)
    assert (text(await task), scores(task.result())) == (text(undisturbed), scores(undisturbed))
    assert engine.restarts == 1


async def test_biases_stop_tokens_and_ignored_ends(start: Start) -> None:
    engine = await start()
    (a, *_), stop = engine._tokenizer.encode_text("a"), engine._stop_tokens[0]
    assert text(await events(engine, job(logit_bias=((a, 100.0),), max_tokens=5))) == "aaaaa"
    stopped = await events(engine, job(logit_bias=((a, 100.0),), stop_tokens=(a,)))
    assert (text(stopped), end(stopped).reason, end(stopped).usage.completion_tokens) == ("", "stop", 1)
    ended = await events(engine, job(logit_bias=((stop, 100.0),), max_tokens=5))
    assert (text(ended), end(ended).reason) == ("", "stop")
    ignored = await events(engine, job(logit_bias=((stop, 100.0),), max_tokens=5, ignore_eos=True, logprobs=0))
    assert (text(ignored), end(ignored).reason, len(scores(ignored))) == ("", "length", 5)


async def test_a_grammar_is_followed_and_scored(start: Start) -> None:
    engine = await start()
    asked = job(max_tokens=60, grammar=Grammar("regex", "(ab|cd){3}!"), logprobs=1, temperature=2.0)
    found = await events(engine, asked)
    assert re.fullmatch("(ab|cd){3}!", text(found))
    assert end(found).reason == "stop"
    assert b"".join(scored.bytes for scored in scores(found)).decode() == text(found)
    with pytest.raises(InvalidGrammar):
        await engine.prepare(job(grammar=Grammar("regex", "(")))


@pytest.mark.parametrize("token", [-1, 10**6])
async def test_tokens_that_the_model_does_not_have_are_refused(start: Start, token: int) -> None:
    engine = await start()
    size = engine._vocab_size
    await engine.prepare(job(logit_bias=((0, 1.0), (size - 1, 1.0)), stop_tokens=(0, size - 1)))
    for param, fields in (
        ("logit_bias", {"logit_bias": ((0, 1.0), (token, 1.0))}),
        ("stop_token_ids", {"stop_tokens": (token,)}),
    ):
        with pytest.raises(InvalidField, match=rf"{param} .* 0 to {size - 1}, .* has {size}; got {token}\.") as refusal:
            await engine.prepare(job(**fields))
        assert refusal.value.param == param


def completion(prompt: str) -> Job:
    return Job("cmpl-1", CARD.id, "a", (), Sampling(seed=1), 5, prompt=prompt)


async def test_a_text_goes_to_the_model_as_it_is(start: Start) -> None:
    engine = await start()
    prompt = "Once upon <|im_end|> a time"
    assert (await engine.prepare(completion(prompt))).prompt == engine._tokenizer.encode_text(prompt)
    assert end(await events(engine, completion(prompt))).usage.prompt_tokens == len(engine._tokenizer.encode_text(prompt))
    with pytest.raises(InvalidRequest, match="prompt must come to at least one token") as empty:
        await engine.prepare(completion(""))
    with pytest.raises(ContextLengthExceeded, match=r"but the prompt comes to .* and leaves no room") as long:
        await engine.prepare(completion("Hello " * 4000))
    assert (empty.value.param, long.value.param) == ("prompt", "prompt")


async def test_the_last_message_goes_on(start: Start) -> None:
    engine = await start()
    messages = (Message("user", "Hello"), Message("assistant", "I am fi"))
    asked = Job("chatcmpl-1", CARD.id, "a", messages, Sampling(seed=1), 5, continues=True)
    prompt = (await engine.prepare(asked)).prompt
    assert b"".join(map(engine._tokenizer.token_bytes, prompt)).endswith(b"<|im_start|>assistant\nI am fi")
    assert end(await events(engine, asked)).usage.completion_tokens > 0
