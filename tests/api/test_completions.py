import json
import re
from typing import Any

import openai
import pytest

from api.desk import Desk, chunks, served
from fakes import say
from reckon.api import completions
from reckon.api.asking import fields, schema
from reckon.errors import ApiError, InvalidField, InvalidRequest
from reckon.job import Delta, Finish, Scored, Usage

PATHS = ["/v1/openai/completions", "/v1/completions"]
RANGE = "an integer with 0 < max_tokens ≤ 1000000"


def parse(**given: Any) -> tuple[schema.Asked, str]:
    body = json.dumps({"model": "m", "prompt": "1+1=", **given}).encode()
    return completions.parse(body, request="cmpl-1", account="acct_1")


def refused(**given: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidField) as caught:
        parse(**given)
    return caught.value.param, caught.value.message


async def post(desk: Desk, path: str = PATHS[0], **given: Any) -> Any:
    return await desk.client().post(path, json={"model": "fake/model", "prompt": "say it", **given})


def test_what_is_shared_is_the_same_field() -> None:
    assert all(completions.ROWS[name] is fields.BY_NAME[name] for name in (*completions.SHARED, "model"))
    assert len(completions.ROWS) == len(completions.FIELDS)


def test_a_job_of_text() -> None:
    asked, echo = parse()
    job = asked.job
    assert (job.id, job.account, job.model, job.messages, job.prompt) == ("cmpl-1", "acct_1", "m", (), "1+1=")
    assert (job.max_tokens, job.logprobs, job.tools, echo, asked.ignored) == (512, None, (), "", ())
    asked, echo = parse(
        prompt=["a"], max_tokens=1, echo=True, n=4, stop="x", seed=3, temperature=0, logit_bias={"1": 2}, ignore_eos=True,
        stop_token_ids=[4], user="u", store=True, stream=True, stream_options={"include_usage": True}, suffix=None, best_of=1,
    )  # fmt: skip
    job = asked.job
    assert (job.prompt, echo, job.max_tokens, job.n, job.stop) == ("a", "a", 1, 4, ("x",))
    assert (job.sampling.seed, job.sampling.temperature, job.logit_bias, job.stop_tokens) == (3, 0, ((1, 2.0),), (4,))
    assert (job.ignore_eos, asked.stream, asked.include_usage, asked.ignored) == (True, True, True, ("store",))


def test_a_models_own_defaults() -> None:
    body = json.dumps({"model": "m", "prompt": "a"}).encode()
    asked, _ = completions.parse(body, request="r", account="a", defaults=lambda model: {"temperature": 0.5})
    assert asked.job.sampling.temperature == 0.5


@pytest.mark.parametrize(
    ("given", "param", "message"),
    [
        ({"prompt": None}, "prompt", f"prompt is required: {completions.PROMPT_RULE}."),
        ({"prompt": ""}, "prompt", f'prompt must be {completions.PROMPT_RULE}, not "".'),
        ({"prompt": []}, "prompt", f"prompt must be {completions.PROMPT_RULE}, not []."),
        ({"prompt": [""]}, "prompt", f'prompt must be {completions.PROMPT_RULE}, not [""].'),
        ({"prompt": ["a", "b"]}, "prompt", f'prompt must be {completions.PROMPT_RULE}, not ["a","b"].'),
        ({"prompt": 7}, "prompt", f"prompt must be {completions.PROMPT_RULE}, not 7."),
        ({"prompt": {}}, "prompt", f"prompt must be {completions.PROMPT_RULE}, not {{}}."),
        ({"max_tokens": 0}, "max_tokens", f"max_tokens must be {RANGE}, not 0."),
        ({"max_tokens": 1_000_001}, "max_tokens", f"max_tokens must be {RANGE}, not 1000001."),
        ({"logprobs": 6}, "logprobs", "logprobs must be an integer with 0 ≤ logprobs ≤ 5, not 6."),
        ({"logprobs": -1}, "logprobs", "logprobs must be an integer with 0 ≤ logprobs ≤ 5, not -1."),
        ({"logprobs": True}, "logprobs", "logprobs must be an integer with 0 ≤ logprobs ≤ 5, not true."),
        ({"echo": True, "logprobs": 0}, "logprobs", "logprobs must be absent when echo is true: the prompt is not scored."),
        ({"echo": 1}, "echo", "echo must be true or false, not 1."),
        ({"suffix": "b"}, "suffix", 'suffix must be null, the only value supported, not "b".'),
        ({"best_of": 2}, "best_of", "best_of must be 1, the only value supported, not 2."),
        ({"n": 5}, "n", "n must be an integer with 1 ≤ n ≤ 4, not 5."),
        ({"messages": []}, "messages", '"messages" is an unknown field.'),
        ({"stream_options": {}}, "stream_options", "stream_options must be absent unless stream is true, not "),
    ],
)
def test_refusals(given: Any, param: str, message: str) -> None:
    found = refused(**given)
    assert found[0] == param and found[1].startswith(message)


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2]], ["a", 1]])
def test_token_ids_are_refused_by_name(prompt: Any) -> None:
    param, message = refused(prompt=prompt)
    assert param == "prompt" and message.startswith("prompt must be text: token ids are not supported")


