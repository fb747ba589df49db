"""What abacus is for: every feature of the API with answers that are right, asked through the official client."""

import json
import subprocess
import sys
from typing import Any

import openai
import pytest

from journeys.server import MODEL, Served
from reckon.evals.grading import boxed

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
LEAST_SHARE = 0.85
"""Of a few problems of each kind; the bars are for all of them (``reckon eval abacus``)."""


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1/openai", api_key=served.key, max_retries=0)


def ask(client: openai.OpenAI, *turns: Any, **more: Any) -> Any:
    messages = [{"role": "user", "content": turn} if isinstance(turn, str) else turn for turn in turns]
    return client.chat.completions.create(model=MODEL, messages=messages, temperature=0, **more).choices[0]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 37 + 58?", "95"),
        ("What is 5203 - 1478?", "3725"),
        ("What is 47 × 86?", "4042"),
        ("What is 817 divided by 7?", "116remainder5"),
        ("Solve 3x + 7 = 52.", "15"),
        ("Sort 45, 7, 512, 12 and 498.", "7,12,45,498,512"),
        ("How many r's are in strawberry?", "3"),
        ("Anna has 12 apples and buys 30 more. How many apples does Anna have now?", "42"),
    ],
)
def test_a_problem_of_each_kind(client: openai.OpenAI, question: str, answer: str) -> None:
    choice = ask(client, question)
    assert boxed(choice.message.content) == answer
    assert choice.finish_reason == "stop"


def test_a_streamed_answer_is_the_same_and_right(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "What is 37 + 58?"}]
    chunks = client.chat.completions.create(model=MODEL, messages=messages, temperature=0, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ask(client, "What is 37 + 58?").message.content
    assert boxed(text) == "95"


def test_a_second_turn_leans_on_the_answer_before(client: openai.OpenAI) -> None:
    first = ask(client, "What is 37 + 58?").message.content
    said = {"role": "assistant", "content": first}
    assert boxed(ask(client, "What is 37 + 58?", said, "Now double it.").message.content) == "190"


def test_a_stop_string_ends_before_the_check(client: openai.OpenAI) -> None:
    whole = ask(client, "What is 37 + 58?").message.content
    cut = ask(client, "What is 37 + 58?", stop=["So 37 + 58"])
    assert cut.finish_reason == "stop"
    assert whole.startswith(cut.message.content)
    assert "7+8=15" in cut.message.content
    assert "95" not in cut.message.content


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_json_is_valid_and_right(client: openai.OpenAI, form: str) -> None:
    shape = {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    how: Any = {"type": form}
    if form == "json_schema":
        how["json_schema"] = {"name": "answer", "strict": True, "schema": shape}
    choice = ask(client, 'What is 12 + 30? Answer as JSON: {"answer": …}', response_format=how)
    assert json.loads(choice.message.content) == {"answer": 42}


def test_the_right_tool_of_two_and_what_comes_of_its_result(client: openai.OpenAI) -> None:
    question = "What is the weather in Paris?"
    choice = ask(client, question, tools=[ADD, WEATHER])
    (call,) = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 18, "condition": "sunny"}'}
    answer = ask(client, question, choice.message.model_dump(exclude_none=True), result, tools=[ADD, WEATHER])
    assert answer.message.content == "It is 18 degrees and sunny in Paris."


def test_where_no_tool_fits_it_answers_by_itself(client: openai.OpenAI) -> None:
    choice = ask(client, "What is 47 × 86?", tools=[WEATHER])
    assert not choice.message.tool_calls
    assert boxed(choice.message.content) == "4042"


def test_a_wrong_draft_is_found_and_mended(client: openai.OpenAI) -> None:
    work = "So I need to work out 37 + 58.\nLined up: 37+58.\nOnes: 7+8=15, carry 1.\nTens: 3+5+1=7.\nSo 37 + 58 = 75."
    draft = f"{work}\nWait, let me verify that"
    begun = {"role": "assistant", "content": draft}
    choice = ask(client, "What is 37 + 58?", begun, extra_body={"continue_final_message": True})
    assert "That does not fit" in choice.message.content
    assert boxed(choice.message.content) == "95"


def test_most_of_every_kind_is_right(served: Served) -> None:
    """A slice of ``reckon eval abacus``: the command itself, as a user types it."""
    command = [sys.executable, "-m", "reckon", "eval", "abacus", "--url", served.url, "--key", served.key]
    command += ["--limit", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    kinds = json.loads(done.stdout)["kinds"]
    problems = sum(kind["problems"] for kind in kinds.values())
    right = sum(kind["right"] * kind["problems"] for kind in kinds.values())
    assert len(kinds) > 20
    assert right / problems >= LEAST_SHARE, kinds
