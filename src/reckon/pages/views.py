"""The handlers of the catalogue and of a model's pages: what each template is filled with.

Knows no SQL and no tensors. ``site.py`` routes to it. Every page of a model has the head that ``Shown`` describes.
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
from reckon.pages.cover import cover
from reckon.pages.examples import ENDPOINT, LANGUAGES, VARIANT, Example, examples
from reckon.pages.frames import Frame, frame
from reckon.pages.inputs import Input, inputs
from reckon.pages.rendering import page, squeezed
from reckon.pages.schemas import Node, tree
from reckon.pages.shown import Shown, Tab, address, shown, tabs

SCHEMAS = {"input": "schema_in", "output": "schema_out", "streaming": "schema_stream"}
"""By the end of the page's address: the key of GET /models/{id}/schema/… that it shows."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """``query`` is what was searched for; ``running`` counts the models that take requests now."""

    frame: Frame
    models: tuple[Shown, ...]
    query: str
    running: int


@dataclass(frozen=True, slots=True)
class PlaygroundPage:
    """The Playground. ``data`` is page-data, whose shape ``Views.playground`` tells."""

    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiPage:
    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    endpoint: str
    base_url: str
    languages: tuple[str, ...]
    examples: Mapping[str, Example]


@dataclass(frozen=True, slots=True)
class FieldsPage:
    """``fields`` are the model page's, ``more`` are ours."""

    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    fields: tuple[Input, ...]
    more: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class SchemaPage:
    """``root`` is ``schema`` as a tree, ``endpoint`` where programs read it."""

    frame: Frame
    model: Shown
    tabs: tuple[Tab, ...]
    title: str
    about: str
    schema: Mapping[str, Any]
    root: Node
    endpoint: str


ABOUT = {
    "input": "What the body of a request may be.",
    "output": "What a single answer is.",
    "streaming": "What each event of a stream is. The last is the text [DONE] instead.",
}


class Views:
    def __init__(self, pool: Pool, cards: Mapping[str, Card]) -> None:
        self._pool = pool
        self._cards = cards

    async def catalogue(self, request: Request, account: Account) -> Response:
        """What runs here first, then by name. With ``q``, the models in whose id or description all its words are."""
        query = request.query_params.get("q", "").strip()
        words = query.casefold().split()
        every = [self._shown(card) for card in self._cards.values()]
        found = [model for model in every if all(word in f"{model.id} {model.description}".casefold() for word in words)]
        found.sort(key=lambda model: (not model.standing.runs, not model.featured, model.id.casefold()))
        running = sum(model.standing.runs for model in every)
        return page(request, "catalogue.html", CataloguePage(frame(account), tuple(found), query, running))

    async def cover(self, request: Request, account: Account, card: Card) -> Response:
        headers = {"cache-control": "public, max-age=3600"}
        return squeezed(request, cover(card).encode(), "image/svg+xml", headers)

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
        view = self._shown(card)
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
        return page(request, "playground.html", PlaygroundPage(frame(account, view.path), view, tabs(card.id, ""), data))

    async def api(self, request: Request, account: Account, card: Card) -> Response:
        shape = ApiPage(
            frame=frame(account, address(card.id, "/api")),
            model=self._shown(card),
            tabs=tabs(card.id, "/api"),
            endpoint=origin(request) + ENDPOINT,
            base_url=f"{origin(request)}/v1/openai",
            languages=tuple(name for name, _ in LANGUAGES),
            examples=examples(card, origin(request)),
        )
        return page(request, "api.html", shape)

    async def fields(self, request: Request, account: Account, card: Card) -> Response:
        rows, more = inputs(self._defaults(card))
        shape = FieldsPage(frame(account, address(card.id, "/fields")), self._shown(card), tabs(card.id, "/fields"), rows, more)
        return page(request, "fields.html", shape)

    async def schema(self, request: Request, account: Account, card: Card, name: str) -> Response:
        """One of SCHEMAS."""
        value = getattr(self._schema(request, card), SCHEMAS[name])
        here = f"/schema/{name}"
        shape = SchemaPage(
            frame=frame(account, address(card.id, here)),
            model=self._shown(card),
            tabs=tabs(card.id, here),
            title=f"{name.capitalize()} Schema",
            about=ABOUT[name],
            schema=value,
            root=tree(value),
            endpoint=f"{origin(request)}/models/{card.id}/schema/{VARIANT}",
        )
        return page(request, "schema.html", shape)

    def _shown(self, card: Card) -> Shown:
        return shown(card, self._pool.health().get(card.id))

    def _defaults(self, card: Card) -> Mapping[str, float]:
        """The model's own sampling defaults; none for a model that is not served, which then shows the page's."""
        return self._pool.defaults().get(card.id, {})

    def _schema(self, request: Request, card: Card) -> spec.ModelSchema:
        """What GET /models/{id}/schema/… answers."""
        return spec.model_schema(VARIANT, origin(request), self._defaults(card))


def origin(request: Request) -> str:
    """The server's address as the reader's browser has it."""
    return str(request.base_url).rstrip("/")
