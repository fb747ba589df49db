"""A recorded exchange, as a value and as a file: the request, the answer it got, the answer's headers. Asks nobody.

``reckon serve --record`` writes them (``api/recording.py``), ``reckon replay`` reads them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from reckon.errors import BadSetting

SEED = "x-reckon-seed"
FINGERPRINT = "x-reckon-fingerprint"
KEPT = ("x-request-id", SEED, FINGERPRINT)
"""Headers that a recording is better with. Keys and cookies are never in one."""


class Asked(msgspec.Struct, frozen=True):
    """``body`` is the JSON that was posted to ``path``."""

    path: str
    body: dict[str, Any]


class Recording(msgspec.Struct, frozen=True):
    """``response`` is a JSON answer, the text of a stream as it came, or the list of a stream's events."""

    request: Asked
    response: dict[str, Any] | str | list[dict[str, Any]]
    headers: dict[str, str] = {}

    def header(self, name: str) -> str:
        """Empty where it was not kept; names in any case."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Placed:
    """A recording and where it stands: its file, with the line where a file has several."""

    place: str
    recording: Recording


def read(path: Path) -> list[Placed]:
    """One JSON object, or one in each line. Raises BadSetting naming the file, the line and what is wrong there."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from None
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadSetting(f"{path} has no recording")
    if len(lines) == 1 or not _is_json(lines[0][1]):
        return [Placed(str(path), _decode(content, str(path)))]
    places = [(f"{path}:{number}", line) for number, line in lines]
    return [Placed(place, _decode(line, place)) for place, line in places]


def encoded(recording: Recording) -> bytes:
    """A line."""
    return msgspec.json.encode(recording) + b"\n"


def _decode(content: bytes, place: str) -> Recording:
    try:
        recording = msgspec.json.decode(content, type=Recording)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{place} is not a recording: {error}") from None
    if not recording.request.path.startswith("/"):
        raise BadSetting(f"{place} is not a recording: request.path must begin with /, not be {recording.request.path!r}")
    return recording


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
