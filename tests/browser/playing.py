"""The Playground as a reader has it: types, presses, and reads what is there. Knows the page, not its scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from journeys.server import MODEL

WAIT_MS = 30_000
"""For whatever is expected: the machines of tests are slow and busy."""
SLOW = 30_000
"""Bytes a second: about 90 tokens, so 1,500 of them last a quarter of a minute however fast the machine is."""
FORGET = """() => new Promise((done, failed) => {
  sessionStorage.clear();
  const asked = indexedDB.deleteDatabase("reckon-playground");
  asked.onsuccess = done;
  asked.onerror = asked.onblocked = failed;
})"""


class Playing:
    """The Playground of ``model`` in ``page``, which is Playwright's with a ``watch``; ``expect`` is Playwright's too."""

    def __init__(self, page: Any, expect: Any, model: str = MODEL) -> None:
        self.page = page
        self.expect = expect
        expect.set_options(timeout=WAIT_MS)
        self.model = model

    def allow(self, *expected: str) -> None:
        """The page did what it must not, but was made to: these parts of messages are expected, each at least once."""
        faults = self.page.watch.faults
        for part in expected:
            assert any(part in fault for fault in faults), f"{part} is not in {faults}"
        faults[:] = [fault for fault in faults if not any(part in fault for part in expected)]

    def forget(self) -> "Playing":
        """Leaves the page, and everything that it has stored."""
        self.page.unroute_all()
        self.page.goto("/signin")
        self.page.evaluate(FORGET)
        return self

    def open(self) -> "Playing":
        self.page.goto(f"/{self.model}")
        return self.ready()

    def reload(self) -> "Playing":
        self.page.reload()
        return self.ready()

    def ready(self) -> "Playing":
        self.expect(self.page.locator("html")).to_have_attribute("data-playground", "ready")
        return self

    @property
    def box(self) -> Any:
        return self.page.get_by_label("Message", exact=True)

    @property
    def answers(self) -> Any:
        return self.page.locator(".pg-answer")

    @property
    def last(self) -> Any:
        return self.answers.last

    @property
    def texts(self) -> list[str]:
        """What the user said and the models answered, in order, without the numbers and the buttons."""
        return list(self.page.locator(".pg-said, .pg-choice .pg-prose").all_inner_texts())

    def send(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def ask(self, text: str) -> Any:
        """Sends and waits for the answer's end; returns its element."""
        before = self.answers.count()
        self.send(text)
        return self.ended(before + 1)

    def ended(self, count: int) -> Any:
        self.expect(self.page.locator(".pg-answer[aria-busy=false]")).to_have_count(count)
        self.expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        return self.last

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """What the page reads comes at ``SLOW`` meanwhile, so a test can be in the middle of an answer."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        limits = {"offline": False, "latency": 0, "uploadThroughput": -1}
        session.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": SLOW})
        try:
            yield
        finally:
            session.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": -1})
            session.detach()

    def act(self, name: str, answer: Any = None) -> None:
        """Presses a button under an answer, the last by default."""
        (answer or self.last).get_by_role("button", name=name, exact=True).click()

    def field(self, name: str) -> Any:
        """A control's main element, in its group, which is unfolded."""
        control = self.page.locator(f'[data-field="{name}"]')
        group = control.locator("xpath=ancestor::details")
        if group.get_attribute("open") is None:
            group.locator("summary").click()
        return control.get_by_label(name, exact=True)

    def fault(self, name: str) -> str:
        """What is said to be wrong with a field; empty for nothing."""
        return str(self.page.locator(f"#pg-{name}-fault").inner_text())

    def fact(self, name: str, answer: Any = None) -> str:
        return str((answer or self.last).locator(f'[data-fact="{name}"] dd').inner_text())

    def raw(self, answer: Any = None) -> tuple[str, str, str]:
        """The request's body, the status with headers, and what came back, as the dialog shows them."""
        self.act("Raw", answer)
        dialog = self.page.get_by_role("dialog")
        shown = (
            dialog.locator(".pg-wire-body").text_content(),
            dialog.get_by_label("Status and headers of the answer").text_content(),
            dialog.get_by_label("Answer", exact=True).text_content(),
        )
        self.page.keyboard.press("Escape")
        self.expect(dialog).to_be_hidden()
        return shown

    def sent(self, answer: Any = None) -> dict[str, Any]:
        """The body of an answer's request."""
        body: dict[str, Any] = json.loads(self.raw(answer)[0])
        return body


def events(raw: str) -> list[dict[str, Any]]:
    """The chunks of a stream, which must end with [DONE]."""
    data = [line.removeprefix("data: ") for line in raw.splitlines() if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    return [json.loads(item) for item in data]


def stream(*chunks: dict[str, Any], done: bool = True) -> str:
    """Events as a server sends them."""
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + ("data: [DONE]\n\n" if done else "")


def piece(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
