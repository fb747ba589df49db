"""A request's body as it comes over HTTP: declared as JSON, perhaps gzipped, never longer than the limit. Reads no JSON.

``chat.py`` and ``completions.py`` call ``read``; that the body as it travels keeps the limit is ``app.py``'s matter.
"""

import zlib

from starlette.requests import Request

from reckon.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType

GZIP = 16 + zlib.MAX_WBITS
"""zlib's word for: with gzip's header and checksum."""


async def read(request: Request, limit: int) -> bytes:
    """The body, inflated if need be. ``limit`` is the most bytes it may have then.

    Raises UnsupportedMediaType, BodyTooLarge, and InvalidRequest for what is not gzip though it says so.
    """
    check_media_type(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return await request.body()
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType(f"content-encoding must be gzip or absent, not {encoding}.")
    return await _inflated(request, limit)


def check_media_type(content_type: str) -> None:
    """Raises UnsupportedMediaType for a body that is not declared as JSON in UTF-8."""
    kind, _, parameters = content_type.lower().replace(" ", "").partition(";")
    if kind != "application/json":
        raise UnsupportedMediaType(f"content-type must be application/json, not {content_type or 'absent'}.")
    if parameters not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise UnsupportedMediaType(f"content-type must be JSON in UTF-8, not {content_type}.")


async def _inflated(request: Request, limit: int) -> bytes:
    """Chunk by chunk, so that a small body that would become a huge one is given up at the limit."""
    inflate = zlib.decompressobj(GZIP)
    body = bytearray()
    async for chunk in request.stream():
        if inflate.eof and chunk:
            raise InvalidRequest("The body goes on after the end of its gzip.")
        try:
            body += inflate.decompress(chunk, limit - len(body) + 1)
        except zlib.error as error:
            raise InvalidRequest(f"The body is not valid gzip: {error}.") from None
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes when it is inflated, the limit of this server.")
        if inflate.unused_data:
            raise InvalidRequest("The body goes on after the end of its gzip.")
    if not inflate.eof:
        raise InvalidRequest("The body's gzip is not complete.")
    return bytes(body)
