"""Whom the commands that are clients talk to: an address, and a key to it.

Only for a key of its own does a command open the ledger of this machine.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from reckon.config import Config
from reckon.errors import BadSetting
from reckon.ledger.accounts import create_key, revoke_key
from reckon.ledger.db import Ledger

HERE = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on that are none to talk to."""


def address(config: Config, url: str | None) -> httpx.URL:
    """The server's base URL; without one, where ``reckon serve`` listens with these settings. Raises BadSetting."""
    text = url or url_of(config.host, config.port)
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadSetting(f"url must be an address like http://127.0.0.1:8000, not {text!r}")
    return parsed


def url_of(host: str, port: int) -> str:
    """The base URL of a server that listens there, as this machine reaches it."""
    host = EVERYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def key_to(config: Config, url: httpx.URL, key: str | None, purpose: str) -> Iterator[str]:
    """The given key, the administrator's, or one that lives as long as this command talks to a server on this machine."""
    if key or config.token:
        yield key or config.token
        return
    if url.host not in HERE:
        raise BadSetting(f"{url} needs a key: --key or RECKON_KEY")
    ledger = Ledger(config.database)
    try:
        account, secret = ledger.run_now(lambda db: create_key(db, f"{purpose}-{time.time_ns()}"))
        try:
            yield secret
        finally:
            ledger.run_now(lambda db: revoke_key(db, account.key_id))
    finally:
        ledger.close()
