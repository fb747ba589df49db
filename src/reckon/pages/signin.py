"""Signing in and out: a key or a link's secret for a session cookie, and back. Knows cookies; who may do what, the guard knows.

The secret is in the body of a POST. A link carries its own behind a '#', which browsers do not send; ``signin.js`` takes it out
of the address at once and posts it.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reckon.api.browser import COOKIE, session_of
from reckon.errors import InvalidRequest, NotAuthenticated
from reckon.ledger.accounts import Account, digest, find_key
from reckon.ledger.db import Ledger
from reckon.ledger.sessions import SESSION_SECONDS, close_session, open_session, redeem
from reckon.pages.frames import Frame, frame
from reckon.pages.rendering import HEADERS, page

LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""A path of this server: what a browser cannot take for another host."""


@dataclass(frozen=True, slots=True)
class SignInPage:
    """``next`` is the path to go to afterwards; ``told`` is what was wrong, or empty."""

    frame: Frame
    next: str
    told: str


class Signing:
    def __init__(self, ledger: Ledger, token: str) -> None:
        self._ledger = ledger
        self._token_digest = digest(token) if token else ""

    async def form(self, request: Request, account: Account) -> Response:
        return page(request, "signin.html", SignInPage(frame(account), local(request.query_params.get("next", "/")), ""))

    async def sign_in(self, request: Request, account: Account) -> Response:
        """Takes ``key`` or ``link``, and ``next``. Raises NotAuthenticated, InvalidRequest."""
        given = await _form(request)
        if bool(given.get("key")) == bool(given.get("link")):
            raise InvalidRequest("Signing in takes either a key or a link.")
        if link := given.get("link"):
            session = await self._ledger.run(lambda db: redeem(db, link))
            wrong = "This link was used already, or it is older than 15 minutes. `reckon link` prints a new one."
        else:
            session = await self._ledger.run(lambda db: self._by_key(db, given["key"].strip()))
            wrong = "This key is not known here, or it was revoked."
        if session is None:
            raise NotAuthenticated(wrong)
        answer = RedirectResponse(local(given.get("next", "/")), 303, HEADERS)
        answer.set_cookie(COOKIE, session, SESSION_SECONDS, secure=_secure(request), httponly=True, samesite="strict")
        return answer

    async def sign_out(self, request: Request, account: Account) -> Response:
        """Ends the session, not only the cookie."""
        secret = session_of(request.headers)
        if secret:
            await self._ledger.run(lambda db: close_session(db, secret))
        answer = RedirectResponse("/", 303, HEADERS)
        answer.delete_cookie(COOKIE, secure=_secure(request), httponly=True, samesite="strict")
        return answer

    def _by_key(self, db: Connection, key: str) -> str | None:
        """A session for the key, if it is one of ours or the token of the settings."""
        known = digest(key) == self._token_digest or find_key(db, key) is not None
        return open_session(db, digest(key)) if known else None


def local(path: str) -> str:
    """The path if it is one of this server, else the catalogue's."""
    return path if LOCAL.fullmatch(path) else "/"


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


async def _form(request: Request) -> dict[str, str]:
    """Raises InvalidRequest for what is not text."""
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise InvalidRequest("The body must be a form: application/x-www-form-urlencoded.") from None
    return {name: values[-1] for name, values in fields.items()}
