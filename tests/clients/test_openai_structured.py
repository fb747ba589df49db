"""What the official client promises of typed answers, against the shipped model: parsed objects, forced calls, logprobs.

The model is too small to fill a schema well: what it says is its own affair, that it fits is the server's.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pydantic
import pytest

from journeys.server import MODEL, Served

SUM: Any = [{"role": "user", "content": "What is 37 + 58?"}]


class Reckoned(pydantic.BaseModel):
    """A schema without strings: a weak model may never end one."""

    total: int
    sure: bool
    sign: Literal["plus", "minus"]


ADD: Any = openai.pydantic_function_tool(Reckoned, name="add", description="Adds two numbers.")
OTHER: Any = openai.pydantic_function_tool(Reckoned, name="subtract")


@pytest.fixture
def client(reckon: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{reckon.url}/v1/openai", api_key=reckon.key, max_retries=0) as client:
        yield client


def test_parse_with_a_pydantic_schema(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=SUM, response_format=Reckoned, temperature=0, max_tokens=400)
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(answer.choices[0].message.parsed, Reckoned)


def test_the_stream_helper_parses(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=SUM, response_format=Reckoned, temperature=0, max_tokens=400
    ) as stream:
        answer = stream.get_final_completion()
    assert isinstance(answer.choices[0].message.parsed, Reckoned)


def test_an_answer_that_was_cut_is_not_passed_off_as_whole(client: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=MODEL, messages=SUM, response_format=Reckoned, temperature=0, max_tokens=2)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}], ids=["required", "named"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_forced_call_fits_its_schema(client: openai.OpenAI, choice: Any, seed: int) -> None:
    answer = client.chat.completions.parse(
        model=MODEL,
        messages=SUM,
        tools=[ADD, OTHER],
        tool_choice=choice,
        temperature=1.0,
        seed=seed,
        max_tokens=400,
        parallel_tool_calls=False,
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None and len(message.tool_calls) == 1
    assert isinstance(message.tool_calls[0].function.parsed_arguments, Reckoned)
    assert choice == "required" or {call.function.name for call in message.tool_calls} == {"add"}


def test_a_schema_that_cannot_be_met_is_the_requests_fault(client: openai.OpenAI) -> None:
    endless: Any = {
        "type": "json_schema",
        "json_schema": {"name": "a", "strict": True, "schema": {"$ref": "http://127.0.0.1:1/schema.json"}},
    }
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)) as refused:
        client.chat.completions.create(model=MODEL, messages=SUM, response_format=endless)
    assert (refused.value.param or "").startswith("response_format")


def test_json_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=SUM, response_format={"type": "json_object"}, temperature=0, max_tokens=300
    )
    content = answer.choices[0].message.content or ""
    assert answer.choices[0].finish_reason == "length" or isinstance(json.loads(content), dict)


def test_log_probabilities_spell_the_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=SUM, temperature=0, logprobs=True, top_logprobs=3)
    scores = answer.choices[0].logprobs
    assert scores is not None and scores.content is not None
    assert b"".join(bytes(score.bytes or []) for score in scores.content).decode() == answer.choices[0].message.content
    for score in scores.content:
        assert len(score.top_logprobs) == 3
        assert math.isclose(score.top_logprobs[0].logprob, score.logprob, abs_tol=1e-4)
        assert score.logprob <= 0


def test_legacy_completions(client: openai.OpenAI) -> None:
    whole = client.completions.create(model=MODEL, prompt="2 + 3 =", max_tokens=6, temperature=0)
    stream = client.completions.create(model=MODEL, prompt="2 + 3 =", max_tokens=6, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == whole.choices[0].text
    assert whole.usage is not None and 0 < whole.usage.completion_tokens <= 6
