import asyncio
from typing import Any

import pytest
from starlette.datastructures import Headers

from api.desk import CHAT, TOKEN, Call, Desk, chat_body
from reckon import config
from reckon.api.auth import ADMINISTRATOR, NOBODY, Access, Guard
from reckon.errors import NotAuthenticated, NotPermitted, QueueFull
from reckon.ledger.accounts import create_key, revoke_key


def guard(desk: Desk, token: str = TOKEN, **flags: Any) -> Guard:
    return Guard(config.load({"home": "unused", "token": token, **flags}, environ={}), desk.ledger)


async def who(guard: Guard, access: Access = "key", **headers: str) -> Any:
    return await guard.identify(Headers({name.replace("_", "-"): value for name, value in headers.items()}), access)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "  Bearer  "])
async def test_bearer_in_any_case(desk: Desk, scheme: str) -> None:
    assert await who(guard(desk), authorization=f"{scheme} {desk.key} ") == desk.account


async def test_the_other_header(desk: Desk) -> None:
    assert await who(guard(desk), x_api_key=desk.key) == desk.account
    with pytest.raises(NotAuthenticated):  # authorization is what counts when both are there
        await who(guard(desk), authorization="Bearer wrong", x_api_key=desk.key)


async def test_the_token_of_the_settings_is_an_administrator(desk: Desk) -> None:
    assert await who(guard(desk), "admin", authorization=f"Bearer {TOKEN}") is ADMINISTRATOR
    umlaut = guard(desk, "schlüssel")
    assert await who(umlaut, authorization="Bearer " + "schlüssel".encode().decode("latin-1")) is ADMINISTRATOR
    with pytest.raises(NotAuthenticated):
        await who(umlaut, authorization="Bearer schlüssel")


async def test_without_a_token_in_the_settings_nothing_passes_for_it(desk: Desk) -> None:
    for secret in ("", " ", "x"):
        with pytest.raises(NotAuthenticated):
            await who(guard(desk, ""), authorization=f"Bearer {secret}")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic abc"},
        {"x_api_key": " "},
        {"x_api_key": "rk-no"},
    ],
)
async def test_no_key_or_an_unknown_one(desk: Desk, headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated):
        await who(guard(desk), **headers)
    assert await who(guard(desk), "public", **headers) is NOBODY


async def test_a_revoked_key_is_unknown(desk: Desk) -> None:
    desk.ledger.run_now(lambda db: revoke_key(db, desk.account.key_id))
    with pytest.raises(NotAuthenticated):
        await who(guard(desk), x_api_key=desk.key)


async def test_administrators_routes(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        await who(guard(desk), "admin", x_api_key=desk.key)
    account, secret = desk.ledger.run_now(lambda db: create_key(db, "boss", admin=True))
    assert await who(guard(desk), "admin", x_api_key=secret) == account


async def test_places_per_key(desk: Desk) -> None:
    door = guard(desk, max_concurrent=2)
    with door.place(desk.account), door.place(desk.account), door.place(ADMINISTRATOR), door.place(NOBODY):
        with pytest.raises(QueueFull, match="2 requests in progress"), door.place(desk.account):
            pass
        for _ in range(3):
            with door.place(NOBODY):
                pass
    with door.place(desk.account):
        pass


async def test_a_401_says_how_to_sign_in(desk: Desk) -> None:
    response = await desk.client(headers={}).post(CHAT, json=chat_body())
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "invalid_api_key"


async def test_a_stream_holds_its_place_until_it_ends(make_desk: Any) -> None:
    desk = make_desk(max_concurrent=1)
    desk.engine.enqueue(5.0)
    call = Call(desk, chat_body(stream=True))
    task = asyncio.ensure_future(call.run())
    while not desk.engine.runs:
        await asyncio.sleep(0.001)
    response = await desk.chat()
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert response.json()["error"]["type"] == "rate_limit_error"
    call.left.set()
    await task
    assert (await desk.chat()).status_code == 200


async def test_a_key_limited_to_models(make_desk: Any) -> None:
    desk = make_desk(models=["other/model"])
    response = await desk.chat()
    assert response.status_code == 403
    assert response.json()["error"] == {
        "message": "This key may use other/model, not fake/model.",
        "type": "permission_error",
        "param": "model",
        "code": "not_permitted",
    }
    client = desk.client()
    assert (await client.get("/v1/models")).json()["data"] == []
    assert (await client.get("/v1/models/fake/model")).status_code == 404
    assert (await make_desk(models=["fake/model"]).chat()).status_code == 200
