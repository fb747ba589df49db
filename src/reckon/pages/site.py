"""Every page as a route with who may see it, in one list, for the API's application to add to its own.

A model's pages are routes of their own rather than a pattern: what is not a model's address stays unknown to the router.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from reckon.api.app import Entry, Handler
from reckon.catalog.card import Card, catalogue
from reckon.config import Config
from reckon.engines.pool import Pool
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger
from reckon.pages.signin import Signing
from reckon.pages.static import static
from reckon.pages.views import Views

CardHandler = Callable[[Request, Account, Card], Awaitable[Response]]


def entries(config: Config, pool: Pool, ledger: Ledger) -> list[Entry]:
    """All pages of what is served here and of what the catalogue knows besides."""
    cards: Mapping[str, Card] = {**catalogue(), **pool.cards()}
    views, signing = Views(pool, cards), Signing(ledger, config.token)
    routes = [
        Entry("GET", "/static/{path:path}", "public", static),
        Entry("GET", "/signin", "visitor", signing.form),
        Entry("POST", "/signin", "visitor", signing.sign_in),
        Entry("POST", "/signout", "visitor", signing.sign_out),
    ]
    for card in cards.values():
        routes += [Entry("GET", f"/{card.id}{end}", "visitor", _about(card, view)) for end, view in (("", views.playground),)]
    return routes


def _about(card: Card, view: CardHandler) -> Handler:
    async def handler(request: Request, account: Account) -> Response:
        return await view(request, account, card)

    return handler
