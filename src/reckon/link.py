"""The socket between the API process and a worker: one closed union of messages per direction, and how they are framed.

A frame is a little-endian uint32 length and that many bytes of msgpack. No pickle, no text: prompts and answers are token
ids. The worker end blocks; the API end is asyncio. Every Submit is answered by exactly one Done or Failed.
"""

import asyncio
import select
import socket
import struct
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from reckon.job import Grammar, Sampling, Usage

HEADER = struct.Struct("<I")
MAX_FRAME = 64 << 20
READ_SIZE = 1 << 18

EndReason: TypeAlias = Literal["stop", "length", "abort"]
Score: TypeAlias = tuple[float, list[tuple[int, float]]]
"""A token's log probability, and the likeliest tokens of its place with theirs, best first."""


class Launch(msgspec.Struct, frozen=True):
    """How to start a worker: given on its command line as JSON. Zeros mean: decide yourself."""

    model: str  # checkpoint directory
    device: str
    cache: str  # directory of compiled code
    threads: int
    kv_bytes: int
    context: int
    step_tokens: int
    max_sequences: int
    weights: str = "auto"
    drafts: bool = True
    self_check: bool = False
    log_level: str = "warning"


class Submit(msgspec.Struct, tag="submit", array_like=True, frozen=True):
    """Run one choice. ``generated`` are tokens that an earlier worker gave for the same request: the answer goes on after them.

    ``leader`` names the request whose prompt is the same (choice 0 of the same job): this one waits until that prompt is
    computed, finds it in the prefix cache, and counts no prompt tokens of its own, unless the leader ended without having
    counted them. ``salt`` separates tenants in that cache.
    ``bias`` has each token once. ``logprobs`` is how many alternatives are scored beside each token; -1 scores nothing.
    """

    request: int
    prompt: list[int]
    sampling: Sampling
    max_tokens: int
    stop_tokens: list[int]
    salt: str
    choice: int = 0
    leader: int | None = None
    generated: list[int] = []
    grammar: Grammar | None = None
    bias: list[tuple[int, float]] = []
    logprobs: int = -1


class Abort(msgspec.Struct, tag="abort", array_like=True, frozen=True):
    """Stop a request. ``keep`` is how many of its completion tokens were used (a stop string was found); None means all."""

    request: int
    keep: int | None = None


class Loading(msgspec.Struct, tag="loading", array_like=True, frozen=True):
    """Progress of the start: ``done`` of ``total`` (bytes, functions) in a phase such as "weights" or "compile"."""

    phase: str
    done: int
    total: int


class Ready(msgspec.Struct, tag="ready", array_like=True, frozen=True):
    """The worker takes work now. ``fingerprint`` names weights, engine version and numeric path; ``seconds`` are by phase.

    ``context`` is the longest sequence that fits, ``stop_tokens`` are those at which the model's makers end an answer.
    ``vocab_size`` is the number of the model's logits: token ids are below it. ``repeatable`` is the device's promise.
    """

    device: str
    fingerprint: str
    context: int
    stop_tokens: list[int]
    kv_tokens: int
    kv_bytes: int
    seconds: dict[str, float]
    vocab_size: int
    repeatable: bool


