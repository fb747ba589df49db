import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import Response
from starlette.routing import Route

from api.desk import CHAT, TOKEN, Desk, chat_body
from reckon import config
from reckon.api.app import Entry, create_app
from reckon.engines.pool import Pool
from reckon.errors import EngineUnavailable, QueueFull


def test_the_routes_and_who_may_use_them(desk: Desk) -> None:
    assert [(entry.method, entry.path, entry.access) for entry in desk.app.entries] == [
        ("POST", "/v1/openai/chat/completions", "key"),
        ("POST", "/v1/chat/completions", "key"),
        ("POST", "/v1/openai/completions", "key"),
        ("POST", "/v1/completions", "key"),
        ("POST", "/v1/messages", "key"),
        ("GET", "/v1/openai/models", "key"),
        ("GET", "/v1/models", "key"),
        ("GET", "/v1/openai/models/{id:path}/schema/{variant}", "key"),
        ("GET", "/v1/openai/models/{id:path}", "key"),
        ("GET", "/v1/models/{id:path}/schema/{variant}", "key"),
        ("GET", "/v1/models/{id:path}", "key"),
        ("GET", "/models/{id:path}/schema/{variant}", "key"),
        ("GET", "/models/{id:path}", "key"),
        ("GET", "/v1/usage", "key"),
        ("GET", "/health", "public"),
        ("GET", "/metrics", "admin"),
        ("GET", "/openapi.json", "public"),
    ]


async def nothing(request: Any, account: Any) -> Response:
    return Response("nothing")


async def broken(request: Any, account: Any) -> Response:
    raise ValueError("secret detail")


async def test_every_route_wants_a_key_unless_it_is_public(desk: Desk) -> None:
    for entry in desk.app.entries:
        path = entry.path.replace("{id:path}", "fake/model").replace("{variant}", "openai-completions")
        response = await desk.client(headers={}).request(entry.method, path)
        assert (response.status_code == 401) == (entry.access != "public"), entry.path
        response = await desk.client().request(entry.method, path)
        assert (response.status_code == 403) == (entry.access == "admin"), entry.path


def test_a_route_without_an_access_class_cannot_be_made(desk: Desk) -> None:
    with pytest.raises(TypeError):
        Entry("GET", "/x", handler=nothing)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="GET /x must declare an access"):
        Entry("GET", "/x", "everyone", nothing)  # type: ignore[arg-type]
    undeclared: Any = Route("/x", nothing)
    with pytest.raises(TypeError, match="must be an Entry"):
        create_app(config.load({"home": "unused"}, environ={}), Pool({}), desk.ledger, [undeclared])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/v1/models", 200), ("GET", "/no", 404), ("GET", CHAT, 405), ("POST", CHAT, 415)],
)
async def test_every_answer_has_an_id_of_our_own(desk: Desk, method: str, path: str, status: int) -> None:
    ids = set()
    for _ in range(2):
        response = await desk.client().request(method, path, headers={"x-request-id": "mine"})
        assert response.status_code == status
        ids.add(response.headers["x-request-id"])
    assert len(ids) == 2 and all(re.fullmatch(r"req_[0-9a-f]{32}", found) for found in ids)


async def test_the_completion_has_the_requests_id(desk: Desk) -> None:
    for stream in (True, False):
        response = await desk.chat(stream=stream)
        assert response.headers["x-request-id"].removeprefix("req_") == re.findall('chatcmpl-([0-9a-f]{32})"', response.text)[0]


async def test_what_is_not_there(desk: Desk) -> None:
    for path in ("/", "/v1/none", "/v1/models/", "/v1//models", CHAT + "/"):
        response = await desk.client(headers={}).get(path)
        assert response.status_code in (401, 404), path
    error = (await desk.client().get("/v1/none")).json()["error"]
    assert error == {
        "message": "There is nothing at /v1/none.",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
    }


async def test_a_method_that_is_not_there(desk: Desk) -> None:
    response = await desk.client().get(CHAT)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["error"]["message"] == f"{CHAT} does not take GET; it takes POST."
    assert response.json()["error"]["code"] == "method_not_allowed"


async def test_a_defect_is_told_by_its_id_and_logged(make_desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    desk = make_desk()
    app = create_app(config.load({"home": "unused"}, environ={}), Pool({}), desk.ledger, [Entry("GET", "/x", "public", broken)])
    desk.app = app
    with caplog.at_level(logging.ERROR, "reckon.api"):
        response = await desk.client().get("/x")
    assert response.status_code == 500
    identity = response.headers["x-request-id"]
    assert response.json()["error"] == {
        "message": f"Something went wrong on our side. If you report it, give this id: {identity}.",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
    }
    assert identity in caplog.text and "secret detail" in caplog.text and "Traceback" in caplog.text


async def test_a_body_over_the_limit(make_desk: Any) -> None:
    desk = make_desk(max_body_mb=0.001)
    fitting = chat_body(user="u" * 400)
    assert (await desk.client().post(CHAT, json=fitting)).status_code == 200

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    for content in (b" " * 1001, pieces()):
        response = await desk.client().post(CHAT, content=content, headers={"content-type": "application/json"})
        assert response.status_code == 413
        assert response.json()["error"] == {
            "message": "The body is larger than 1000 bytes, the limit of this server.",
            "type": "invalid_request_error",
            "param": None,
            "code": "body_too_large",
        }
    assert desk.rows() and len(desk.rows()) == 1


@pytest.mark.parametrize(
    ("retry_after", "header"), [(None, None), (0.0, "1"), (0.2, "1"), (1.1, "2"), (7.0, "7"), (500.0, "120")]
)
async def test_when_to_come_back(desk: Desk, retry_after: float | None, header: str | None) -> None:
    desk.engine.refusal = QueueFull("Too much work is waiting.", retry_after=retry_after)
    response = await desk.chat(stream=True)
    assert (response.status_code, response.headers.get("retry-after")) == (429, header)
    assert desk.rows() == []


async def test_an_engine_that_is_down(desk: Desk) -> None:
    desk.engine.refusal = EngineUnavailable("The engine is starting again.", retry_after=5)
    response = await desk.chat()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["error"]["code"] == "engine_unavailable"


async def test_answers_are_counted_by_route_and_status(desk: Desk) -> None:
    await desk.chat()
    await desk.chat(temperature=3)
    await desk.client().get("/invented/by/a/caller")
    counts = await desk.metrics()
    assert counts[f'reckon_requests_total{{path="{CHAT}",status="200"}}'] == 1
    assert counts[f'reckon_requests_total{{path="{CHAT}",status="422"}}'] == 1
    assert counts['reckon_requests_total{path="none",status="404"}'] == 1


async def test_other_protocols_are_turned_away(desk: Desk) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await desk.app({"type": "websocket", "path": "/x", "headers": []}, receive, send)
    assert sent[0]["type"] == "websocket.close"


async def test_a_client_that_leaves_while_it_sends_is_not_answered(desk: Desk) -> None:
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"x-api-key", TOKEN.encode())]
    await desk.app({"type": "http", "method": "POST", "path": CHAT, "headers": headers}, receive, send)
    assert sent == []
