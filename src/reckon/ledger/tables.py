"""The ledger's tables as they are now; ``migrations/`` holds how they came to be, and a test that both agree.

Knows columns only. ``accounts.py`` reads and writes keys, ``sessions.py`` sessions, ``usage.py`` balances and requests.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("hint", sa.String, nullable=False),
    sa.Column("admin", sa.Boolean, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("limit_nano", sa.BigInteger),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("revoked", sa.Double),
)
sa.Index("keys_digest", keys.c.digest, unique=True)
# Names are unique among live keys only: a revoked key keeps its name for the history and frees it for its successor.
sa.Index(
    "keys_live_name",
    keys.c.name,
    unique=True,
    sqlite_where=keys.c.revoked.is_(None),
    postgresql_where=keys.c.revoked.is_(None),
)

# A browser that is signed in, or a link that signs one in. It names its key by the key's digest, which the administrator's
# token has too without a row in keys; when the key is revoked or the token changed, nothing has that digest any more.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("key_digest", sa.String(64), nullable=False),
    sa.Column("link", sa.Boolean, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
)
sa.Index("sessions_expires", sessions.c.expires)

# What a key has spent and holds in reservations: always the sums over its requests, changed in the same transactions. Kept so
# that admission takes the same time whatever a key's history, and as the row that concurrent reservations queue for.
# No foreign key: the administrator's token has a balance and no row in keys.
balances = sa.Table(
    "balances",
    metadata,
    sa.Column("key_id", sa.String, primary_key=True),
    sa.Column("spent_nano", sa.BigInteger, nullable=False),
    sa.Column("reserved_nano", sa.BigInteger, nullable=False),
)

# One row per request. ``settled`` is None while it is open; tokens and cost are 0 until then. ``reserved_nano`` is what was set
# aside at admission and stays as history; prices are nano-dollars per token as they were then.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("key_id", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("price_input", sa.BigInteger, nullable=False),
    sa.Column("price_output", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("cached_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("reserved_nano", sa.BigInteger, nullable=False),
    sa.Column("cost_nano", sa.BigInteger, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("stream", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("first_token_ms", sa.Double),
    sa.Column("total_ms", sa.Double),
    sa.Column("settled", sa.Double),
)
sa.Index("requests_created", requests.c.created)
sa.Index("requests_key_created", requests.c.key_id, requests.c.created)
sa.Index("requests_settled", requests.c.settled)
