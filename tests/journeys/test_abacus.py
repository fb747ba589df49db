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
RELIABLE = {
    "addition to 4 digits", "subtraction to 4 digits", "2 by 2 digit products", "division with remainder", "linear equations",
    "comparing two numbers", "sorting up to 6 numbers", "letters in a word", "word problems", "follow-ups", "JSON",
    "JSON with steps", "JSON of an answer before", "the right tool", "a tool's result", "no tool fits",
    "greetings, thanks", "who are you", "what can you do", "anything else", "mending a wrong draft",
}  # fmt: skip
LEAST_SHARE = 0.8
"""Of a few problems of the kinds that are at their bars; ``reckon eval abacus`` asks all of them, and of all kinds."""


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
        ("What is 37 × 42?", "1554"),
        ("What is 817 divided by 7?", "116remainder5"),
        ("Solve 3x + 7 = 52.", "15"),
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


def test_a_stop_string_ends_before_the_check(client: openai.OpenAI) -> None:
    whole = ask(client, "What is 37 + 58?").message.content
    cut = ask(client, "What is 37 + 58?", stop=["So 37 + 58"])
    assert cut.finish_reason == "stop"
    assert whole.startswith(cut.message.content)
    assert "7+8=15" in cut.message.content
    assert "95" not in cut.message.content


def test_json_is_valid_and_right(client: openai.OpenAI) -> None:
    asked = 'What is 12 + 30? Answer as JSON: {"steps": …, "answer": …}'
    choice = ask(client, asked, response_format={"type": "json_object"})
    assert json.loads(choice.message.content)["answer"] == 42


def test_a_tool_is_called_and_its_result_used(client: openai.OpenAI) -> None:
    question = "What is the weather in Paris?"
    choice = ask(client, question, tools=[WEATHER])
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    result = {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"temperature": 17, "condition": "cloudy"})}
    said = ask(client, question, choice.message.model_dump(exclude_none=True), result, tools=[WEATHER]).message.content
    assert "Paris" in said and "17" in said and "cloudy" in said


def test_a_second_turn_leans_on_the_first(client: openai.OpenAI) -> None:
    first = ask(client, "What is 37 + 58?").message
    again = ask(client, "What is 37 + 58?", {"role": "assistant", "content": first.content}, "Now double it.")
    assert boxed(again.message.content) == "190"


def test_where_no_tool_fits_it_answers_by_itself(client: openai.OpenAI) -> None:
    choice = ask(client, "What is 37 × 42?", tools=[WEATHER])
    assert not choice.message.tool_calls
    assert boxed(choice.message.content) == "1554"


def test_most_of_what_it_knows_is_right(served: Served) -> None:
    """A slice of ``reckon eval abacus``: the command itself, as a user types it."""
    command = [sys.executable, "-m", "reckon", "eval", "abacus", "--url", served.url, "--key", served.key]
    command += ["--limit", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    kinds = json.loads(done.stdout)["kinds"]
    assert len(kinds) > 20
    assert sum(kinds[name]["right"] for name in RELIABLE) / len(RELIABLE) >= LEAST_SHARE, kinds
