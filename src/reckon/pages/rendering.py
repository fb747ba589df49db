"""Templates to answers: the one jinja environment, and the headers that every page carries. Knows no model and no account.

Escaping is on everywhere; nothing in the templates turns it off. The policy allows our own files and nothing else: no inline
script or style, no other host.
"""

import gzip
from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

HERE = Path(__file__).parent
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""On every page and every file of ours."""
SMALL = 1024
"""Bytes that compressing would not make fewer packets."""

TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.policies["json.dumps_kwargs"] = {}  # the order of keys is the order of the tables they come from


class Context(Protocol):
    """A page's data: a dataclass, each field a name in the template."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def page(request: Request, template: str, context: Context, *, status: int = 200) -> Response:
    """The template filled in. Not stored by anyone: what it shows depends on who asks and on now."""
    names = {field.name: getattr(context, field.name) for field in fields(context)}
    html = TEMPLATES.get_template(template).render(names)
    return squeezed(request, html.encode(), "text/html; charset=utf-8", {"cache-control": "no-store"}, status=status)


def squeezed(
    request: Request, body: bytes, kind: str, headers: Mapping[str, str], *, packed: bytes | None = None, status: int = 200
) -> Response:
    """An answer with HEADERS, as gzip where the reader takes it; ``packed`` is the body compressed before."""
    every = {**HEADERS, "vary": "Accept-Encoding, Cookie", "content-type": kind, **headers}
    if len(body) > SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed or gzip.compress(body, 6, mtime=0), status, {**every, "content-encoding": "gzip"})
    return Response(body, status, every)
