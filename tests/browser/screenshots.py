"""``python -m tests.browser.screenshots DIRECTORY``: every page as a picture, light, dark and at a phone's width.

Those that the docs show are kept in docs/screenshots; ``--docs`` makes just these.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import click
import httpx
import playwright.sync_api
from tests.browser.chromium import launched, sign_in
from tests.journeys.server import MODEL, serve

PAGES = {
    "catalogue": "/",
    "playground": f"/{MODEL}",
    "api": f"/{MODEL}/api",
    "fields": f"/{MODEL}/fields",
    "input": f"/{MODEL}/schema/input",
    "streaming": f"/{MODEL}/schema/streaming",
    "usage": f"/{MODEL}/usage",
    "qwq": "/Qwen/QwQ-32B-Preview",
    "qwq-api": "/Qwen/QwQ-32B-Preview/api",
    "signin": "/signin",
    "missing": "/nobody/nothing",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}
DOCS = (
    ("catalogue", "light"),
    ("playground", "light"),
    ("playground", "dark"),
    ("playground", "phone"),
    ("api", "light"),
    ("api", "phone"),
    ("fields", "light"),
    ("input", "dark"),
    ("usage", "light"),
    ("usage", "dark"),
    ("qwq", "light"),
    ("qwq", "phone"),
)


def used(url: str, headers: dict[str, str]) -> None:
    """Some requests, so that the Usage tab has something to draw."""
    for a in range(11, 90, 7):
        body = {"model": MODEL, "messages": [{"role": "user", "content": f"What is {a} + 9?"}], "max_tokens": a}
        httpx.post(f"{url}/v1/chat/completions", headers=headers, json=body, timeout=60).raise_for_status()


def talked(page: Any) -> None:
    """A question and its whole answer in the Playground; where there is room for the controls, at temperature 0."""
    control = page.locator('[data-field="temperature"]').get_by_label("temperature", exact=True)
    if control.is_visible():
        control.fill("0")
    page.get_by_label("Message", exact=True).fill("What is 46 + 27?" if control.is_visible() else "Who are you?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Retry").wait_for()
    page.wait_for_timeout(1500)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--docs", is_flag=True, help="Only those that the docs show.")
@click.option("--full", is_flag=True, help="The whole page, not the first screen.")
@click.option("--only", default="", help="Only pages whose name has this in it.")
def main(directory: Path, docs: bool, full: bool, only: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as served, launched(playwright.sync_api) as browser:
        used(served.url, served.headers)
        state = browser.new_context()
        sign_in(state.new_page(), re.findall(r"http\S+/signin#link=\S+", served.output)[0])
        for look, options in LOOKS.items():
            context = browser.new_context(**options, storage_state=state.storage_state(), reduced_motion="reduce")
            for name, path in PAGES.items():
                if only not in name or (docs and (name, look) not in DOCS):
                    continue
                page = context.new_page()
                page.goto(served.url + path)
                page.wait_for_load_state("networkidle")
                if name == "playground":
                    talked(page)
                page.screenshot(path=directory / f"{name}-{look}.png", full_page=full)
                page.close()


if __name__ == "__main__":
    main()
