"""The tabs in a browser: schemas fold and copy, usage agrees with the ledger, keys alone suffice, phones and colours fit."""

import json
import re
from typing import Any

import httpx
import pytest

from journeys.server import MODEL, Served

QWQ = "Qwen/QwQ-32B-Preview"
ENDS = ("", "/api", "/fields", "/schema/input", "/schema/output", "/schema/streaming", "/usage")
PATHS = ["/", "/signin", "/nobody/nothing", *(f"/{MODEL}{end}" for end in ENDS), f"/{QWQ}", f"/{QWQ}/api"]
SERIOUS = ("serious", "critical")
RULES = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
"""What axe looks for: everything, and in the other colours what depends on colours."""


def visit(page: Any, path: str) -> None:
    """A page that is not there is one too; that the browser reports its status is no fault."""
    page.goto(path)
    page.watch.faults[:] = [fault for fault in page.watch.faults if "404" not in fault]


@pytest.mark.parametrize(("end", "key"), [("input", "schema_in"), ("output", "schema_out"), ("streaming", "schema_stream")])
def test_schema_tabs_are_the_endpoints(browse: Any, served: Served, end: str, key: str) -> None:
    told = httpx.get(f"{served.url}/models/{MODEL}/schema/openai-chat-completions", headers=served.headers).json()[key]
    page = browse(permissions=["clipboard-read", "clipboard-write"])
    visit(page, f"/{MODEL}/schema/{end}")
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == told
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator(".node:not([open])").count() == 0
    assert json.loads(page.locator(".tree").inner_text()) == told
    page.get_by_role("button", name="Fold all", exact=True).click()
    assert page.locator(".node[open]").count() == 1


def test_the_usage_chart_is_the_ledgers(page: Any, served: Served) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 3}
    for _ in range(2):
        httpx.post(f"{served.url}/v1/chat/completions", headers=served.headers, json=body).raise_for_status()
    told = httpx.get(f"{served.url}/v1/usage", headers=served.headers).json()
    visit(page, f"/{MODEL}/usage")
    total = page.locator("#usage-total td").all_inner_texts()
    assert [int(value.replace(",", "")) for value in total[:3]] == [
        told["requests"],
        told["prompt_tokens"],
        told["completion_tokens"],
    ]
    assert float(total[3].removeprefix("$")) == told["cost"]
    titles = page.locator(".bar-1 title").all_text_contents()
    assert sum(int(title.rpartition(": ")[2].replace(",", "")) for title in titles) == told["requests"]
    heights = page.locator(".bar-2").evaluate_all("(bars) => bars.map((bar) => bar.getBoundingClientRect().height)")
    assert all(height > 0 for height in heights)
    assert page.get_by_role("img", name=re.compile(rf"^Requests: {told['requests']} in all")).count() == 1


def test_the_catalogue_is_searched_while_typing(browse: Any) -> None:
    page = browse()
    visit(page, "/")
    entries = page.get_by_role("list", name="Models").get_by_role("listitem")
    assert entries.count() >= 2
    page.get_by_label("Search the models").fill("qwq philosophical")
    assert entries.locator("h2").all_inner_texts() == [QWQ]
    page.get_by_label("Search the models").fill("nothing is called that")
    assert page.get_by_text("No model here is called that.").is_visible()


def test_a_keyboard_is_enough(page: Any) -> None:
    """From the catalogue to a schema's inside, with Tab, Enter, Space and arrows only."""
    visit(page, "/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    reach(page, MODEL)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{MODEL}")
    reach(page, "API")
    page.keyboard.press("Enter")
    page.wait_for_url("**/api")
    reach(page, "curl")
    page.keyboard.press("ArrowRight")
    assert page.locator('[data-language="Python"]').first.is_visible()
    reach(page, "Input Schema", back=True)
    page.keyboard.press("Enter")
    page.wait_for_url("**/schema/input")
    reach(page, '"model": {2 keys')
    assert not page.locator(".node .node").nth(1).evaluate("(node) => node.open")
    page.keyboard.press("Space")
    assert page.locator(".node .node").nth(1).evaluate("(node) => node.open")


def reach(page: Any, name: str, *, back: bool = False) -> None:
    """Tab until what has this name is focused; what is focused on the way can be seen to be."""
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if focused(page) == name:
            assert page.evaluate(OUTLINED), name
            return
    raise AssertionError(f"{name} is not reached by Tab")


OUTLINED = """(() => {
    const outlined = (element) => element && getComputedStyle(element).outlineStyle !== "none";
    const active = document.activeElement;
    return outlined(active) || outlined(active.nextElementSibling) || outlined(active.closest(".entry"));
})()"""


def focused(page: Any) -> str:
    script = """(() => {
        const active = document.activeElement;
        return (active.labels?.[0] ?? active).textContent.trim().replace(/\\s+/g, " ");
    })()"""
    return str(page.evaluate(script))


def test_the_choice_of_colours_is_kept(page: Any) -> None:
    visit(page, "/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != before
    visit(page, f"/{MODEL}/fields")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.get_by_role("button", name="Use light colours").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before


AXE = """(runOnly) => axe.run({runOnly, resultTypes: ["violations"]}).then((result) => result.violations)"""


@pytest.mark.parametrize("path", [*PATHS, *(f"{path} signed out" for path in ("/", f"/{MODEL}", f"/{MODEL}/api"))])
def test_every_page_fits_readers_phones_and_both_colours(browse: Any, state: Any, axe: str, path: str) -> None:
    page = browse(color_scheme="light", **({} if path.endswith("signed out") else {"storage_state": state}))
    visit(page, path.partition(" ")[0])
    page.evaluate(axe)
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        bad = [one for one in page.evaluate(AXE, rules) if one["impact"] in SERIOUS]
        assert [(one["id"], [node["html"][:160] for node in one["nodes"][:4]]) for one in bad] == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_no_file_is_loaded_that_is_not_ours(page: Any, served: Served) -> None:
    """Beyond what each test is watched for: the catalogue's requests are the page, its files and nothing else."""
    visit(page, "/")
    paths = {request.url.removeprefix(served.url) for request in page.watch.requests}
    assert {"/", "/static/reckon.css", "/static/page.js"} <= paths
    assert all(path == "/" or path.startswith("/static/") or path.endswith("/cover.svg") for path in paths)
