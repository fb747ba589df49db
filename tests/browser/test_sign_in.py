"""Signing in as a reader does: by the printed link and by a key; nothing of either stays in the browser but the cookie."""

import json
from collections.abc import Callable
from typing import Any

from journeys.server import MODEL, Served
from reckon.api.browser import COOKIE
from reckon.cli.link import sign_in_link
from reckon.ledger.accounts import create_key, revoke_key
from reckon.ledger.db import Ledger

STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.length, location.href])"


def in_ledger(served: Served, work: Callable[[Any], Any]) -> Any:
    """What the command line does beside a running server."""
    ledger = Ledger(f"sqlite:///{served.home / 'ledger.db'}")
    try:
        return ledger.run_now(work)
    finally:
        ledger.close()


def test_the_printed_link_signs_in_and_is_spent(state: Any, link: str, browse: Any, served: Served) -> None:
    (cookie,) = [cookie for cookie in state["cookies"] if cookie["name"] == COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    page = browse()
    page.goto(link)
    page.get_by_text("This link was used already").wait_for()
    assert page.get_by_role("button", name="Sign out").count() == 0
    page.watch.faults[:] = [fault for fault in page.watch.faults if "401" not in fault]


def test_a_link_leaves_nothing_behind(browse: Any, served: Served) -> None:
    link = in_ledger(served, lambda db: sign_in_link(db, served.url, ""))
    secret = link.partition("#link=")[2]
    page = browse()
    page.goto(link)
    page.get_by_role("button", name="Sign out").wait_for()
    assert page.url == f"{served.url}/"
    assert secret not in page.evaluate(STORED)
    page.go_back()
    assert secret not in page.url
    assert [request for request in page.watch.requests if secret in request.url.partition("#")[0]] == []
    assert secret not in served.output.replace(link, "")


def test_a_key_signs_in_where_the_reader_was_and_out_again(browse: Any, served: Served) -> None:
    page = browse()
    page.goto(f"/{MODEL}/usage")
    page.get_by_label("Your key").fill("rk-wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").get_by_text("This key is not known here").wait_for()
    page.watch.faults.clear()
    page.get_by_label("Your key").fill(served.key)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Usage", exact=True).wait_for()
    assert page.url == f"{served.url}/{MODEL}/usage"
    assert served.key not in page.content()
    assert served.key not in page.evaluate(STORED)
    assert [request for request in page.watch.requests if served.key in request.url] == []
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    assert COOKIE not in {cookie["name"] for cookie in page.context.cookies()}


def test_without_scripts_signing_in_works_too(browse: Any, served: Served) -> None:
    page = browse(java_script_enabled=False)
    page.goto(f"/signin?next=/{MODEL}/fields")
    page.get_by_label("Your key").fill(served.key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Input fields").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()


def test_revoking_the_key_ends_the_session(browse: Any, served: Served) -> None:
    _, key = in_ledger(served, lambda db: create_key(db, "guest"))
    page = browse()
    page.goto("/signin")
    page.get_by_label("Your key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_title("The key that is signed in").get_by_text("guest").wait_for()
    in_ledger(served, lambda db: revoke_key(db, "guest"))
    page.reload()
    page.get_by_role("link", name="Sign in").wait_for()
    assert page.evaluate("fetch('/v1/usage').then((answer) => answer.status)") == 401
    page.watch.faults.clear()


def test_another_site_cannot_use_the_session(browse: Any, state: Any, served: Served) -> None:
    """A page of another port of this machine, which shares our cookies, posts a chat: as a form, and by fetch."""
    page = browse(storage_state=state)
    other = served.url.replace("127.0.0.1", "localhost")
    page.goto(f"{other}/signin")
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}]})
    script = """([url, body]) => fetch(url, {method: "POST", credentials: "include", mode: "no-cors", body}).then(
        () => "sent", (error) => String(error))"""
    assert "TypeError" in page.evaluate(script, [f"{served.url}/v1/chat/completions", body])  # our own policy already
    page.watch.faults.clear()
