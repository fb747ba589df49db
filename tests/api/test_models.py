from typing import Any

import pytest

from api.desk import Desk
from fakes import FakeEngine
from reckon.catalog.card import catalogue

QWQ = "Qwen/QwQ-32B-Preview"


@pytest.mark.parametrize("root", ["/v1/models", "/v1/openai/models"])
async def test_models(make_desk: Any, root: str) -> None:
    card = catalogue()[QWQ]
    desk: Desk = make_desk(FakeEngine(card))
    shape = {
        "id": QWQ,
        "object": "model",
        "created": 1732752000,
        "owned_by": "Qwen",
        "root": QWQ,
        "metadata": {
            "description": card.description,
            "context_length": 32768,
            "max_tokens": 32768,
            "pricing": {"input_tokens": 0.12, "output_tokens": 0.18},
        },
    }
    assert (await desk.client().get(root)).json() == {"object": "list", "data": [shape]}
    assert (await desk.client().get(f"{root}/{QWQ}")).json() == shape


async def test_an_unknown_model(desk: Desk) -> None:
    response = await desk.client().get("/v1/models/no/model")
    assert response.status_code == 404
    assert response.json()["error"] == {
        "message": "The model `no/model` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
