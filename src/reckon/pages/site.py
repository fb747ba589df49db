"""Every page as a route with who may see it, in one list, for the API's application to add to its own.

A model's pages are routes of their own rather than a pattern: what is not a model's address stays unknown to the router.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from reckon.api.app import Entry, Handler
from reckon.catalog.card import Card, catalogue
from reckon.config import Config
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger
from reckon.pages.files import static
from reckon.pages.signin import Signing
from reckon.pages.usage import Usage
from reckon.pages.views import SCHEMAS, Views

CardHandler: TypeAlias = Callable[[Request, Account, Card], Awaitable[Response]]


def entries(config: Config, pool: Pool, ledger: Ledger) -> list[Entry]:
    """All pages of what is served here and of what the catalogue knows besides.

    A directory with braces in its name is served without pages: the router takes braces for a pattern.
    """
    known = {**catalogue(), **pool.cards()}
    cards: Mapping[str, Card] = {model: card for model, card in known.items() if not set("{}") & set(model)}
    views, signing, usage = Views(pool, cards), Signing(ledger, config.token), Usage(pool, ledger)
    return [
        Entry("GET", "/", "visitor", views.catalogue),
        Entry("GET", "/signin", "visitor", signing.form),
        Entry("POST", "/signin", "visitor", signing.sign_in),
        Entry("POST", "/signout", "visitor", signing.sign_out),
        Entry("GET", "/static/{path:path}", "public", static),
        *(entry for card in cards.values() for entry in _of_model(card, views, usage)),
    ]


def _of_model(card: Card, views: Views, usage: Usage) -> list[Entry]:
    def entry(end: str, handler: CardHandler) -> Entry:
        return Entry("GET", f"/{card.id}{end}", "visitor", _about(card, handler))

    return [
        entry("", views.playground),
        entry("/api", views.api),
        entry("/fields", views.fields),
        *(entry(f"/schema/{name}", partial(views.schema, name=name)) for name in SCHEMAS),
        entry("/usage", usage.show),
        Entry("GET", f"/{card.id}/cover.svg", "public", _about(card, views.cover)),
    ]


def _about(card: Card, handler: CardHandler) -> Handler:
    async def of_card(request: Request, account: Account) -> Response:
        return await handler(request, account, card)

    return of_card
