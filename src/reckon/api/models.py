"""The models in OpenAI's shape, with the card's facts as metadata, and their schemas. Shows a key only what it may use.

Runs nothing. ``app.py`` routes to it.
"""

from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reckon.api import auth, spec
from reckon.api.answers import http
from reckon.api.asking.fields import BY_NAME
from reckon.catalog.card import Card, Score
from reckon.engines.base import Engine, system_fingerprint
from reckon.engines.pool import Pool
from reckon.errors import ModelNotFound, RouteNotFound
from reckon.job import Sampling
from reckon.ledger.accounts import Account

NANO_PER_TOKEN = 1000
"""Nano-dollars per token in one dollar per million tokens."""


class Pricing(msgspec.Struct):
    """Dollars per million tokens."""

    input_tokens: float
    output_tokens: float


class SamplingDefaults(msgspec.Struct):
    """What a request samples with when it does not say, and whose choice that is: the page's, or the model's makers'."""

    origin: Literal["page", "model"]
    temperature: float
    top_p: float
    min_p: float
    top_k: int
    presence_penalty: float
    frequency_penalty: float
    repetition_penalty: float


class Metadata(msgspec.Struct):
    """``repeatable`` promises equal answers to equal requests with equal seeds, while ``system_fingerprint`` is the same."""

    description: str
    context_length: int
    max_tokens: int
    pricing: Pricing
    dtype: str
    license: str
    license_url: str
    project_url: str
    featured: bool
    scores: tuple[Score, ...]
    sampling_defaults: SamplingDefaults
    system_fingerprint: str
    repeatable: bool


class Model(msgspec.Struct, kw_only=True):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    root: str
    metadata: Metadata


class ModelList(msgspec.Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[Model]


class Models:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, request: Request, account: Account) -> Response:
        models = [model for model in self._pool.cards() if auth.may_use(account, model)]
        return http.encoded(ModelList(data=[_shape(model, self._pool.find(model)) for model in models]))

    async def show(self, request: Request, account: Account) -> Response:
        model = request.path_params["id"]
        return http.encoded(_shape(model, self._find(model, account)))

    async def schema(self, request: Request, account: Account) -> Response:
        """The page's input fields and its three schemas, of one kind of request."""
        engine, key = self._find(request.path_params["id"], account), request.path_params["variant"]
        if key not in spec.VARIANTS:
            raise RouteNotFound(f"There is no schema {key}; there are {', '.join(spec.VARIANTS)}.")
        return http.encoded(spec.model_schema(key, str(request.base_url), engine.defaults))

    def _find(self, model: str, account: Account) -> Engine:
        """Raises ModelNotFound, also for what the key may not use."""
        if not auth.may_use(account, model):
            raise ModelNotFound(f"The model `{model}` does not exist or you do not have access to it.", param="model")
        return self._pool.find(model)


def _shape(model: str, engine: Engine) -> Model:
    card = engine.card
    return Model(id=model, created=card.created, owned_by=card.owner, root=model, metadata=_metadata(card, engine))


def _metadata(card: Card, engine: Engine) -> Metadata:
    values = {name: engine.defaults.get(name, BY_NAME[name].default) for name in Sampling.__struct_fields__ if name != "seed"}
    return Metadata(
        description=card.description,
        context_length=card.context,
        max_tokens=card.context,
        pricing=Pricing(card.price.input / NANO_PER_TOKEN, card.price.output / NANO_PER_TOKEN),
        dtype=card.dtype,
        license=card.license,
        license_url=card.license_url,
        project_url=card.project_url,
        featured=card.featured,
        scores=card.scores,
        sampling_defaults=SamplingDefaults("model" if engine.defaults else "page", **values),
        system_fingerprint=system_fingerprint(engine),
        repeatable=engine.repeatable,
    )
