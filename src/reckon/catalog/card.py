"""What a model is: the facts a card states, read from ``cards/*.toml``. Knows nothing of weights being there or running."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from reckon.errors import BadSetting

CHECKPOINTS = Path(str(resources.files("reckon.catalog"))) / "checkpoints"
MODEL_ID = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*\Z"
"""owner/name, as the hub writes it."""


class Score(msgspec.Struct, frozen=True):
    """A benchmark result and who claims it."""

    name: str
    value: float
    claimed_by: str


class Price(msgspec.Struct, frozen=True):
    """Integer nano-dollars per token: $0.12 per million tokens is 120."""

    input: Annotated[int, msgspec.Meta(ge=0)] = 0
    output: Annotated[int, msgspec.Meta(ge=0)] = 0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Nano-dollars. Cached prompt tokens cost what others cost: the page has one input price."""
        return prompt_tokens * self.input + completion_tokens * self.output


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the KV cache's size follows from."""

    layers: Annotated[int, msgspec.Meta(gt=0)]
    kv_heads: Annotated[int, msgspec.Meta(gt=0)]
    head_dim: Annotated[int, msgspec.Meta(gt=0)]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of an example."""

    role: Literal["system", "user", "assistant"]
    content: str


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's page in data. ``id`` is "owner/name"; ``checkpoint`` names a directory inside the package, if it ships.

    ``parameters`` is 0 and ``size`` None where nobody has counted. ``conversation`` is the page's longer example, and
    ``prompts`` are questions that the model is good at.
    """

    id: Annotated[str, msgspec.Meta(pattern=MODEL_ID)]
    description: str
    context: Annotated[int, msgspec.Meta(gt=0)]
    dtype: str = "bfloat16"
    price: Price = Price()
    license: str = ""
    license_url: str = ""
    project_url: str = ""
    public: bool = True
    featured: bool = False
    created: int = 0
    checkpoint: str = ""
    scores: tuple[Score, ...] = ()
    parameters: Annotated[int, msgspec.Meta(ge=0)] = 0
    size: Size | None = None
    prompts: tuple[str, ...] = ("Hello!",)
    conversation: tuple[Turn, ...] = (
        Turn("system", "Answer in one sentence."),
        Turn("user", "Hello!"),
        Turn("assistant", "Hello! What would you like to know?"),
        Turn("user", "Why is the sky blue?"),
    )

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]


def read(text: str, origin: str) -> Card:
    """Parse a card. Raises BadSetting naming the file and the key."""
    try:
        return msgspec.convert(tomllib.loads(text), Card)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadSetting(f"the card {origin} is not valid: {error}") from None


def catalogue() -> dict[str, Card]:
    """The cards inside the package, by id."""
    files = sorted(resources.files("reckon.catalog").joinpath("cards").iterdir(), key=lambda file: file.name)
    cards = [read(file.read_text(encoding="utf-8"), file.name) for file in files if file.name.endswith(".toml")]
    return {card.id: card for card in cards}
