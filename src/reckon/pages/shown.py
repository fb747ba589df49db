"""A model as its page shows it: the card's facts in words and numbers for readers, and whether it runs here. Knows no HTTP.

``views.py`` asks for it; ``standing.py`` says why a model does not run.
"""

from dataclasses import dataclass
from urllib.parse import quote

from reckon.catalog.card import Card, Score
from reckon.engines.base import Health
from reckon.ledger.prices import dollars
from reckon.pages.standing import Standing, standing

MILLION = 1_000_000
TABS = (
    ("Playground", ""),
    ("API", "/api"),
    ("Input fields", "/fields"),
    ("Input Schema", "/schema/input"),
    ("Output Schema", "/schema/output"),
    ("Streaming Schema", "/schema/streaming"),
    ("Usage", "/usage"),
)
"""What the tabs are called, and where they are behind the model's own address."""


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    path: str
    current: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What the head of a model's page says. Prices are dollars per million tokens, as text."""

    id: str
    owner: str
    name: str
    path: str
    description: str
    public: bool
    featured: bool
    price_in: str
    price_out: str
    dtype: str
    context: str
    project_url: str
    license: str
    license_url: str
    scores: tuple[Score, ...]
    standing: Standing


def address(model: str, end: str = "") -> str:
    """The path of a model's page. A directory that is served may be called anything."""
    return f"/{quote(model)}{end}"


def tabs(model: str, current: str) -> tuple[Tab, ...]:
    """``current`` is the end of the address, as in TABS."""
    return tuple(Tab(label, address(model, end), end == current) for label, end in TABS)


def shown(card: Card, health: Health | None) -> Shown:
    """``health`` is None for a model that is not served here."""
    return Shown(
        id=card.id,
        owner=card.owner,
        name=card.name,
        path=address(card.id),
        description=card.description,
        public=card.public,
        featured=card.featured,
        price_in=dollars(card.price.input * MILLION),
        price_out=dollars(card.price.output * MILLION),
        dtype=card.dtype,
        context=f"{card.context:,}",
        project_url=card.project_url,
        license=card.license,
        license_url=card.license_url,
        scores=card.scores,
        standing=standing(card, health),
    )
