import re
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest

from api.desk import Desk
from reckon import __version__


@pytest.fixture
async def document(desk: Desk) -> Any:
    response = await desk.client(headers={}).get("/openapi.json")
    assert response.status_code == 200
    return response.json()


async def test_it_is_openapi(document: Any) -> None:
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1") and document["info"]["version"] == __version__


async def test_it_has_every_route_and_who_may_use_it(desk: Desk, document: Any) -> None:
    found = {
        (method.upper(), path, bool(operation["security"]))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert found == {(entry.method, re.sub(r":\w+}", "}", entry.path), entry.access != "public") for entry in desk.app.entries}


async def test_what_it_refers_to_is_there(document: Any) -> None:
    references = re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document))
    assert set(references) <= document["components"]["schemas"].keys()
    assert document["components"]["schemas"]["Error"]["required"] == ["error"]


@pytest.mark.parametrize("path", ["/v1/models", "/models/fake/model", "/v1/usage", "/health"])
async def test_answers_are_as_described(desk: Desk, document: Any, path: str) -> None:
    described = path.replace("fake/model", "{id}")
    content = document["paths"][described]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = {**content, "components": document["components"]}
    jsonschema.validate((await desk.client().get(path)).json(), schema, jsonschema.Draft202012Validator)
