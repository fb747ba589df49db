"""From what a person types to a card and a checkpoint directory: a catalogue id, a local directory, a hub id, or ID=DIRECTORY.

Knows where files are, not what is in the tensors. Downloads with huggingface_hub, and only when nothing local has the name.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from reckon.catalog.card import CHECKPOINTS, MODEL_ID, Card, catalogue
from reckon.errors import BadSetting

FILES = ("*.safetensors", "*.json", "*.jinja", "LICENSE*")
"""What a checkpoint needs of its repository: no pickles, no code."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be loaded: what it is, and where it lies."""

    card: Card
    directory: Path


def resolve(name: str) -> Source:
    """Raises BadSetting when nothing of that name can be had. A directory of that name comes before ID=DIRECTORY."""
    cards = catalogue()
    card = cards.get(name)
    if card is not None and card.checkpoint:
        return Source(card, _checkpoint(CHECKPOINTS / card.checkpoint))
    if name and Path(name).is_dir():
        directory = _checkpoint(Path(name).absolute())
        return Source(card or _described(f"local/{directory.name}", directory), directory)
    if "=" in name:
        model, _, path = name.partition("=")
        if not (path and re.search(MODEL_ID, model)):
            raise BadSetting(f"{name!r} must be ID=DIRECTORY with an id like owner/name")
        directory = _checkpoint(Path(path).expanduser().absolute())
        return Source(cards.get(model) or _described(model, directory), directory)
    if not re.search(MODEL_ID, name):
        known = ", ".join(cards)
        raise BadSetting(f"{name!r} is neither a directory nor a model id like owner/name; the catalogue has {known}")
    directory = _checkpoint(_download(name))
    return Source(card or _described(name, directory), directory)


def _checkpoint(directory: Path) -> Path:
    if not (directory / "config.json").is_file():
        raise BadSetting(f"{directory} is not a checkpoint: it has no config.json")
    return directory


def _described(model: str, directory: Path) -> Card:
    """A card for what the catalogue does not know: the context is the checkpoint's own, the price is zero."""
    path = directory / "config.json"
    try:
        context = int(json.loads(path.read_text(encoding="utf-8"))["max_position_embeddings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{path} does not say max_position_embeddings: {error!r}") from None
    return Card(id=model, description=f"{model}: a checkpoint without a card.", context=context, public=False)


def _download(model: str) -> Path:
    try:
        return Path(huggingface_hub.snapshot_download(model, allow_patterns=list(FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise BadSetting(
            f"{model} is not in the package and could not be fetched from the hub ({reason}); "
            f"with the files at hand, say {model}=DIRECTORY"
        ) from None
