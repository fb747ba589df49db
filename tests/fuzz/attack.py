"""One hostile request as the bytes that are written to a socket, so that a failing one can be kept and sent again.

Knows HTTP's framing only; ``bodies.py`` and ``framing.py`` think of what is hostile, ``sending.py`` sends it.
"""

from dataclasses import dataclass

CHAT = b"/v1/openai/chat/completions"
KEY = b"rk-the-key-of-the-server-goes-here"
"""Stands for the server's key, which the bytes of an attack must not depend on."""
PATIENT = 60.0
"""Seconds after which a complete request that was not answered counts as hung."""
BRIEF = 0.1
"""Seconds to wait for an answer to what is no complete request: there may be one, and there need not."""


@dataclass(frozen=True)
class Attack:
    """``parts`` are written with ``pause`` seconds between them. ``expects`` counts the answers that must come.

    Then ``half_close`` ends our direction only, ``vanish`` resets the connection without reading, and ``hold`` keeps it
    open, silent, until the batch is over.
    """

    kind: str
    parts: tuple[bytes, ...]
    expects: int = 1
    pause: float = 0.0
    half_close: bool = False
    vanish: bool = False
    hold: bool = False

    @property
    def patience(self) -> float:
        return PATIENT if self.expects else BRIEF

    @property
    def raw(self) -> bytes:
        return b"".join(self.parts)


def post(body: bytes, *extra: bytes, close: bool = True, content_type: bytes = b"application/json") -> bytes:
    """A chat request with this body. ``extra`` are whole header lines."""
    lines = [
        b"POST " + CHAT + b" HTTP/1.1",
        b"host: reckon",
        b"authorization: Bearer " + KEY,
        b"content-type: " + content_type,
        b"content-length: " + str(len(body)).encode(),
        *([b"connection: close"] if close else []),
        *extra,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