class Counters(msgspec.Struct, array_like=True):
    """Tokens since the worker started. The first three sum up every Done; ``discarded`` were computed past a stop.

    ``drafted`` were guessed, and of these ``accepted`` were right.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    discarded: int = 0
    preemptions: int = 0
    drafted: int = 0
    accepted: int = 0


class Stepped(msgspec.Struct, tag="stepped", array_like=True, frozen=True):
    """One scheduler step is over: the pulse that liveness is judged by."""

    step: int
    running: int
    waiting: int
    used_blocks: int
    counters: Counters


class Tokens(msgspec.Struct, tag="tokens", array_like=True, frozen=True):
    """The next tokens of a request, in order, stop tokens left out. ``scores``, where asked for, has one for each."""

    request: int
    ids: list[int]
    scores: list[Score] | None = None


class Done(msgspec.Struct, tag="done", array_like=True, frozen=True):
    request: int
    reason: EndReason
    usage: Usage


class Failed(msgspec.Struct, tag="failed", array_like=True, frozen=True):
    """This request alone could not be served; ``message`` is for its owner, ``fault`` says whose fault it was.

    A grammar that cannot be followed is its owner's, who pays for what was computed until then; the engine's costs nothing.
    """

    request: int
    message: str
    fault: Literal["engine", "grammar"] = "engine"
    usage: Usage = Usage()


class Broken(msgspec.Struct, tag="broken", array_like=True, frozen=True):
    """The worker cannot start (a model it does not support, too little memory) and is about to exit."""

    message: str


ToWorker: TypeAlias = Submit | Abort
FromWorker: TypeAlias = Loading | Ready | Stepped | Tokens | Done | Failed | Broken


class LinkClosed(Exception):
    """The other end is gone."""


class _Frames:
    """Bytes in, complete frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) - start >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer, start)
            if length > MAX_FRAME:
                raise LinkClosed(f"a frame of {length} bytes is over the limit of {MAX_FRAME}")
            end = start + HEADER.size + length
            if end > len(self._buffer):
                break
            frames.append(bytes(self._buffer[start + HEADER.size : end]))
            start = end
        del self._buffer[:start]
        return frames


def _pack(messages: Iterable[ToWorker | FromWorker], encoder: msgspec.msgpack.Encoder) -> bytes:
    out = bytearray()
    for message in messages:
        body = encoder.encode(message)
        if len(body) > MAX_FRAME:
            raise ValueError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME}")
        out += HEADER.pack(len(body)) + body
    return bytes(out)


class WorkerEnd:
    """The worker's blocking end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames = _Frames()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(ToWorker)
        self._poll = select.poll()  # not select(): the number of an inherited socket may be over 1023
        self._poll.register(sock, select.POLLIN)

    def send(self, messages: Iterable[FromWorker]) -> None:
        """Write all messages in one go. Raises LinkClosed when the API process is gone."""
        try:
            self._sock.sendall(_pack(messages, self._encoder))
        except OSError as error:
            raise LinkClosed(str(error)) from error

    def receive(self, timeout: float | None) -> list[ToWorker]:
        """Everything that has arrived; waits up to ``timeout`` seconds (None: for ever) for the first message."""
        messages: list[ToWorker] = []
        wait = None if timeout is None else timeout * 1000
        while self._poll.poll(0 if messages else wait):
            try:
                data = self._sock.recv(READ_SIZE)
            except OSError as error:
                raise LinkClosed(str(error)) from error
            if not data:
                raise LinkClosed("the API process closed the link")
            messages += [self._decoder.decode(frame) for frame in self._frames.feed(data)]
        return messages


class ApiEnd:
    """The API process's asyncio end. ``send`` never blocks: frames are small and the worker reads between steps."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = _Frames()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromWorker)

    @classmethod
    async def open(cls, sock: socket.socket) -> "ApiEnd":
        sock.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=sock))

    def send(self, *messages: ToWorker) -> None:
        """Queue messages for the worker. Raises LinkClosed when it is gone."""
        if self._writer.is_closing():
            raise LinkClosed("the worker is gone")
        self._writer.write(_pack(messages, self._encoder))

    async def receive(self) -> list[FromWorker]:
        """The next messages, at least one. Raises LinkClosed at the end of the stream."""
        messages: list[FromWorker] = []
        while not messages:
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError as error:
                raise LinkClosed(str(error)) from error
            if not data:
                self._writer.close()  # asyncio would keep its half open, and ``send`` would write to nobody
                raise LinkClosed("the worker closed the link")
            messages = [self._decoder.decode(frame) for frame in self._frames.feed(data)]
        return messages

    def close(self) -> None:
        self._writer.close()
