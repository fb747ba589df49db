"""The Input fields tab: the rows of the table of fields in words. The first are the model page's own, in its order."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from reckon.api.asking.fields import FIELDS
from reckon.api.asking.reading import Field

LAST_OF_PAGE = "seed"
"""The table says so itself: down to this one, names and order are the model page's."""


@dataclass(frozen=True, slots=True)
class Input:
    """``default`` and ``range`` are empty where there is none; ``allowed`` are the only words taken."""

    name: str
    kind: str
    required: bool
    description: str
    default: str
    range: str
    allowed: tuple[str, ...]
    effect: bool


def inputs(defaults: Mapping[str, float]) -> tuple[tuple[Input, ...], tuple[Input, ...]]:
    """The page's fields, then all others. ``defaults`` are the model's own sampling defaults, if it has any."""
    rows = tuple(_input(row, defaults.get(row.name, row.default)) for row in FIELDS)
    end = next(place for place, row in enumerate(rows) if row.name == LAST_OF_PAGE) + 1
    return rows[:end], rows[end:]


def _input(row: Field, default: object) -> Input:
    return Input(
        name=row.name,
        kind=row.kind,
        required=row.required,
        description=row.description,
        default="" if default is None or default == () else _written(default),
        range=row.range.text(row.name) if row.range else "",
        allowed=row.allowed,
        effect=row.effect,
    )


def _written(value: object) -> str:
    """As the page writes it: 1 and not 1.0, false and not False."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()
