"""Puts a suite to a server, as any client would, and keeps what came back. Knows the HTTP API and nothing behind it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from reckon.errors import BadSetting
from reckon.evals.grading import answer_of, majority, right
from reckon.evals.suite import Problem, Suite

PATH = "/v1/openai/chat/completions"
LONGEST = 1200
"""Tokens of an answer: a model that has lost its way is wrong by then."""
MOST_TRIES = 8
"""Of a request that a full server refuses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a problem: the messages, and for each what it answers."""

    problem: Problem
    messages: list[dict[str, Any]]
    answers: list[str | None]

    @property
    def first_right(self) -> bool:
        """Whether the first answer is right: the one that a request for a single answer gets."""
        return right(self.problem.expect, self.answers[0])

    @property
    def majority_right(self) -> bool:
        """Whether the answer given most often is right."""
        return right(self.problem.expect, majority(self.answers))


class Player:
    """One way of asking: a client of a server, a model, how to sample. Equal seeds make equal runs."""

    def __init__(self, client: httpx.AsyncClient, model: str, temperature: float, n: int, concurrency: int) -> None:
        self._client = client
        self._sampling = {"model": model, "temperature": temperature, "max_tokens": LONGEST}
        self._n = n
        self._places = asyncio.Semaphore(concurrency)

    async def play(self, suite: Suite, done: Callable[[], None]) -> list[Outcome]:
        """All problems, several at a time; ``done`` is called after each. Raises BadSetting for a server that refuses."""

        async def one(number: int, problem: Problem) -> Outcome:
            async with self._places:
                outcome = await self._outcome(number, problem)
            done()
            return outcome

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number, problem)) for number, problem in enumerate(suite.problems)]
        return [task.result() for task in tasks]

    async def _outcome(self, seed: int, problem: Problem) -> Outcome:
        messages = list(problem.messages)
        for turn in problem.then:
            (reply,) = await self._ask(problem, messages, seed, 1, {})
            messages += [{"role": "assistant", "content": reply["content"] or ""}, {"role": "user", "content": turn}]
        form = {} if problem.response_format is None else {"response_format": problem.response_format}
        replies = await self._ask(problem, messages, seed, self._n, form)
        return Outcome(problem, replies, [answer_of(problem.expect, reply) for reply in replies])

    async def _ask(
        self, problem: Problem, messages: list[dict[str, Any]], seed: int, n: int, form: dict[str, Any]
    ) -> list[dict[str, Any]]:
        body: dict[str, Any] = {**self._sampling, **form, "messages": messages, "seed": seed, "n": n}
        if problem.tools:
            body["tools"] = problem.tools
        if problem.continue_final_message:
            body["continue_final_message"] = True
        response = await self._post(body)
        if response.status_code != 200:
            raise BadSetting(f"the server answered {response.status_code}: {response.text[:500]}")
        return [choice["message"] for choice in response.json()["choices"]]

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        try:
            for _ in range(MOST_TRIES - 1):
                response = await self._client.post(PATH, json=body)
                if response.status_code != 429:
                    return response
                await asyncio.sleep(float(response.headers.get("retry-after", "1")))
            return await self._client.post(PATH, json=body)
        except httpx.TransportError as error:
            raise BadSetting(f"no server answers at {self._client.base_url} ({error}); `reckon serve` starts one") from None
