"""The pages' handlers: who asks, which model, and the context that its template is filled with.

Knows no SQL and no tensors. ``site.py`` routes to it. Every page of a model has the head that ``Frame`` and ``Shown`` describe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reckon.api import spec
from reckon.catalog.card import Card
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.pages.frames import Frame, frame
from reckon.pages.rendering import page
from reckon.pages.shown import Shown, shown

VARIANT = "openai-chat-completions"
ENDPOINT, _ = spec.VARIANTS[VARIANT]


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    path: str
    current: bool


@dataclass(frozen=True, slots=True)
class ModelPage:
    """Any tab that needs the model's head only."""

    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]


@dataclass(frozen=True, slots=True)
class PlaygroundPage:
    """The Playground. ``data`` is page-data, whose shape ``Views.playground`` tells."""

    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    data: Mapping[str, Any]


TABS = (
    ("Playground", ""),
    ("API", "/api"),
    ("Input fields", "/fields"),
    ("Input Schema", "/schema/input"),
    ("Output Schema", "/schema/output"),
    ("Streaming Schema", "/schema/streaming"),
    ("Usage", "/usage"),
)


class Views:
    def __init__(self, pool: Pool, cards: Mapping[str, Card]) -> None:
        self._pool = pool
        self._cards = cards

    async def playground(self, request: Request, account: Account, card: Card) -> Response:
        """``templates/playground.html``, with a JSON data block ``#page-data``:

        - ``model``: the id, as requests name it. ``origin``: the server's address as the reader sees it, without a slash at
          the end. ``endpoint``: the path to POST to, from the root.
        - ``signed_in``: null, or {"name": of the key, "admin": bool}. The session is an HttpOnly cookie: a same-origin
          ``fetch`` with a JSON body carries it by itself, without any Authorization header. null means that requests answer
          401: show the way to ``signin`` (a path).
        - ``runs``: whether the model takes requests now. ``why``: where not, a sentence that says why; else "". ``command``:
          what serves it.
        - ``context``: tokens. ``price``: {"input", "output"} in nano-dollars per token, integers.
        - ``fields``: ``fields_in`` of GET /models/{id}/schema/openai-chat-completions as it is: an array in the table's order
          of {name, ftype: "string" | "number" | "integer" | "boolean" | "array" | "object", description, default, minimum,
          exclusiveMinimum, maximum, exclusiveMaximum, allowed: [words] | null, examples}. What is not there is null. The
          model's own sampling defaults are in ``default`` already.
        - ``prompts``: questions to begin with.
        """
        view = shown(card, self._health(card))
        data = {
            "model": card.id,
            "origin": origin(request),
            "endpoint": ENDPOINT,
            "signed_in": {"name": account.name, "admin": account.admin} if account.id else None,
            "signin": f"/signin?next={view.path}",
            "runs": view.standing.runs,
            "why": view.standing.why,
            "command": view.standing.command,
            "context": card.context,
            "price": {"input": card.price.input, "output": card.price.output},
            "fields": msgspec.to_builtins(self._schema(request, card).fields_in),
            "prompts": list(card.prompts),
        }
        return page(request, "playground.html", PlaygroundPage(frame(account, view.path), view, tabs(card, ""), data))

    def _health(self, card: Card) -> Any:
        return self._pool.health().get(card.id)

    def _schema(self, request: Request, card: Card) -> spec.ModelSchema:
        """What GET /models/{id}/schema/… answers; for a model that is not served, with the page's defaults."""
        return spec.model_schema(VARIANT, origin(request), self._pool.defaults().get(card.id, {}))


def tabs(card: Card, current: str) -> tuple[Tab, ...]:
    return tuple(Tab(label, f"/{card.id}{end}", end == current) for label, end in TABS)


def origin(request: Request) -> str:
    """The server's address as the reader's browser has it."""
    return str(request.base_url).rstrip("/")
