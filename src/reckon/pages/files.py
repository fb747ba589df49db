"""The files that pages load: read once for each change on disk, compressed once, named by their content's hash.

Knows only what lies under ``static/``; a name that leads out of it is not there.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from reckon.errors import RouteNotFound
from reckon.ledger.accounts import Account
from reckon.pages.rendering import HEADERS, HERE, squeezed

ROOT = HERE / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
CACHING = "no-cache"
"""Kept, and asked about each time: a 304 costs a few bytes, and a new version of the server is seen at once."""


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    packed: bytes
    kind: str
    tag: str


async def static(request: Request, account: Account) -> Response:
    """One file. Raises RouteNotFound."""
    file = find(request.path_params["path"])
    headers = {"cache-control": CACHING, "etag": file.tag}
    if file.tag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers={**HEADERS, **headers})
    return squeezed(request, file.body, file.kind, headers, packed=file.packed)


def find(name: str) -> File:
    """Raises RouteNotFound for what is no file of ours."""
    path = (ROOT / name).resolve()
    if not path.is_relative_to(ROOT) or not path.is_file():
        raise RouteNotFound(f"There is nothing at /static/{name}.")
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=512)
def _read(path: Path, changed: int, size: int) -> File:
    """``changed`` and ``size`` are there to read again what was edited."""
    body = path.read_bytes()
    kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(body, gzip.compress(body, 9, mtime=0), kind, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