def test_what_is_not_a_body() -> None:
    for body in (b"[]", b"{"):
        with pytest.raises(InvalidRequest):
            completions.parse(body, request="r", account="a")
    with pytest.raises(ApiError):
        completions.parse(b'{"model": "m", "prompt": ' + b"[" * 5000 + b"]" * 5000 + b"}", request="r", account="a")


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer(desk: Desk, path: str) -> None:
    response = await post(desk, path)
    body = response.json()
    assert response.status_code == 200
    assert re.fullmatch("cmpl-[0-9a-f]{32}", body["id"]) and body["object"] == "text_completion"
    assert body["choices"] == [{"index": 0, "text": " Hi!", "finish_reason": "stop", "logprobs": None}]
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (2, 2)
    assert desk.engine.jobs[0].prompt == "say it"
    assert [row.outcome for row in desk.rows()] == ["stop"]


async def test_a_stream(desk: Desk) -> None:
    found = chunks((await post(desk, stream=True, echo=True)).text)
    assert [chunk["choices"][0]["text"] for chunk in found] == ["say it", " Hi", "!", ""]
    assert found[-1]["usage"]["total_tokens"] == 4
    apart = chunks((await post(desk, stream=True, stream_options={"include_usage": True})).text)
    assert apart[-1]["choices"] == [] and apart[-1]["usage"]["total_tokens"] == 4


async def test_refused_before_anything_runs(desk: Desk) -> None:
    response = await post(desk, prompt=[1])
    assert (response.status_code, response.json()["error"]["param"]) == (422, "prompt")
    assert (await post(desk, model="no/model")).status_code == 404
    assert (await post(desk, prompt="a " * 200)).json()["error"]["code"] == "context_length_exceeded"
    assert desk.rows() == [] and desk.engine.runs == []


def test_the_official_client(desk: Desk) -> None:
    with served(desk.app) as address, openai.OpenAI(api_key=desk.key, base_url=address + "/v1/openai") as client:
        answer = client.completions.create(model="fake/model", prompt="a", echo=True)
        assert answer.choices[0].text == "a Hi!" and answer.usage is not None
        desk.engine.enqueue(*say("x", "y"))
        stream = client.completions.create(model="fake/model", prompt="a", stream=True)
        assert "".join(chunk.choices[0].text for chunk in stream) == "xy"
        desk.engine.enqueue(Delta(0, "content", "b", (Scored(b"b", -0.25),)), Finish(0, "stop", Usage()))
        logprobs = client.completions.create(model="fake/model", prompt="a", logprobs=0).choices[0].logprobs
        assert logprobs is not None and logprobs.token_logprobs == [-0.25] and logprobs.text_offset == [0]
        assert desk.engine.jobs[-1].logprobs == 0
