"""The API with a FakeEngine and a real ledger, in three distances: in process, as bare ASGI, and behind a real server."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from fakes import FakeEngine
from reckon.api.app import App
from reckon.ledger.accounts import Account
from reckon.ledger.db import Ledger
from reckon.ledger.usage import UsageRow, recent

CHAT = "/v1/openai/chat/completions"
TOKEN = "administrators-token"


def chat_body(**fields: Any) -> dict[str, Any]:
    return {"model": "fake/model", "messages": [{"role": "user", "content": "Hello!"}], **fields}


def chunks(text: str) -> list[Any]:
    """The JSON of each frame; the last must be [DONE]."""
    frames = [line for line in text.split("\n\n") if line and not line.startswith(":")]
    assert frames[-1] == "data: [DONE]"
    assert text.endswith("data: [DONE]\n\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


@dataclass
class Desk:
    """Everything behind one app."""

    app: App
    ledger: Ledger
    engine: FakeEngine
    account: Account
    key: str
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def client(self, **options: Any) -> httpx.AsyncClient:
        options.setdefault("headers", self.headers)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://reckon", **options)
        self.clients.append(client)
        return client

    async def chat(self, **fields: Any) -> httpx.Response:
        return await self.client().post(CHAT, json=chat_body(**fields))

    async def metrics(self) -> dict[str, float]:
        """Samples as Prometheus reads them, by name with labels."""
        response = await self.client().get("/metrics", headers={"x-api-key": TOKEN, "authorization": f"Bearer {TOKEN}"})
        lines = [line for line in response.text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def rows(self) -> list[UsageRow]:
        return self.ledger.run_now(recent)


class Call:
    """One request as bare ASGI: shows what was sent, and can leave at any time."""

    def __init__(self, desk: Desk, body: dict[str, Any], path: str = CHAT) -> None:
        self.messages: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.sent = asyncio.Event()
        self._stuck = self._broken = False
        self.watch: Callable[[dict[str, Any]], object] = lambda message: None
        self._desk = desk
        self._body: bytes | None = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {desk.key}".encode())]
        self._scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}

    async def run(self) -> None:
        await self._desk.app(self._scope, self._receive, self._send)

    def stick(self) -> None:
        """Take nothing more, and stay."""
        self._stuck = True

    def break_off(self) -> None:
        """Be gone without a word: only a write finds out."""
        self._broken = True

    @property
    def status(self) -> int | None:
        return self.messages[0]["status"] if self.messages else None

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages[1:]).decode()

    @property
    def ended(self) -> bool:
        return len(self.messages) > 1 and not self.messages[-1].get("more_body", False)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.watch(message)
        if self._stuck:
            await asyncio.sleep(60)
        if self.left.is_set() or self._broken:
            raise OSError("the client is gone")
        self.messages.append(message)
        self.sent.set()


@contextlib.contextmanager
def served(app: App) -> Iterator[str]:
    """A real server on a free port; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
