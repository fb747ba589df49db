"""Browsers that are signed in: random ids, stored as SHA-256, that stand for a key until they expire or the key is revoked.

A link is a session that nobody has yet: it can be exchanged for one, once, within minutes. Knows no HTTP and no cookies.
``api/auth.py`` finds sessions, the sign-in page opens and closes them, the command line makes links.
"""

import secrets
import time

import sqlalchemy as sa
from sqlalchemy import Connection

from reckon.ledger.accounts import digest
from reckon.ledger.tables import sessions

SESSION_SECONDS = 14 * 24 * 3600
LINK_SECONDS = 15 * 60

FIND = sa.select(sessions.c.key_digest).where(
    sessions.c.digest == sa.bindparam("secret_digest"),
    sessions.c.link == sa.bindparam("is_link"),
    sessions.c.expires > sa.bindparam("now"),
)


def open_session(db: Connection, key_digest: str) -> str:
    """A new session of the key with this digest; the secret is returned here and never again. Forgets what has expired."""
    db.execute(sa.delete(sessions).where(sessions.c.expires <= time.time()))
    return _open(db, key_digest, SESSION_SECONDS, link=False)


def open_link(db: Connection, key_digest: str) -> str:
    """A secret that ``redeem`` takes once."""
    return _open(db, key_digest, LINK_SECONDS, link=True)


def redeem(db: Connection, secret: str) -> str | None:
    """A link's secret for that of a new session; None when it is unknown, used or too old. Of two at once, one gets it."""
    key_digest = _find(db, secret, link=True)
    if key_digest is None:
        return None
    spent = db.execute(sa.delete(sessions).where(sessions.c.digest == digest(secret)))
    return open_session(db, key_digest) if spent.rowcount == 1 else None


def find_session(db: Connection, secret: str) -> str | None:
    """The digest of the key that this session stands for. Whether that key is still good, ``accounts`` knows."""
    return _find(db, secret, link=False)


def close_session(db: Connection, secret: str) -> None:
    """Sign out. Nothing happens when there is no such session."""
    db.execute(sa.delete(sessions).where(sessions.c.digest == digest(secret), sessions.c.link.is_(False)))


def _open(db: Connection, key_digest: str, seconds: float, *, link: bool) -> str:
    secret, now = secrets.token_urlsafe(32), time.time()
    row = {"digest": digest(secret), "key_digest": key_digest, "link": link, "created": now, "expires": now + seconds}
    db.execute(sa.insert(sessions).values(row))
    return secret


def _find(db: Connection, secret: str, *, link: bool) -> str | None:
    values = {"secret_digest": digest(secret), "is_link": link, "now": time.time()}
    return db.execute(FIND, values).scalar_one_or_none()
