"""The API as an ASGI application: every route with who may use it, in one list, and what holds for all of them.

That is: an id on every answer, a limit on bodies, every error in OpenAI's envelope. Knows no chat; the CLI serves it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reckon.api.answering import QUIET_SECONDS, Answering
from reckon.api.answers import http
from reckon.api.asking import schema
from reckon.api.auth import ACCESS_CLASSES, Access, Guard
from reckon.api.chat import Chat
from reckon.api.completions import Completions
from reckon.api.heap import LARGE_BODY, Heap
from reckon.api.messages import Messages
from reckon.api.metrics import Metrics
from reckon.api.models import Model, ModelList, Models
from reckon.api.ops import HealthBody, KeyUsage, Ops
from reckon.api.patience import Patience
from reckon.api.spec import CHAT, MESSAGES, TEXT, About, ModelSchema
from reckon.api.turnstile import Turnstile
from reckon.config import Config
from reckon.engines.pool import Pool
from reckon.errors import ApiError, BodyTooLarge
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger

STUCK_SECONDS = 60.0
"""How long a client may take nothing of its answer before it counts as gone: it holds a place, and blocks of the KV cache."""

Handler: TypeAlias = Callable[[Request, Account], Awaitable[ASGIApp]]
Refused: TypeAlias = Callable[[Request, ApiError], ASGIApp | None]
"""An error as a page, for who asked for a page; None for everybody else, who gets the envelope."""
UNROUTED = "none"
"""The path that metrics show for requests that no route took: the real ones are the caller's invention."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One route and who may use it. There is no default, so none can be forgotten. ``about`` is what /openapi.json says."""

    method: str
    path: str
    access: Access
    handler: Handler
    about: About | None = None

    def __post_init__(self) -> None:
        if self.access not in ACCESS_CLASSES:
            raise TypeError(f"{self.method} {self.path} must declare an access of {ACCESS_CLASSES}, not {self.access!r}")


LIST = About("The models that this key may use.", answer=ModelList)
CARD = About("A model: what it is, what it costs, how it samples.", answer=Model)
SCHEMA = About("A model's fields and schemas, by the kind of request.", answer=ModelSchema)
USAGE = About("What this key has used.", answer=KeyUsage)
HEALTH = About("Whether every model takes requests.", answer=HealthBody)


def entries(chat: Chat, text: Completions, messages: Messages, models: Models, ops: Ops) -> list[Entry]:
    return [
        Entry("POST", "/v1/openai/chat/completions", "key", chat.complete, CHAT),
        Entry("POST", "/v1/chat/completions", "key", chat.complete, CHAT),
        Entry("POST", "/v1/openai/completions", "key", text.complete, TEXT),
        Entry("POST", "/v1/completions", "key", text.complete, TEXT),
        Entry("POST", "/v1/messages", "key", messages.complete, MESSAGES),
        Entry("GET", "/v1/openai/models", "key", models.list, LIST),
        Entry("GET", "/v1/models", "key", models.list, LIST),
        *(
            entry
            for root in ("/v1/openai/models", "/v1/models", "/models")
            for entry in (
                Entry("GET", f"{root}/{{id:path}}/schema/{{variant}}", "key", models.schema, SCHEMA),
                Entry("GET", f"{root}/{{id:path}}", "key", models.show, CARD),
            )
        ),
        Entry("GET", "/v1/usage", "key", ops.usage, USAGE),
        Entry("GET", "/health", "public", ops.health, HEALTH),
        Entry("GET", "/metrics", "admin", ops.metrics, About("Numbers for Prometheus, as text.")),
        Entry("GET", "/openapi.json", "public", ops.openapi, About("All of this as OpenAPI 3.1.")),
    ]


