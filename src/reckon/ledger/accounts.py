"""Who may call: keys, made once, stored as SHA-256, found again by it. Knows no HTTP, and not what was spent (``usage.py``).

The API finds keys; the command line creates, lists and revokes them.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from reckon.errors import BadSetting
from reckon.ledger.hot import Statement
from reckon.ledger.tables import keys

MAX_NAME = 100
MAX_NANO = 2**63 - 1
KEY_PREFIX = "key_"

FIND = Statement(
    sa.select(keys.c.account, keys.c.id, keys.c.name, keys.c.admin, keys.c.models, keys.c.limit_nano).where(
        keys.c.digest == sa.bindparam("secret_digest"), keys.c.revoked.is_(None)
    )
)


class Account(msgspec.Struct, frozen=True):
    """Who is calling. ``models`` empty means every model; ``limit_nano`` None means no limit on what the key may spend."""

    id: str
    key_id: str
    name: str
    admin: bool = False
    models: tuple[str, ...] = ()
    limit_nano: int | None = None


class KeyRow(msgspec.Struct, frozen=True):
    """A key as it is listed. ``hint`` is all that is left of the secret, such as "rk-…a1b2"; times are unix seconds."""

    key_id: str
    account: str
    name: str
    hint: str
    admin: bool
    models: tuple[str, ...]
    limit_nano: int | None
    created: float
    revoked: float | None


def create_key(
    db: Connection, name: str, *, admin: bool = False, models: Sequence[str] = (), limit_nano: int | None = None
) -> tuple[Account, str]:
    """A new account with its key; the secret is returned here and never again. Raises BadSetting for a bad or taken name.

    The secret has 256 random bits, so a plain hash of it cannot be reversed by guessing.
    """
    _check(name, limit_nano)
    account = Account(
        f"acct_{secrets.token_hex(12)}", f"{KEY_PREFIX}{secrets.token_hex(12)}", name, admin, tuple(models), limit_nano
    )
    secret = f"rk-{secrets.token_urlsafe(32)}"
    row = {
        "id": account.key_id,
        "account": account.id,
        "name": name,
        "digest": digest(secret),
        "hint": f"rk-…{secret[-4:]}",
        "admin": admin,
        "models": list(models),
        "limit_nano": limit_nano,
        "created": time.time(),
    }
    try:
        with db.begin_nested():  # the index decides, so two that create the same name at once cannot both succeed
            db.execute(sa.insert(keys).values(row))
    except IntegrityError:
        raise BadSetting(f"name {name!r} is taken by a key in use; revoke that key or choose another name") from None
    return account, secret


def find_key(db: Connection, secret: str) -> Account | None:
    """Whose key this is; None when it is unknown or revoked."""
    return find_digest(db, digest(secret))


def find_digest(db: Connection, secret_digest: str) -> Account | None:
    """The same by what ``digest`` makes of the key."""
    row = FIND.one(db, secret_digest=secret_digest)
    if row is None:
        return None
    account, key_id, name, admin, models, limit_nano = row
    return Account(account, key_id, name, admin, tuple(models), limit_nano)


def key_digest(db: Connection, key: str = "") -> str | None:
    """The digest of a key in use, by its id or name; of the oldest administrator's if none is given. None: there is none."""
    which = (keys.c.id == key) | (keys.c.name == key) if key else keys.c.admin
    live = sa.select(keys.c.digest).where(which, keys.c.revoked.is_(None))
    return db.execute(live.order_by(keys.c.created, keys.c.id).limit(1)).scalar_one_or_none()


def list_keys(db: Connection) -> list[KeyRow]:
    """All keys, revoked ones too, oldest first."""
    return [_key_row(row) for row in db.execute(sa.select(keys).order_by(keys.c.created, keys.c.id))]


def revoke_key(db: Connection, key: str) -> KeyRow | None:
    """End a key by its id, or by its name while it is in use; None when there is none. Again by id changes nothing."""
    live = keys.c.revoked.is_(None)
    found = db.execute(sa.select(keys.c.id).where((keys.c.id == key) | ((keys.c.name == key) & live))).scalar_one_or_none()
    if found is None:
        return None
    db.execute(sa.update(keys).where(keys.c.id == found, live).values(revoked=time.time()))
    return _key_row(db.execute(sa.select(keys).where(keys.c.id == found)).one())


def _check(name: str, limit_nano: int | None) -> None:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise BadSetting(f"name must be 1 to {MAX_NAME} printable characters, not {name!r}")
    if name.startswith(KEY_PREFIX):
        raise BadSetting(f"name must not start with {KEY_PREFIX!r}, as key ids do: {name!r}")
    if limit_nano is not None and not 0 <= limit_nano <= MAX_NANO:
        raise BadSetting(f"limit_nano must lie between 0 and {MAX_NANO}, not {limit_nano}")


def digest(secret: str) -> str:
    """How secrets are stored: SHA-256, hexadecimal."""
    # surrogatepass: a caller may send anything as a key, and whatever it is, it is merely unknown.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _key_row(row: sa.Row[Any]) -> KeyRow:
    return KeyRow(
        key_id=row.id,
        account=row.account,
        name=row.name,
        hint=row.hint,
        admin=row.admin,
        models=tuple(row.models),
        limit_nano=row.limit_nano,
        created=row.created,
        revoked=row.revoked,
    )
