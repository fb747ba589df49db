"""Links that sign a browser in, as ``reckon serve`` and ``reckon link`` print them."""

from sqlalchemy import Connection

from reckon.ledger.accounts import digest, key_digest
from reckon.ledger.sessions import LINK_SECONDS, open_link

LINK_MINUTES = LINK_SECONDS // 60


def sign_in_link(db: Connection, url: str, token: str, key: str = "") -> str | None:
    """For the key of this name or id; for whoever runs the server if none is given. None when there is no such key in use.

    The secret stands behind '#': browsers do not send that part, so it is in no log and in no Referer.
    """
    holder = digest(token) if token and not key else key_digest(db, key)
    return None if holder is None else f"{url}/signin#link={open_link(db, holder)}"
