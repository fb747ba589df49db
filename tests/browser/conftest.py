"""A real server, a real Chromium and axe-core for the browser's tests; without one of them they skip loudly.

The server lives as long as the session. Playwright's loop would stand in the way of other tests' loops, so the browser lives as
long as a module. A test fails when a page asked another host for something, or when anything was written to its console.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from browser.chromium import Watched, launched, sign_in
from browser.playing import Playing
from journeys.server import Served, serve
from tools import missing, need, need_module

HERE = Path(__file__).parent / "node"
PINNED = json.loads((HERE / "package.json").read_text())["dependencies"]["axe-core"]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``reckon serve`` as a user starts it."""
    with serve(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="session")
def playwright_api() -> Any:
    """playwright.sync_api."""
    need("chromium")
    return need_module("playwright.sync_api", "browser")


@pytest.fixture(scope="module")
def chromium(playwright_api: Any) -> Iterator[Any]:
    with launched(playwright_api) as browser:
        yield browser


@pytest.fixture(scope="session")
def link(served: Served) -> str:
    """The address that the server printed, which signs in once."""
    return str(re.findall(r"http\S+/signin#link=\S+", served.output)[0])


@pytest.fixture(scope="session")
def signed() -> dict[str, Any]:
    """Keeps what the one sign-in by the printed link left in the browser, for all modules."""
    return {}


@pytest.fixture(scope="module")
def state(chromium: Any, link: str, signed: dict[str, Any], served: Served) -> Any:
    """What a browser that is signed in has stored; contexts begin with it."""
    if not signed:
        context = chromium.new_context()
        watch = Watched(context, served.url)
        sign_in(context.new_page(), link)
        signed.update(context.storage_state())
        context.close()
        assert watch.faults == []
    return signed


@pytest.fixture
def browse(chromium: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """A page of a new context with these options and a look at what it must not do. At the end, nothing of that was done.

    ``page.watch`` is the Watched; its faults may be cleared by a test that expects some.
    """
    with ExitStack() as stack:
        watches: list[Watched] = []

        def make(**options: Any) -> Any:
            look = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce", "base_url": served.url}
            context = chromium.new_context(**{**look, **options})
            stack.callback(context.close)
            watches.append(Watched(context, served.url))
            page = context.new_page()
            page.watch = watches[-1]
            return page

        yield make
        assert [fault for watch in watches for fault in watch.faults] == []


@pytest.fixture
def page(browse: Callable[..., Any], state: Any) -> Any:
    """A page that is signed in."""
    return browse(storage_state=state)


@pytest.fixture(scope="module")
def playground(chromium: Any, state: Any, served: Served, playwright_api: Any) -> Iterator[Playing]:
    """One page with the Playground for the tests of a module: a page that was loaded before is loaded again quickly."""
    options = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce", "base_url": served.url}
    context = chromium.new_context(storage_state=state, permissions=["clipboard-read", "clipboard-write"], **options)
    page = context.new_page()
    page.watch = Watched(context, served.url)
    yield Playing(page, playwright_api.expect)
    context.close()


@pytest.fixture
def play(playground: Playing) -> Iterator[Playing]:
    """The Playground as on a first visit, signed in. At the end, nothing was done that must not be."""
    yield playground.forget().open()
    faults = list(playground.page.watch.faults)
    playground.page.watch.faults.clear()
    assert faults == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, pinned in node/package.json and installed there once."""
    need("npm")
    installed = HERE / "node_modules" / "axe-core"
    if not installed.exists() or json.loads((installed / "package.json").read_text())["version"] != PINNED:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
        if done.returncode:
            missing(f"npm could not install axe-core {PINNED}: {done.stderr.strip()[-400:]}")
    return (installed / "axe.min.js").read_text()
