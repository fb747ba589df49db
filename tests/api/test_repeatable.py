"""What an answer says about its own repetition: its seed, its fingerprint, and whether the engine promises anything."""

from typing import Any

import openai
import pytest

from api.desk import Desk, chat_body, chunks, served
from fakes import FakeEngine

OTHERS = {
    "/v1/completions": {"model": "fake/model", "prompt": "a"},
    "/v1/messages": {"model": "fake/model", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]},
    "/v1/chat/completions": chat_body(),
}


@pytest.fixture
def loose(make_desk: Any) -> Desk:
    desk: Desk = make_desk(FakeEngine(repeatable=False))
    return desk


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", OTHERS)
async def test_every_kind_of_answer_has_seed_and_fingerprint_in_its_headers(desk: Desk, path: str, stream: bool) -> None:
    response = await desk.client().post(path, json={**OTHERS[path], "stream": stream, "seed": 5})
    assert (response.headers["x-reckon-seed"], response.headers["x-reckon-fingerprint"]) == ("5", "fp_fake")


@pytest.mark.parametrize("path", OTHERS)
async def test_an_engine_that_does_not_promise_is_named_in_the_answer(loose: Desk, path: str) -> None:
    response = await loose.client().post(path, json=OTHERS[path])
    assert response.headers["x-reckon-fingerprint"] == "fp_fake-unrepeatable"
    assert response.json().get("system_fingerprint", "fp_fake-unrepeatable") == "fp_fake-unrepeatable"
    streamed = await loose.client().post("/v1/chat/completions", json=chat_body(stream=True))
    assert {chunk["system_fingerprint"] for chunk in chunks(streamed.text)} == {"fp_fake-unrepeatable"}


async def test_the_model_says_it_too(loose: Desk) -> None:
    shown = (await loose.client().get("/models/fake/model")).json()["metadata"]
    assert (shown["repeatable"], shown["system_fingerprint"]) == (False, "fp_fake-unrepeatable")


def test_the_official_client_does_not_mind(loose: Desk) -> None:
    with served(loose.app) as url, openai.OpenAI(base_url=f"{url}/v1", api_key=loose.key, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**chat_body())
        assert raw.headers["x-reckon-fingerprint"] == raw.parse().system_fingerprint == "fp_fake-unrepeatable"
        streamed = client.chat.completions.create(**chat_body(stream=True))
        assert {chunk.system_fingerprint for chunk in streamed} == {"fp_fake-unrepeatable"}
