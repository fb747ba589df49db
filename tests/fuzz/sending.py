"""Writes an attack to a socket and reads what comes back. Judges answers by what holds for all of them; knows no server."""

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

import httptools
from tests.fuzz.attack import KEY, Attack

AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""
MAX_BODY = 8_000_000
"""Bytes, the default of the setting."""
PARSERS = b"Invalid HTTP request received."
"""What uvicorn says, in plain text, to what is not HTTP."""


@dataclass
class Answer:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False


class Answers:
    """All answers of a connection, as httptools calls back."""

    def __init__(self) -> None:
        self.all: list[Answer] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.all.append(Answer())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.all[-1].headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.all[-1].status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.all[-1].body += body

    def on_message_complete(self) -> None:
        self.all[-1].complete = True


@dataclass
class Outcome:
    """``fault`` says what must not be; empty when all is well."""

    statuses: list[int]
    fault: str = ""


async def send(attack: Attack, host: str, port: int, key: bytes, release: asyncio.Event) -> Outcome:
    reader, writer = await asyncio.open_connection(host, port)
    answers, ended = Answers(), "the time was over"
    try:
        with suppress(ConnectionError):
            await _write(attack, writer, key)
        if attack.vanish:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            return Outcome([])
        if attack.hold:
            await release.wait()
            return Outcome([])
        with suppress(TimeoutError):
            async with asyncio.timeout(attack.patience):
                ended = await _read(reader, answers)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return judged(attack, answers.all, ended)


async def _write(attack: Attack, writer: asyncio.StreamWriter, key: bytes) -> None:
    for number, part in enumerate(attack.parts):
        if number:
            await asyncio.sleep(attack.pause)
        writer.write(part.replace(KEY, key))
        await writer.drain()
    if attack.half_close:
        writer.write_eof()


async def _read(reader: asyncio.StreamReader, answers: Answers) -> str:
    """Until the server closes; why it ended."""
    try:
        while data := await reader.read(65536):
            answers.feed(data)
    except ConnectionError:
        return "the connection was reset"
    except httptools.HttpParserError as error:
        return f"the answer is not HTTP: {error}"
    return "the connection was closed"


def judged(attack: Attack, answers: list[Answer], ended: str) -> Outcome:
    faults = [fault for answer in answers if (fault := fault_of(answer, whole=bool(attack.expects)))]
    answered = [answer for answer in answers if answer.status >= 200]
    if attack.expects and len(answered) != attack.expects and not _refused_early(answered, attack):
        faults.append(f"{len(answered)} answers to {attack.expects} requests, then {ended}")
    if "not HTTP" in ended and attack.expects:
        faults.append(ended)
    return Outcome([answer.status for answer in answered], "; ".join(faults))


def _refused_early(answered: list[Answer], attack: Attack) -> bool:
    """A body over the limit is refused before it is read, and a reset may overtake the refusal."""
    return attack.kind != "pipelined" and len(attack.raw) > MAX_BODY and all(answer.status == 413 for answer in answered)


def fault_of(answer: Answer, *, whole: bool = True) -> str:
    """What must not be in an answer, wherever it came from; ``whole`` ones must have ended."""
    if answer.status >= 500:
        return f"status {answer.status}: {answer.body[:300]!r}"
    if answer.status >= 400 and answer.complete and not _envelope(answer) and answer.headers.get(b"content-length") != b"0":
        return f"status {answer.status} without an envelope: {answer.body[:300]!r}"
    if answer.headers.get(b"content-type", b"").startswith(b"text/event-stream"):
        if b'\ndata: {"error"' in b"\n" + answer.body and b'"code":"invalid_grammar"' not in answer.body:
            return f"an error in a stream: {answer.body[-300:]!r}"
        if whole and not (answer.complete and answer.body.endswith(b"data: [DONE]\n\n")):
            return f"a stream without an end: {answer.body[-300:]!r}"
    return ""


def _envelope(answer: Answer) -> bool:
    if answer.body == PARSERS or (not answer.body and answer.complete):
        return True
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, TypeError, KeyError):
        return False
    return set(error) == {"message", "type", "param", "code"} and bool(error["message"])
