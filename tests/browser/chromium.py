"""Debian's Chromium, driven by Playwright: started once, quiet towards the network, and watched for what pages must not do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched(playwright: Any) -> Iterator[Any]:
    """A headless browser; ``playwright`` is playwright.sync_api."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """What a context's pages did that they must not: requests to other hosts, errors, and messages of the policy."""

    def __init__(self, context: Any, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self.requests: list[Any] = []
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))

    def _request(self, request: Any) -> None:
        self.requests.append(request)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"foreign request: {request.url}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type} on the console: {message.text}")


def sign_in(page: Any, link: str) -> None:
    """By the link that the server printed; returns when the catalogue is there."""
    page.goto(link)
    page.get_by_role("button", name="Sign out").wait_for()
