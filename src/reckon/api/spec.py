"""What requests and answers look like, as JSON Schemas, lists of fields and OpenAPI: all from the types and tables in use.

``models.py`` shows a model's, ``ops.py`` the whole. Knows no engine; serves nothing itself.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from reckon import __version__
from reckon.api import completions, messages
from reckon.api.answers import anthropic, shapes
from reckon.api.asking import fields
from reckon.api.asking.reading import KINDS, Field
from reckon.api.auth import Access

LOCAL = "#/$defs/{name}"
SHARED = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class About:
    """What a route does: the fields of its body, its answer, and a chunk of its stream, where it has them."""

    summary: str
    takes: tuple[Field, ...] = ()
    answer: Any = None
    chunk: Any = None


CHAT = About("Go on with a conversation.", fields.FIELDS, shapes.Completion, shapes.Chunk)
TEXT = About("Go on with a text.", completions.FIELDS, shapes.TextCompletion, shapes.TextChunk)
MESSAGES = About("Go on with a conversation, as Anthropic's clients have it.", messages.FIELDS, anthropic.Message)
VARIANTS = {
    "openai-chat-completions": ("/v1/openai/chat/completions", CHAT),
    "openai-completions": ("/v1/openai/completions", TEXT),
}
"""The kinds of requests a model takes, by the page's names for them."""


class Documented(Protocol):
    """What a route must tell to be described."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def access(self) -> Access: ...
    @property
    def about(self) -> About | None: ...


class FieldIn(
    msgspec.Struct,
    rename={"low": "minimum", "low_open": "exclusiveMinimum", "high": "maximum", "high_open": "exclusiveMaximum"},
):
    """A row of a table of fields, as the page's service writes it. Of a bound that is excluded, the other key is null."""

    name: str
    ftype: str
    description: str
    default: Any
    low: float | None
    low_open: float | None
    high: float | None
    high_open: float | None
    allowed: tuple[str, ...] | None
    examples: tuple[Any, ...] | None


class Variant(msgspec.Struct):
    key: str
    url: str


class ModelSchema(msgspec.Struct):
    variant: Variant
    schema_in: dict[str, Any]
    schema_out: dict[str, Any]
    schema_stream: dict[str, Any]
    fields_in: list[FieldIn]


class ErrorDetail(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str


class Error(msgspec.Struct):
    error: ErrorDetail


def model_schema(key: str, base_url: str, defaults: Mapping[str, float]) -> ModelSchema:
    """One of VARIANTS for a model with these sampling ``defaults``. Raises KeyError for a key that is none."""
    path, about = VARIANTS[key]
    body, definitions = _request(about.takes, defaults, LOCAL)
    return ModelSchema(
        variant=Variant(key, base_url.rstrip("/") + path),
        schema_in={**body, "$defs": definitions},
        schema_out=msgspec.json.schema(about.answer),
        schema_stream=msgspec.json.schema(about.chunk),
        fields_in=[_field_in(row, defaults) for row in about.takes],
    )


def openapi(routes: Iterable[Documented]) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes that say what they are about."""
    (error,), components = msgspec.json.schema_components([Error], ref_template=SHARED)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.about is not None:
            path = re.sub(r":\w+}", "}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, route.about, error, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "reckon", "version": __version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Documented, path: str, about: About, error: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{path}").strip("_"),
        "summary": about.summary,
        "security": [] if route.access == "public" else [{"key": []}],
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "responses": {
            "200": {"description": about.summary, **_contents(about, components)},
            "default": {"description": "An error.", "content": {"application/json": {"schema": error}}},
        },
    }
    if about.takes:
        body, definitions = _request(about.takes, {}, SHARED)
        components.update(definitions)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _contents(about: About, components: dict[str, Any]) -> dict[str, Any]:
    kinds = {"application/json": about.answer, "text/event-stream": about.chunk}
    given = {kind: type_ for kind, type_ in kinds.items() if type_ is not None}
    schemas, definitions = msgspec.json.schema_components(given.values(), ref_template=SHARED)
    components.update(definitions)
    content = {kind: {"schema": schema} for kind, schema in zip(given, schemas, strict=True)}
    return {"content": content} if content else {}


def _request(rows: Iterable[Field], defaults: Mapping[str, float], ref: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of a body with these fields, and what it refers to."""
    rows = tuple(rows)
    schemas, definitions = msgspec.json.schema_components([row.type or KINDS[row.kind][0] for row in rows], ref_template=ref)
    body = {
        "type": "object",
        "properties": {row.name: _property(row, schema, defaults) for row, schema in zip(rows, schemas, strict=True)},
        "required": [row.name for row in rows if row.required],
        "additionalProperties": False,
    }
    return body, definitions


def _property(row: Field, schema: dict[str, Any], defaults: Mapping[str, float]) -> dict[str, Any]:
    told = msgspec.to_builtins(_field_in(row, defaults))
    bounds = {key: told[key] for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") if told[key] is not None}
    words = {"enum": [*row.allowed, *([] if row.required else [None])]} if row.allowed else {}
    kept = {key: told[key] for key in ("default", "examples") if told[key] is not None}
    kind = schema if row.required else _nullable(schema)
    return {**kind, **bounds, **words, "description": row.description, **kept}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


def _field_in(row: Field, defaults: Mapping[str, float]) -> FieldIn:
    default, bounds = defaults.get(row.name, row.default), row.range
    return FieldIn(
        name=row.name,
        ftype=row.kind,
        description=row.description,
        default=None if default == () else default,
        low=bounds.low if bounds and not bounds.low_open else None,
        low_open=bounds.low if bounds and bounds.low_open else None,
        high=bounds.high if bounds and not bounds.high_open else None,
        high_open=bounds.high if bounds and bounds.high_open else None,
        allowed=row.allowed or None,
        examples=row.examples or None,
    )