def create_app(
    config: Config,
    pool: Pool,
    ledger: Ledger,
    extra: Sequence[Entry] = (),
    refused: Refused = lambda request, error: None,
    *,
    quiet_seconds: float = QUIET_SECONDS,
    stuck_seconds: float = STUCK_SECONDS,
    heap: Heap | None = None,
) -> "App":
    """The application. Starting and closing pool and ledger stays with the caller.

    ``extra`` are routes of other packages, and ``refused`` shows errors to browsers.

    Raises BadSetting when a model's own sampling defaults are outside the fields' ranges.
    """
    for model, defaults in pool.defaults().items():
        schema.check_defaults(model, defaults)
    metrics, max_body = Metrics(), int(config.max_body_mb * 1e6)
    answering = Answering(pool, ledger, metrics, max_body=max_body, quiet_seconds=quiet_seconds)
    chat, text, messages = Chat(answering), Completions(answering), Messages(answering)
    routes = entries(chat, text, messages, Models(pool), Ops(pool, ledger, metrics))
    guard, heap = Guard(config, ledger), heap or Heap()
    return App([*routes, *extra], guard, metrics, heap, max_body=max_body, stuck_seconds=stuck_seconds, refused=refused)


class App:
    """Where every request comes in and every answer goes out."""

    def __init__(
        self,
        routes: Sequence[Entry],
        guard: Guard,
        metrics: Metrics,
        heap: Heap,
        *,
        max_body: int,
        stuck_seconds: float,
        refused: Refused,
    ) -> None:
        self.entries = tuple(routes)
        turnstile = Turnstile()
        self._router = Router([_route(entry, guard, turnstile) for entry in routes], redirect_slashes=False)
        self._metrics = metrics
        self._heap = heap
        self._max_body = max_body
        self._stuck_seconds = stuck_seconds
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # with it, the router raises what it cannot route instead of answering in plain text
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        http.stamp(scope)
        async with Patience(self._stuck_seconds) as patience:
            await self._answer(scope, receive, _Answer(scope, send, self._metrics, patience))

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._router(scope, self._limited(scope, receive), answer.send)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as error:
            told = http.translated(error, scope)
            if answer.started:
                raise
            page = self._refused(Request(scope), told)
            await (page or http.refusal(told, getattr(error, "headers", None)))(scope, receive, answer.send)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` that raises BodyTooLarge: at once by the declared length, for chunked bodies when it is passed."""
        declared = Headers(scope=scope).get("content-length", "")
        arrived = 0

        async def limited() -> Message:
            nonlocal arrived
            if declared.isdecimal() and int(declared) > self._max_body:
                raise self._too_large()
            message = await receive()
            before, arrived = arrived, arrived + len(message.get("body", b""))
            if before < LARGE_BODY <= arrived:
                self._heap.trim_soon()
            if arrived > self._max_body:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self._max_body} bytes, the limit of this server.")


def _route(entry: Entry, guard: Guard, turnstile: Turnstile) -> Route:
    if not isinstance(entry, Entry):
        raise TypeError(f"a route must be an Entry, which declares its access, not {entry!r}")
    return Route(entry.path, _Door(entry, guard, turnstile), methods=[entry.method])


class _Door:
    """One route as ASGI: who is it, has their key a free place, then the handler; its answer is sent from within the place."""

    def __init__(self, entry: Entry, guard: Guard, turnstile: Turnstile) -> None:
        self._entry = entry
        self._guard = guard
        self._turnstile = turnstile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        scope["reckon.path"] = self._entry.path
        if self._entry.method == "POST":
            await self._turnstile.pass_through()
        account = await self._guard.identify(request.headers, self._entry.access, request.method)
        with self._guard.place(account):
            response = await self._entry.handler(request, account)
            await response(scope, receive, send)


class _Answer:
    """What goes out: carries the request's id, and is counted by its status. Nobody waits for ever until it is taken."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics, patience: Patience) -> None:
        self.started = False
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._patience = patience

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            MutableHeaders(scope=message)["x-request-id"] = http.request_id(self._scope)
            path = self._scope.get("reckon.path", UNROUTED)
            self._metrics.requests.labels(path, str(message["status"])).inc()
        self._patience.begin()
        try:
            await self._send(message)
        finally:
            self._patience.end()
