"""Anthropic's own client: against the shipped model where the answer matters, else against scripts. Extra: clients."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.desk import Desk
from clients.scripts import AWKWARD, HELLO, PLANES, call
from clients.scripts import MODEL as FAKE
from fakes import say
from journeys.server import MODEL, Served
from reckon.errors import EngineFailed
from tools import need_module

SUM: Any = [{"role": "user", "content": "What is 37 + 58?"}]
GREEDY = {"temperature": 0, "seed": 1}
"""Newer versions of the client have no argument for it."""
ADD: Any = {
    "name": "add",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["a"],
        "additionalProperties": False,
    },
}


@pytest.fixture
def anthropic() -> Any:
    return need_module("anthropic", "clients")


@pytest.fixture
def client(anthropic: Any, reckon: Served) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=reckon.url, api_key=reckon.key, max_retries=0) as client:
        yield client


@pytest.fixture
def scripted(anthropic: Any, desk: Desk, listening: Callable[[Desk], str]) -> Iterator[Any]:
    url = listening(desk).removesuffix("/v1/openai")
    with anthropic.Anthropic(base_url=url, api_key=desk.key, max_retries=0) as client:
        yield client


def test_create_and_stream_are_the_same(client: Any) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 500, "messages": SUM, "extra_body": GREEDY}
    whole = client.messages.create(**asked)
    assert "\\boxed{95}" in whole.content[0].text
    assert (whole.stop_reason, whole.role) == ("end_turn", "assistant")
    with client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens
    prompt = whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == prompt


def test_a_stop_sequence_and_a_beginning(client: Any) -> None:
    turns = [*SUM, {"role": "assistant", "content": "37 +"}]
    answer = client.messages.create(model=MODEL, max_tokens=200, messages=turns, extra_body=GREEDY, stop_sequences=["\n"])
    assert answer.stop_reason in ("stop_sequence", "end_turn") and "\n" not in answer.content[0].text


def test_a_tool_is_called_within_its_schema(client: Any) -> None:
    choice: Any = {"type": "tool", "name": "add"}
    answer = client.messages.create(
        model=MODEL, max_tokens=300, messages=SUM, tools=[ADD], tool_choice=choice, extra_body=GREEDY
    )
    (block,) = answer.content
    assert (answer.stop_reason, block.type, block.name) == ("tool_use", "tool_use", "add")
    assert list(block.input) == ["a"] and 0 <= block.input["a"] <= 99
    result: Any = {"type": "tool_result", "tool_use_id": block.id, "content": "95"}
    turns = [*SUM, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(model=MODEL, max_tokens=20, messages=turns, tools=[ADD]).role == "assistant"


def test_streamed_calls_are_joined(scripted: Any, desk: Desk) -> None:
    desk.engine.enqueue(*call("add", {"a": 12, "b": [1, {"c": "é"}]}))
    with scripted.messages.stream(model=FAKE, max_tokens=9, messages=HELLO, tools=[ADD]) as stream:
        message = stream.get_final_message()
    assert [(block.name, block.input) for block in message.content] == [("add", {"a": 12, "b": [1, {"c": "é"}]})]
    assert message.stop_reason == "tool_use"


def test_text_survives(scripted: Any, desk: Desk) -> None:
    desk.engine.enqueue(*say(*AWKWARD, PLANES))
    with scripted.messages.stream(model=FAKE, max_tokens=9, messages=HELLO) as stream:
        assert stream.get_final_text() == AWKWARD + PLANES


def test_errors_are_raised(scripted: Any, anthropic: Any, desk: Desk) -> None:
    with pytest.raises(anthropic.UnprocessableEntityError, match="max_tokens must be an integer"):
        scripted.messages.create(model=FAKE, max_tokens=-1, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError, match="model_not_found"):
        scripted.messages.create(model="nobody", max_tokens=1, messages=HELLO)
    with pytest.raises(anthropic.AuthenticationError):
        scripted.copy(api_key="wrong").messages.create(model=FAKE, max_tokens=1, messages=HELLO)
    desk.engine.enqueue(*say("a")[:-1], EngineFailed("The engine lost it."))
    with (
        pytest.raises(anthropic.APIStatusError, match="engine lost"),
        scripted.messages.stream(model=FAKE, max_tokens=9, messages=HELLO) as stream,
    ):
        stream.get_final_message()
