"""Signing in: links that work once, keys, cookies that count for our own pages only, and secrets that nobody can read."""

import logging
import time
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api.desk import CHAT, TOKEN
from pages.site import BROWSER, ORIGIN, OWN, QWQ, Site
from reckon.api.browser import COOKIE
from reckon.ledger.accounts import digest, revoke_key
from reckon.ledger.sessions import SESSION_SECONDS, open_link
from reckon.ledger.tables import sessions

BODY = {"model": "fake/model", "messages": [{"role": "user", "content": "Hello!"}]}


async def post(client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    return await client.post(path, data=fields, headers=OWN if headers is None else headers)


def link(site: Site, key: str | None = None) -> str:
    return site.ledger.run_now(lambda db: open_link(db, digest(key or site.key)))


async def who(client: httpx.AsyncClient) -> str | None:
    """The key that the API takes this browser for."""
    response = await client.get("/v1/usage", headers={"accept": "*/*", "sec-fetch-site": "same-origin"})
    return response.json()["key"] if response.status_code == 200 else None


def age(site: Site) -> None:
    """Let everything expire."""
    site.ledger.run_now(lambda db: db.execute(sa.update(sessions).values(expires=time.time() - 1)))


async def test_a_key_is_exchanged_for_a_cookie(site: Site) -> None:
    client = site.client()
    answer = await post(client, "/signin", key=f"  {site.key} ", next=QWQ)
    assert (answer.status_code, answer.headers["location"]) == (303, QWQ)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert site.key not in str(answer.headers)
    assert await who(client) == site.account.name
    assert f">{site.account.name}</span>" in (await client.get("/")).text


async def test_over_tls_the_cookie_is_for_tls_only(site: Site) -> None:
    client = site.client()
    answer = await client.post(
        "https://reckon.test:8000/signin", data={"key": site.key}, headers={"sec-fetch-site": "same-origin"}
    )
    assert "Secure" in answer.headers["set-cookie"]


async def test_the_session_is_stored_as_its_hash_only(site: Site) -> None:
    client = site.client()
    await post(client, "/signin", key=site.key)
    secret = client.cookies[COOKIE]
    (row,) = site.ledger.run_now(lambda db: db.execute(sa.select(sessions)).all())
    assert (row.digest, row.key_digest, row.link) == (digest(secret), digest(site.key), False)
    stored = b"".join(path.read_bytes() for path in site.config.home.iterdir())
    assert secret.encode() not in stored
    assert site.key.encode() not in stored


async def test_a_link_works_once(site: Site) -> None:
    secret = link(site)
    first, second = site.client(), site.client()
    assert (await post(first, "/signin", link=secret)).status_code == 303
    assert await who(first) == site.account.name
    refused = await post(second, "/signin", {**OWN, "accept": "application/json"}, link=secret)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert "set-cookie" not in refused.headers
    assert await who(second) is None


async def test_a_link_is_not_a_session_and_a_session_no_link(site: Site) -> None:
    client = site.client(cookies={COOKIE: link(site)})
    assert await who(client) is None
    assert (await post(site.client(), "/signin", link=site.session())).status_code == 401


async def test_links_and_sessions_expire(site: Site) -> None:
    secret, client = link(site), site.client(signed_in=True)
    assert await who(client) == site.account.name
    age(site)
    assert await who(client) is None
    assert (await post(site.client(), "/signin", link=secret)).status_code == 401
    await post(site.client(), "/signin", key=site.key)
    rows = site.ledger.run_now(lambda db: db.execute(sa.select(sessions)).all())
    assert len(rows) == 1  # what has expired is forgotten when the next one signs in


async def test_revoking_the_key_ends_its_sessions(site: Site) -> None:
    client, secret = site.client(signed_in=True), link(site)
    site.ledger.run_now(lambda db: revoke_key(db, site.account.name))
    assert await who(client) is None
    assert f">{site.account.name}</span>" not in (await client.get("/")).text
    other = site.client()
    await post(other, "/signin", link=secret)
    assert await who(other) is None


async def test_the_settings_token_signs_in_until_it_changes(site: Site, make_site: Any) -> None:
    client = site.client()
    assert (await post(client, "/signin", key=TOKEN)).status_code == 303
    assert await who(client) == "RECKON_TOKEN"
    assert (await client.get("/metrics", headers={"accept": "*/*"})).status_code == 200
    changed = make_site(home=site.config.home, token="another")
    other = changed.client(cookies={COOKIE: client.cookies[COOKIE]})
    assert await who(other) is None
    await other.aclose()


async def test_signing_out_ends_the_session_and_not_only_the_cookie(site: Site) -> None:
    client = site.client(signed_in=True)
    secret = client.cookies[COOKIE]
    answer = await post(client, "/signout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert await who(site.client(cookies={COOKIE: secret})) is None
    assert (await post(site.client(), "/signout")).status_code == 303


@pytest.mark.parametrize("key", ["rk-unknown", "ключ", "x" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
async def test_an_unknown_key_is_refused_on_a_page(site: Site, key: str) -> None:
    answer = await post(site.client(headers={**BROWSER, **OWN}), "/signin", {}, key=key)
    assert answer.status_code == 401
    assert "This key is not known here" in answer.text
    assert key not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("fields", [{}, {"key": ""}, {"key": "a", "link": "b"}])
async def test_signing_in_takes_one_of_two(site: Site, fields: dict[str, str]) -> None:
    answer = await post(site.client(headers={"accept": "*/*"}), "/signin", **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_body_that_is_no_form_is_refused(site: Site) -> None:
    answer = await site.client().post("/signin", content=b"key=\xff", headers={**OWN, "accept": "*/*"})
    assert answer.status_code == 400
    many = "&".join(f"a{number}=1" for number in range(50))
    assert (await site.client().post("/signin", content=many.encode(), headers=OWN)).status_code == 400


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\r\nx: y"]
)
async def test_signing_in_leads_to_this_server_only(site: Site, to: str) -> None:
    answer = await post(site.client(), "/signin", key=site.key, next=to)
    assert answer.headers["location"] == "/"
    form = await site.get("/signin", params={"next": to})
    assert 'name="next" value="/"' in form.text


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://reckon.test:9000"},
    {"sec-fetch-site": "none"},
    {"origin": "http://evil.example"},
    {"origin": "http://reckon.test:9000"},
    {"origin": "null"},
    {"origin": "http://["},
    {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    {},
]
"""What a browser says about requests that are not of our pages; an old one says only the origin, a program neither."""


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/signin", "/signout"])
async def test_a_post_of_another_site_is_refused_with_the_cookie(site: Site, path: str, headers: dict[str, str]) -> None:
    client = site.client(signed_in=True)
    plain = {"accept": "*/*", **headers}
    request = {"json": BODY} if path.startswith("/v1") else {"data": {"key": site.key}}
    answer = await client.post(path, headers=plain, **request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted")
    assert "set-cookie" not in answer.headers
    assert site.engine.jobs == []
    assert await who(client) == site.account.name


@pytest.mark.parametrize("headers", [OWN, {"sec-fetch-site": "same-origin"}, {"origin": ORIGIN}], ids=str)
async def test_a_post_of_our_own_page_is_answered(site: Site, headers: dict[str, str]) -> None:
    answer = await site.client(signed_in=True).post(CHAT, json=BODY, headers={"accept": "*/*", **headers})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == " Hi!"
    (job,) = site.engine.jobs
    assert job.account == site.account.id


async def test_reading_with_the_cookie_is_for_our_own_pages_too(site: Site) -> None:
    client = site.client(signed_in=True)
    for value, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        answer = await client.get("/v1/usage", headers={"accept": "*/*", "sec-fetch-site": value})
        assert answer.status_code == status
    assert (await client.get("/", headers={"sec-fetch-site": "cross-site"})).status_code == 200


async def test_a_key_in_the_headers_comes_before_the_cookie(site: Site) -> None:
    client = site.client(signed_in=True)
    answer = await client.post(CHAT, json=BODY, headers={"accept": "*/*", "authorization": f"Bearer {site.key}"})
    assert answer.status_code == 200  # a program is asked for no origin
    wrong = await client.post(CHAT, json=BODY, headers={"accept": "*/*", "authorization": "Bearer wrong", **OWN})
    assert wrong.status_code == 401


async def test_a_wrong_cookie_says_to_sign_in_again(site: Site) -> None:
    answer = await site.client(cookies={COOKIE: "nonsense"}).get("/v1/usage", headers={"accept": "*/*"})
    assert answer.status_code == 401
    assert "no longer signed in" in answer.json()["error"]["message"]


async def test_no_secret_is_logged_or_shown(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, secret = site.client(), link(site)
    answers = [
        await post(client, "/signin", link=secret),
        await post(client, "/signin", link=secret),
        await post(client, "/signin", key=site.key),
        await client.get("/"),
        await client.get("/fake/model"),
        await client.get("/fake/model/usage"),
        await client.get("/signin"),
    ]
    for hidden in (secret, site.key, client.cookies[COOKIE]):
        assert hidden not in caplog.text
        assert all(hidden not in answer.text and hidden not in str(answer.url) for answer in answers)
        assert all(hidden not in answer.headers.get("location", "") for answer in answers)
