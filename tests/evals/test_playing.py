"""A suite put to a server that is none: what is asked, in which order, and what happens when it refuses."""

import json
from typing import Any

import httpx
import pytest

from reckon.errors import BadSetting
from reckon.evals.playing import Player
from reckon.evals.suite import Expect, Header, Problem, Suite

HEADER = Header(suite="s", model="m/m", bars={})


class Server:
    """Answers from a script, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        answer = self.answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, Exception):
            raise answer
        choices = [{"message": {"role": "assistant", "content": text}} for text in answer]
        return httpx.Response(200, json={"choices": choices})


async def play(server: Server, *problems: Problem, temperature: float = 0.0, n: int = 1) -> list[Any]:
    done: list[None] = []
    transport = httpx.MockTransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        player = Player(client, "m/m", temperature, n, concurrency=1)
        outcomes = await player.play(Suite(HEADER, list(problems)), lambda: done.append(None))
    assert len(done) == len(problems)
    return outcomes


def problem(**more: Any) -> Problem:
    return Problem(kind="k", messages=[{"role": "user", "content": "1+1"}], expect=Expect(boxed="2"), **more)


async def test_a_problem_is_asked_with_all_that_belongs_to_it() -> None:
    server = Server([r"\boxed{2}"])
    tools = [{"type": "function", "function": {"name": "add"}}]
    form = {"type": "json_object"}
    (outcome,) = await play(server, problem(tools=tools, response_format=form, continue_final_message=True))
    assert outcome.first_right and outcome.majority_right
    (body,) = server.asked
    assert body["tools"] == tools
    assert body["response_format"] == form
    assert body["continue_final_message"] is True
    assert (body["model"], body["temperature"], body["n"], body["seed"]) == ("m/m", 0.0, 1, 0)


async def test_the_models_own_answers_stand_between_the_turns() -> None:
    server = Server(["first"], [r"\boxed{2}"])
    await play(server, problem(then=["and now?"], response_format={"type": "json_object"}))
    first, second = server.asked
    assert "response_format" not in first  # The form is asked for the answer that is judged.
    assert [message["content"] for message in second["messages"]] == ["1+1", "first", "and now?"]


async def test_several_answers_make_a_majority() -> None:
    server = Server([r"\boxed{3}", r"\boxed{2}", r"\boxed{2}", "?"])
    (outcome,) = await play(server, problem(), temperature=0.7, n=4)
    assert not outcome.first_right
    assert outcome.majority_right


async def test_each_problem_has_a_seed_of_its_own() -> None:
    server = Server(["a"], ["b"])
    await play(server, problem(), problem())
    assert [body["seed"] for body in server.asked] == [0, 1]


async def test_a_full_server_is_asked_again_after_what_it_says() -> None:
    server = Server(httpx.Response(429, headers={"retry-after": "0"}), [r"\boxed{2}"])
    (outcome,) = await play(server, problem())
    assert outcome.first_right
    assert len(server.asked) == 2


async def test_a_refusal_ends_the_run_in_the_servers_words() -> None:
    with pytest.raises(ExceptionGroup) as group:
        await play(Server(httpx.Response(404, text="no such model")), problem())
    (refusal,) = group.value.exceptions
    assert isinstance(refusal, BadSetting)
    assert refusal.message == "the server answered 404: no such model"


async def test_where_nobody_listens_the_address_is_named() -> None:
    with pytest.raises(ExceptionGroup) as group:
        await play(Server(httpx.ConnectError("refused")), problem())
    (refusal,) = group.value.exceptions
    assert "no server answers at http://here" in str(refusal)
