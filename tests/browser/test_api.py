"""The API tab: every example is what its copy button gives, runs as it is, and answers in the shape that the page shows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journeys.server import MODEL, Served
from tools import need

NAMES = ("simple", "conversation", "streaming")
QWQ = "Qwen/QwQ-32B-Preview"


@pytest.fixture
def api(browse: Any, state: Any) -> Any:
    page = browse(storage_state=state, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/{MODEL}/api")
    return page


def shape(value: Any) -> Any:
    """Keys and types, of lists those of the first item; numbers are one type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def chunks(text: str) -> list[Any]:
    """Of server-sent events, or of a chunk a line as the Python client prints them."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.strip()]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def outline(text: str, name: str) -> Any:
    if name != "streaming":
        return shape(json.loads(text))
    all_chunks = chunks(text)
    return [shape(all_chunks[0]), shape(all_chunks[1]), shape(all_chunks[-1])]


def copied(page: Any, name: str) -> str:
    button = page.locator(f'[data-sample="{name}"] .code').first.get_by_role("button", name="Copy")
    button.click()
    page.locator(f'[data-sample="{name}"] .code').first.get_by_role("button", name="Copied").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


def run(language: str, text: str, served: Served, directory: Path) -> str:
    """The example in a shell, with nothing but the key in its environment."""
    if language == "curl":
        script = 'curl() { command curl --silent --fail-with-body --no-buffer "$@"; }\n' + text
    else:
        name = {"Python": "example.py", "JavaScript": "example.mjs"}[language]
        (directory / name).write_text(text)
        script = f"{sys.executable if language == 'Python' else 'node'} {directory / name}"
    environment = {"RECKON_KEY": served.key, "PATH": os.environ["PATH"], "NO_PROXY": "*"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_every_example_runs_as_it_is_copied(api: Any, language: str, served: Served, tmp_path: Path) -> None:
    need({"curl": "curl", "Python": "bash", "JavaScript": "node"}[language])
    api.get_by_role("radio", name=language).check()
    for name in NAMES:
        text = copied(api, name)
        assert served.url in text
        assert served.key not in text
        shown = api.locator(f'[data-sample="{name}"] [data-answer]').inner_text()
        assert outline(run(language, text, served, tmp_path), name) == outline(shown, name)
    api.reload()
    assert api.get_by_role("radio", name=language).is_checked()


def test_examples_run_on_the_page(api: Any) -> None:
    for name in NAMES:
        sample = api.locator(f'[data-sample="{name}"]')
        before = sample.locator("[data-answer]").inner_text()
        sample.get_by_role("button", name="Run it now").click()
        sample.get_by_text("Given just now.").wait_for()
        answer = sample.locator("[data-answer]").inner_text()
        assert answer != before
        assert outline(answer, name) == outline(before, name)


def test_the_specifications_page_shows_its_own_requests(browse: Any, state: Any) -> None:
    page = browse(storage_state=state)
    page.goto(f"/{QWQ}/api")
    sample = page.locator('[data-sample="conversation"]')
    assert "Respond like a michelin starred chef." in sample.inner_text()
    body = json.loads(sample.get_attribute("data-body"))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert f"{QWQ} would say something else" in sample.inner_text()
    assert page.get_by_role("button", name="Run it now").count() == 0
