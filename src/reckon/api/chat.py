"""Chat completions, from the request to the last byte of the answer: read ``complete`` from top to bottom.

Knows the order of things only; each step's rules are in the module that it calls. ``app.py`` routes to it.
"""

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from reckon.api import responses, schema, shapes, sse
from reckon.api.auth import check_model
from reckon.api.exchange import Exchange
from reckon.api.metrics import Metrics
from reckon.api.schema import ChatRequest
from reckon.api.wire import Attended, EventStream
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger

QUIET_SECONDS = 15.0
"""How long a stream says nothing before a comment shows that it lives."""


class Chat:
    def __init__(self, pool: Pool, ledger: Ledger, metrics: Metrics) -> None:
        self._pool = pool
        self._ledger = ledger
        self._metrics = metrics

    async def complete(self, request: Request, account: Account) -> ASGIApp:
        """Everything that can be refused without running anything is refused here; the rest happens while it is answered."""
        arrived, headers = time.monotonic(), request.headers
        schema.check_media_type(headers.get("content-type", ""), headers.get("content-encoding", ""))
        body = await request.body()
        asked = schema.parse(body, request=responses.completion_id(request.scope), account=account.id)
        engine = self._pool.find(asked.job.model)
        check_model(account, asked.job.model)
        prepared = await engine.prepare(asked.job)
        engine.admit(prepared)
        exchange = Exchange(engine, prepared, account, self._ledger, self._metrics, stream=asked.stream, arrived=arrived)
        answer = Answer(asked, engine.fingerprint, exchange)
        return Attended(answer.stream if asked.stream else answer.whole)


@dataclass(frozen=True, slots=True)
class Answer:
    """The two ways of sending what an exchange yields."""

    asked: ChatRequest
    fingerprint: str
    exchange: Exchange

    async def whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.exchange.events()) as events:
            completion = await sse.fold(events, self._head())
        await responses.encoded(completion, headers=self._headers())(scope, receive, send)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the first event has come, an error is an HTTP status; from then on a frame. Either way the stream is ended."""
        async with (
            aclosing(self.exchange.events()) as events,
            aclosing(sse.stream(events, self._head(), self._usage_place(), self._so_far())) as frames,
        ):
            first = await anext(frames)
            async with EventStream(send, self._headers(), comment=sse.KEEP_ALIVE, quiet_seconds=QUIET_SECONDS) as out:
                await out.write(first)
                try:
                    async for frame in frames:
                        await out.write(frame)
                except ClientDisconnect:
                    raise
                except Exception as error:
                    await out.write(sse.failure(responses.translated(error, scope)))
                await out.write(sse.DONE)

    def _head(self) -> sse.Head:
        job = self.asked.job
        return sse.Head(job.id, int(time.time()), job.model, self.fingerprint, job.n)

    def _headers(self) -> dict[str, str]:
        headers = {"x-reckon-seed": str(self.asked.job.sampling.seed)}
        if self.asked.ignored:
            headers["x-reckon-ignored"] = ", ".join(self.asked.ignored)
        return headers

    def _usage_place(self) -> sse.UsagePlace:
        if self.asked.include_usage is None:
            return "finish"
        return "apart" if self.asked.include_usage else "none"

    def _so_far(self) -> Callable[[], shapes.UsageBody] | None:
        return self.exchange.so_far if self.asked.continuous_usage else None
