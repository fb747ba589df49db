"""The application with its pages, a FakeEngine and a real ledger, in process; and what HTML is made of, for tests to read."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from fakes import FakeEngine
from reckon.api.app import App
from reckon.api.browser import COOKIE
from reckon.config import Config
from reckon.ledger.accounts import Account, digest
from reckon.ledger.db import Ledger
from reckon.ledger.sessions import open_session

ORIGIN = "http://reckon.test:8000"
QWQ = "/Qwen/QwQ-32B-Preview"
TABS = ("", "/api", "/fields", "/schema/input", "/schema/output", "/schema/streaming", "/usage")
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"sec-fetch-site": "same-origin", "origin": ORIGIN}
"""What a browser sends with a POST of our own page."""


@dataclass
class Site:
    app: App
    config: Config
    ledger: Ledger
    engine: FakeEngine
    account: Account
    key: str
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, *, signed_in: bool = False, **options: Any) -> httpx.AsyncClient:
        """A browser, with a session of the key if it is ``signed_in``."""
        options.setdefault("headers", BROWSER)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, **options)
        if signed_in:
            client.cookies.set(COOKIE, self.session())
        self.clients.append(client)
        return client

    def session(self) -> str:
        return self.ledger.run_now(lambda db: open_session(db, digest(self.key)))

    async def schema(self) -> Any:
        """What programs are told of the fake model's requests."""
        path, headers = "/models/fake/model/schema/openai-chat-completions", {"authorization": f"Bearer {self.key}"}
        return (await self.client().get(path, headers=headers)).json()

    async def get(self, path: str, *, signed_in: bool = False, **options: Any) -> httpx.Response:
        return await self.client(signed_in=signed_in).get(path, **options)


class Html(HTMLParser):
    """Elements as (tag, attributes), and the text of each script, style and element with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    VOID = frozenset({"meta", "link", "img", "input", "br", "wbr", "hr", "circle", "path", "rect"})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in self.VOID:
            self._open.append((tag, attributes.get("id", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


BLOCKS = frozenset({"p", "li", "dt", "dd", "div", "td", "th", "h1", "h2", "h3", "summary", "figcaption"})


def words(html: str) -> str:
    """What a reader reads: the text without tags, white space made single."""
    parts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

        def handle_endtag(self, tag: str) -> None:
            parts.append(" " if tag in BLOCKS else "")

    Reader().feed(html)
    return " ".join("".join(parts).split())
