"""How a model's makers sample: the ``generation_config.json`` beside its weights, as defaults of requests. Checks types only.

``engines/native.py`` reads it when the server is told to take the model's own defaults; the API holds it to its ranges.
"""

from pathlib import Path

import msgspec

from reckon.errors import BadSetting

FILE = "generation_config.json"


class Generation(msgspec.Struct, frozen=True):
    """The keys that are fields of a request too. The file has many others."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None


def sampling_defaults(directory: Path) -> dict[str, float]:
    """By field: what the file says; empty where there is none. Raises BadSetting for one that cannot be read."""
    path = directory / FILE
    try:
        generation = msgspec.json.decode(path.read_bytes(), type=Generation)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from None
    return {name: value for name, value in msgspec.structs.asdict(generation).items() if value is not None}
