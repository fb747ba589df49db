"""One run of a job with its row in the ledger: reserved before the engine starts, settled exactly once however it ends.

Of HTTP it knows only that a client can leave. ``answering.py`` has it play an answer.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.requests import ClientDisconnect

from reckon.api.answers.sse import AnswerEvent, Settled
from reckon.api.metrics import Metrics
from reckon.engines.base import Engine, Prepared, Run
from reckon.engines.pool import Metered
from reckon.errors import ApiError, EngineFailed, InternalError
from reckon.job import Event, Finish, Usage
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger, NotNow
from reckon.ledger.usage import Reservation, reserve, settle

T = TypeVar("T")

log = logging.getLogger("reckon.api")

ABORT = "abort"
"""The outcome of a request whose client left."""


class Exchange:
    """``arrived`` is when the request did, by the monotonic clock: the time to the first token is counted from then."""

    def __init__(
        self,
        engine: Engine,
        prepared: Prepared,
        account: Account,
        ledger: Ledger,
        metrics: Metrics,
        *,
        stream: bool,
        arrived: float,
    ) -> None:
        self._engine = engine
        self._prepared = prepared
        self._account = account
        self._ledger = ledger
        self._metrics = metrics
        self._stream = stream
        self._run: Run | None = None
        self._row_open = False
        self._finished: dict[int, Finish] = {}
        self._end: Finish | None = None
        self._arrived = arrived
        self._first: float | None = None
        self._last: dict[int, float] = {}

    async def play(self, take: Callable[[AnswerEvent], None]) -> None:
        """Give the run's events to ``take`` when they are there, and the bill before the last Finish.

        What ``take`` raises ends the run. Raises InsufficientFunds before the first event, EngineFailed and
        EngineUnavailable at any time.
        """

        def pass_on(event: Event) -> None:
            self._observe(event)
            if self._end is None:
                take(event)

        try:
            await self._reserve()
            self._run = self._engine.run(self._prepared)
            await self._run.play(pass_on)
            if self._end is None:
                raise EngineFailed("The engine stopped before the answer was complete.")
            usage = self._finished_usage()
            take(Settled(usage, await self._settle(usage, self._finished[0].reason)))
            take(self._end)
        except BaseException as error:
            await unbroken(self._abandon(_outcome(error)))
            raise

    def so_far(self) -> Settled:
        """What was used until now. A run that cannot say leaves the completion of unfinished choices out."""
        if isinstance(self._run, Metered):
            usage = self._run.used()
        else:
            usage = Usage(len(self._prepared.prompt), 0, self._finished_usage().completion_tokens)
        return Settled(usage, self._engine.card.price.cost(usage.prompt_tokens, usage.completion_tokens))

    def _observe(self, event: Event) -> None:
        if isinstance(event, Finish):
            if event.reason == ABORT:
                raise EngineFailed("The engine gave this answer up.")
            self._finished[event.choice] = event
            if len(self._finished) == self._prepared.job.n:
                self._end = event
            return
        now, before = time.monotonic(), self._last.get(event.choice)
        self._last[event.choice] = now
        if before is not None:
            self._metrics.inter_token.observe(self._engine.card.id, now - before)
        elif self._first is None:
            self._first = now
            self._metrics.first_token.observe(self._engine.card.id, now - self._arrived)

    async def _reserve(self) -> None:
        job = self._prepared.job
        reservation = Reservation(
            request=job.id,
            account=self._account.id,
            key_id=self._account.key_id,
            model=job.model,
            price=self._engine.card.price,
            prompt_tokens=len(self._prepared.prompt),
            max_completion_tokens=self._prepared.max_tokens * job.n,
            seed=job.sampling.seed,
            stream=self._stream,
        )
        await self._book(lambda db: reserve(db, reservation, self._account.limit_nano), self._reserved)

    def _reserved(self, _: None) -> None:
        self._row_open = True

    async def _settle(self, usage: Usage, outcome: str) -> int:
        first_ms = None if self._first is None else (self._first - self._arrived) * 1000
        total_ms = (time.monotonic() - self._arrived) * 1000
        job = self._prepared.job

        def settled(_: int) -> None:
            self._row_open = False
            self._metrics.settled(job.model, usage, outcome)

        return await self._book(
            lambda db: settle(db, job.id, usage, outcome, first_token_ms=first_ms, total_ms=total_ms), settled
        )

    async def _book(self, work: Callable[[Connection], T], booked: Callable[[T], None]) -> T:
        """``work`` in a transaction, then ``booked``: both, even when the caller is cancelled between them."""
        try:
            result = self._ledger.at_once(work)
        except NotNow:
            return await unbroken(self._book_later(work, booked))
        booked(result)
        return result

    async def _book_later(self, work: Callable[[Connection], T], booked: Callable[[T], None]) -> T:
        result = await self._ledger.run(work)
        booked(result)
        return result

    async def _abandon(self, outcome: str) -> None:
        """Stop the run and charge what it used until then, unless the row is closed already."""
        if not self._row_open:
            return
        usage = self._finished_usage()
        if self._run is not None:
            try:
                usage = await self._run.cancel()
            except Exception:
                log.exception("%s could not be cancelled; charged for what its finished choices used", self._prepared.job.id)
        await self._settle(usage, outcome)

    def _finished_usage(self) -> Usage:
        return sum((finish.usage for finish in self._finished.values()), Usage())


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which runs to its end even when the caller is cancelled; the cancellation is raised after it.

    An error of the work itself comes first, so that it is not lost.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result


def _outcome(error: BaseException) -> str:
    if isinstance(error, ApiError):
        return error.code
    if isinstance(error, ClientDisconnect):
        return ABORT
    return InternalError.code if isinstance(error, Exception) else ABORT
