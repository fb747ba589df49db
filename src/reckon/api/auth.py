"""Who is calling, and may they: keys and sessions to Accounts, access classes, and the limit of requests at a time per key.

Knows no routes and no bodies. ``app.py`` asks it before each handler runs.
"""

import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Connection
from starlette.datastructures import Headers

from reckon.api.browser import SAFE, check_origin, session_of
from reckon.config import Config
from reckon.errors import NotAuthenticated, NotPermitted, QueueFull
from reckon.ledger.accounts import Account, digest, find_digest, find_key
from reckon.ledger.db import Ledger
from reckon.ledger.sessions import find_session

Access: TypeAlias = Literal["public", "visitor", "key", "admin"]
"""Who may use a route: anybody; anybody, whom the handler knows if a browser is signed in; who has a key; administrators."""
ACCESS_CLASSES: tuple[Access, ...] = get_args(Access)

NOBODY = Account(id="", key_id="", name="nobody")
"""Whoever calls a public route."""
ADMINISTRATOR = Account(id="administrator", key_id="token", name="RECKON_TOKEN", admin=True)
"""Whoever calls with the token of the settings."""
BUSY_KEY_WAIT = 1.0
"""Seconds to wait when a key has too many requests: one of its own must end first, and only the caller knows when."""


class Guard:
    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._token = config.token.encode()
        self._max_concurrent = config.max_concurrent
        self._ledger = ledger
        self._present: Counter[str] = Counter()

    async def identify(self, headers: Headers, access: Access, method: str = "GET") -> Account:
        """Raises NotAuthenticated for no key or an unknown one, NotPermitted when the route asks for more than the key is.

        A session counts where no key is sent. Raises NotPermitted when it comes with a request that another site caused.
        """
        if access == "public":
            return NOBODY
        if access == "visitor":
            return await self._visitor(headers, method)
        if session_of(headers) and "authorization" not in headers and "x-api-key" not in headers:
            check_origin(headers, method)
            account = await self._of_session(session_of(headers))
            if account is None:
                raise NotAuthenticated("This browser is no longer signed in. Sign in again.")
        else:
            account = await self._account(_secret(headers))
        if access == "admin" and not account.admin:
            raise NotPermitted("This route is for administrators' keys only.")
        return account

    @contextmanager
    def place(self, account: Account) -> Iterator[None]:
        """One of the requests that the key may have at the same time. Raises QueueFull when all are taken."""
        if account is NOBODY:
            yield
            return
        if self._present[account.key_id] >= self._max_concurrent:
            raise QueueFull(
                f"This key has {self._max_concurrent} requests in progress, which is its limit. Retry when one has ended.",
                retry_after=BUSY_KEY_WAIT,
            )
        self._present[account.key_id] += 1
        try:
            yield
        finally:
            self._present[account.key_id] -= 1
            if not self._present[account.key_id]:
                del self._present[account.key_id]

    async def _visitor(self, headers: Headers, method: str) -> Account:
        """Reading is anybody's, from wherever they come; signing in and out is for our own pages, also without a session."""
        if method not in SAFE:
            check_origin(headers, method)
        return await self._of_session(session_of(headers)) or NOBODY

    async def _of_session(self, secret: str) -> Account | None:
        """Whose session this is; None when there is none, or its key is not good any more."""
        if not secret:
            return None
        key_digest, account = await self._ledger.run(lambda db: _session(db, secret), reads_only=True)
        if key_digest and self._token and hmac.compare_digest(key_digest, digest(self._token.decode())):
            return ADMINISTRATOR
        return account

    async def _account(self, secret: str) -> Account:
        # Headers arrive decoded as Latin-1; this gives back the bytes that were sent.
        if self._token and hmac.compare_digest(secret.encode("latin-1"), self._token):
            return ADMINISTRATOR
        account = await self._ledger.quick(lambda db: find_key(db, secret), reads_only=True)
        if account is None:
            raise NotAuthenticated("This API key is not known here, or it was revoked.")
        return account


def may_use(account: Account, model: str) -> bool:
    return not account.models or model in account.models


def check_model(account: Account, model: str) -> None:
    """Raises NotPermitted when the key is limited to other models."""
    if not may_use(account, model):
        raise NotPermitted(f"This key may use {', '.join(account.models)}, not {model}.", param="model")


def _session(db: Connection, secret: str) -> tuple[str | None, Account | None]:
    """The digest of the session's key, which may be the settings' token, and who has it if it is a stored key."""
    key_digest = find_session(db, secret)
    return key_digest, find_digest(db, key_digest) if key_digest else None


def _secret(headers: Headers) -> str:
    """``Authorization: Bearer KEY`` or, where that is absent, ``x-api-key: KEY``."""
    authorization = headers.get("authorization")
    if authorization is None:
        secret = headers.get("x-api-key", "").strip()
        if not secret:
            raise NotAuthenticated("No API key was given. Send it in the header 'Authorization: Bearer KEY'.")
        return secret
    scheme, _, secret = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotAuthenticated("The Authorization header must be 'Bearer KEY'.")
    return secret.strip()
