"""From a valid request to the last byte of its answer, for all kinds of requests: read ``take`` from top to bottom.

Knows the order of things only; each step's rules are in the module that it calls.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from reckon.api.answers import http, sse
from reckon.api.answers.forms import Head
from reckon.api.answers.wire import Attended, EventStream
from reckon.api.asking.schema import Asked
from reckon.api.auth import check_model
from reckon.api.exchange import Exchange
from reckon.api.metrics import Metrics
from reckon.engines.base import system_fingerprint
from reckon.engines.pool import Pool
from reckon.errors import ApiError
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger

QUIET_SECONDS = 15.0
"""How long a stream says nothing before a comment shows that it lives."""


class Dialect(Protocol):
    """How an API says what an exchange plays, for one answer: of the same events, its stream and its whole say the same."""

    end: bytes
    """What closes a stream, also after a failure."""

    def frames(self, event: sse.AnswerEvent, so_far: sse.SoFar) -> bytes:
        """What an event adds to the stream; nothing, perhaps."""

    def keep(self, event: sse.AnswerEvent) -> None:
        """For ``whole``."""

    def whole(self) -> msgspec.Struct:
        """What has been kept."""

    def failure(self, error: ApiError) -> bytes:
        """The frame for what goes wrong in the middle."""


class Answering:
    def __init__(
        self, pool: Pool, ledger: Ledger, metrics: Metrics, *, max_body: int, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self.max_body = max_body
        self._quiet_seconds = quiet_seconds
        self._pool = pool
        self._ledger = ledger
        self._metrics = metrics

    def defaults(self, model: str) -> Mapping[str, float]:
        """A model's own sampling defaults; none of a model that is not served, which ``take`` refuses."""
        return self._pool.defaults().get(model, {})

    async def take(self, asked: Asked, account: Account, dialect: Callable[[Head], Dialect], arrived: float) -> ASGIApp:
        """Everything that can be refused without running anything is refused here; the rest happens while it is answered."""
        engine = self._pool.find(asked.job.model)
        check_model(account, asked.job.model)
        prepared = await engine.prepare(asked.job)
        engine.admit(prepared)
        exchange = Exchange(engine, prepared, account, self._ledger, self._metrics, stream=asked.stream, arrived=arrived)
        head = Head(asked.job.id, int(time.time()), asked.job.model, system_fingerprint(engine), asked.job.n)
        answer = Answer(asked, head, dialect(head), exchange, self._quiet_seconds)
        return Attended(answer.stream if asked.stream else answer.whole)


@dataclass(frozen=True, slots=True)
class Answer:
    """The two ways of sending what an exchange plays."""

    asked: Asked
    head: Head
    dialect: Dialect
    exchange: Exchange
    quiet_seconds: float

    async def whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.exchange.play(self.dialect.keep)
        await http.encoded(self.dialect.whole(), headers=self._headers())(scope, receive, send)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until something has been written, an error is an HTTP status; from then on a frame. Either way the stream ends."""
        async with EventStream(send, self._headers(), comment=sse.KEEP_ALIVE, quiet_seconds=self.quiet_seconds) as out:

            def take(event: sse.AnswerEvent) -> None:
                if frames := self.dialect.frames(event, self.exchange.so_far):
                    out.write(frames)

            try:
                await self.exchange.play(take)
            except ClientDisconnect:
                raise
            except Exception as error:
                if not out.started:
                    raise
                out.write(self.dialect.failure(http.translated(error, scope)))
            await out.end(self.dialect.end)

    def _headers(self) -> dict[str, str]:
        headers = {"x-reckon-seed": str(self.asked.job.sampling.seed), "x-reckon-fingerprint": self.head.fingerprint}
        if self.asked.ignored:
            headers["x-reckon-ignored"] = ", ".join(self.asked.ignored)
        return headers
