"""``reckon link``: an address that signs a browser in, as whom, and when there is none."""

import pytest

from api.desk import TOKEN
from cli.desk import Type, refusal
from reckon.cli.client import url_of
from reckon.config import load
from reckon.ledger.accounts import digest
from reckon.ledger.db import Ledger
from reckon.ledger.sessions import find_session, redeem


def holder(home: object, url: str) -> str | None:
    """The digest of the key that the link signs in."""
    ledger = Ledger(load({"home": str(home)}, {}).database)
    try:
        session = ledger.run_now(lambda db: redeem(db, url.strip().partition("#link=")[2]))
        return session and ledger.run_now(lambda db: find_session(db, session))
    finally:
        ledger.close()


def test_the_link_is_the_oldest_administrators(reckon: Type, home: object) -> None:
    reckon("keys", "create", "plain")
    admin = reckon("keys", "create", "boss", "--admin").stdout.strip()
    reckon("keys", "create", "second", "--admin")
    url = reckon("link", "--port", "9000").stdout
    assert url.startswith("http://127.0.0.1:9000/signin#link=")
    assert holder(home, url) == digest(admin)


def test_the_link_is_for_a_named_key(reckon: Type, home: object) -> None:
    plain = reckon("keys", "create", "plain").stdout.strip()
    assert holder(home, reckon("link", "plain").stdout) == digest(plain)
    assert holder(home, reckon("link", "plain", RECKON_TOKEN=TOKEN).stdout) == digest(plain)


def test_the_token_of_the_settings_is_an_administrators_too(reckon: Type, home: object) -> None:
    assert holder(home, reckon("link", RECKON_TOKEN=TOKEN).stdout) == digest(TOKEN)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "there is no administrator's key in use"),
        (("nobody",), "no live key has the name or id 'nobody'"),
        (("gone",), "no live key has the name or id 'gone'"),
    ],
)
def test_no_key_no_link(reckon: Type, arguments: tuple[str, ...], sentence: str) -> None:
    reckon("keys", "create", "gone")
    reckon("keys", "revoke", "gone")
    assert refusal(reckon("link", *arguments)) == sentence


def test_an_address_of_ipv6_has_brackets() -> None:
    assert url_of("::1", 8000) == "http://[::1]:8000"
