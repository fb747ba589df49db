"""Keeps answered requests as files that ``reckon replay`` reads, for a server that was started with ``--record``.

Stands around the application and sees what goes in and out; knows no chat. Keys and cookies are in no recording, but all
that was said is.
"""

import asyncio
import logging
import os
import zlib
from pathlib import Path

import msgspec
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from reckon.api.app import App
from reckon.api.asking.body import GZIP
from reckon.api.spec import CHAT, MESSAGES, TEXT
from reckon.errors import BadSetting
from reckon.replay.recording import KEPT, Asked, Recording, encoded

log = logging.getLogger("reckon.api")

OWNER_ONLY, OWNER_ONLY_DIRECTORY = 0o600, 0o700


class Recorder:
    """The application; each answer that was whole and had status 200 becomes a file of a ``writable`` directory, named by its
    request's id.
    """

    def __init__(self, app: App, directory: Path) -> None:
        self._app = app
        self._directory = directory
        self._paths = {entry.path for entry in app.entries if entry.about in (CHAT, TEXT, MESSAGES)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        tape = Tape(scope, receive, send)
        await self._app(scope, tape.receive, tape.send)
        if tape.whole:
            await asyncio.to_thread(self._keep, tape)

    def _keep(self, tape: "Tape") -> None:
        """The client has its answer: whatever is in the way here is for the log."""
        try:
            recording = tape.recording()
            path = self._directory / f"{recording.header('x-request-id')}.json"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
                file.write(encoded(recording))
        except Exception:
            log.exception("an answer could not be recorded")


def writable(directory: Path) -> Path:
    """The directory, made if it was not there. Raises BadSetting when it cannot be made or written to."""
    try:
        directory.mkdir(OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"record: {directory} cannot be made: {error.strerror}") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise BadSetting(f"record: {directory} cannot be written to")
    return directory


class Tape:
    """One request and its answer, as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.whole = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._asked = bytearray()
        self._answer = bytearray()
        self._headers = Headers()
        self._status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._asked += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], Headers(raw=message["headers"])
        else:
            self._answer += message.get("body", b"")
            self.whole = self._status == 200 and not message.get("more_body", False)

    def recording(self) -> Recording:
        zipped = Headers(scope=self._scope).get("content-encoding", "identity") != "identity"
        # The application has inflated it already, within its limit.
        asked = zlib.decompress(self._asked, GZIP) if zipped else self._asked
        streamed = self._headers["content-type"].startswith("text/event-stream")
        return Recording(
            Asked(self._scope["path"], msgspec.json.decode(asked)),
            self._answer.decode() if streamed else msgspec.json.decode(self._answer),
            {name: self._headers[name] for name in KEPT},
        )
