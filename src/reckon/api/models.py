"""The list of models in OpenAI's shape, with the card's facts as metadata. Shows a key only what it may use. Runs nothing."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reckon.api import auth, responses
from reckon.catalog.card import Card
from reckon.engines.pool import Pool
from reckon.errors import ModelNotFound
from reckon.ledger.accounts import Account

NANO_PER_TOKEN = 1000
"""Nano-dollars per token in one dollar per million tokens."""


class Models:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, request: Request, account: Account) -> Response:
        cards = self._pool.cards()
        data = [_shape(model, card) for model, card in cards.items() if auth.may_use(account, model)]
        return responses.encoded({"object": "list", "data": data})

    async def show(self, request: Request, account: Account) -> Response:
        model = request.path_params["id"]
        if not auth.may_use(account, model):
            raise ModelNotFound(f"The model `{model}` does not exist or you do not have access to it.", param="model")
        return responses.encoded(_shape(model, self._pool.find(model).card))


def _shape(model: str, card: Card) -> dict[str, Any]:
    return {
        "id": model,
        "object": "model",
        "created": card.created,
        "owned_by": card.owner,
        "root": model,
        "metadata": {
            "description": card.description,
            "context_length": card.context,
            "max_tokens": card.context,
            "pricing": {
                "input_tokens": card.price.input / NANO_PER_TOKEN,
                "output_tokens": card.price.output / NANO_PER_TOKEN,
            },
        },
    }
