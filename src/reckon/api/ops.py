"""How the server is doing, and what it is: health and OpenAPI for anyone, the caller's own usage for a key, metrics for
administrators.

Runs nothing. ``app.py`` routes to it.
"""

from typing import Literal

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from reckon.api import spec
from reckon.api.answers import http
from reckon.api.metrics import Metrics
from reckon.engines.base import Health
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger
from reckon.ledger.prices import usd
from reckon.ledger.usage import totals


class HealthBody(msgspec.Struct):
    status: Literal["ok", "unavailable"]
    models: dict[str, Health]


class KeyUsage(msgspec.Struct, kw_only=True):
    """``cost`` is in dollars."""

    object: Literal["usage"] = "usage"
    key: str
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float


class Ops:
    def __init__(self, pool: Pool, ledger: Ledger, metrics: Metrics) -> None:
        self._pool = pool
        self._ledger = ledger
        self._metrics = metrics

    async def health(self, request: Request, account: Account) -> Response:
        """200 when every engine takes requests and moves, 503 otherwise; the body is the same and says which does not."""
        models = self._pool.health()
        well = all(health.ready and health.progressing for health in models.values())
        body = HealthBody("ok" if well else "unavailable", models)
        return http.encoded(body, status=200 if well else 503)

    async def usage(self, request: Request, account: Account) -> Response:
        """What the calling key has used since it exists."""
        sums = await self._ledger.run(lambda db: totals(db, key_id=account.key_id), reads_only=True)
        body = KeyUsage(
            key=account.name,
            requests=sums.requests,
            prompt_tokens=sums.prompt_tokens,
            cached_tokens=sums.cached_tokens,
            completion_tokens=sums.completion_tokens,
            cost=usd(sums.cost_nano),
        )
        return http.encoded(body)

    async def openapi(self, request: Request, account: Account) -> Response:
        return http.encoded(spec.openapi(request.scope["app"].entries))

    async def metrics(self, request: Request, account: Account) -> Response:
        """Prometheus' text. For administrators: it shows all customers' sums."""
        sums = await self._ledger.run(totals, reads_only=True)
        text = self._metrics.render(self._pool.health(), self._pool.counters(), sums)
        return Response(text, media_type=CONTENT_TYPE_LATEST)
