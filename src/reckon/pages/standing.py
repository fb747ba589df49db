"""Whether a model runs here, and if not why, what it would need, and the command that serves it. Knows no HTTP.

The need is arithmetic on the card: weights are parameters times the dtype's bytes, and the KV cache of one conversation of full
length comes on top.
"""

import os
from dataclasses import dataclass

from reckon.catalog.card import Card
from reckon.engines.base import Health

DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
GB = 1e9


@dataclass(frozen=True, slots=True)
class Need:
    """Memory in GB, as text."""

    weights: str
    cache: str
    total: str
    formula: str


@dataclass(frozen=True, slots=True)
class Standing:
    """``label`` in a few words; ``load`` what it is doing now, and ``why`` why it takes no requests, or empty; ``need`` where
    the card tells."""

    runs: bool
    label: str
    load: str
    why: str
    need: Need | None
    command: str


def standing(card: Card, health: Health | None) -> Standing:
    """``health`` is None for a model that is not served here."""
    command = f"reckon serve {card.id}"
    need = needed(card)
    if health is None:
        return Standing(
            False, "Not running here", "", f"This server was started without it. {_room(need)}".strip(), need, command
        )
    if health.ready:
        return Standing(True, "Running here", f"{health.running} in progress, {health.waiting} waiting", "", need, command)
    why = f"Its engine is not taking requests: {health.state}. They are refused with 503 until it does."
    return Standing(False, "Starting" if health.restarts == 0 else "Restarting", "", why, need, command)


def needed(card: Card) -> Need | None:
    """None where the card does not say how large the model is."""
    width = DTYPE_BYTES.get(card.dtype)
    if width is None or not card.parameters:
        return None
    size = card.size
    weights = card.parameters * width
    cache = 2 * size.layers * size.kv_heads * size.head_dim * width * card.context if size else 0
    formula = f"{card.parameters / GB:.4g} billion parameters of {width} bytes"
    if size:
        formula += (
            f", and for each of {card.context:,} tokens a key and a value in {size.layers} layers,"
            f" {size.kv_heads} heads of {size.head_dim} numbers each"
        )
    return Need(gigabytes(weights), gigabytes(cache), gigabytes(weights + cache), formula)


def gigabytes(count: float) -> str:
    """Three figures: 65.5 GB, 8.59 GB, 0.0071 GB."""
    return f"{count / GB:.3g} GB"


def _room(need: Need | None) -> str:
    if need is None:
        return ""
    memory = gigabytes(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return f"It needs about {need.total} of memory; this machine has {memory} in all."
