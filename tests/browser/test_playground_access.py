"""The Playground for everybody: by keyboard alone, with a screen reader, on a phone, in the dark, signed in or not."""

from collections.abc import Callable
from typing import Any

import pytest

from browser.playing import Playing

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
TABS = 40
FOCUSED = """() => {
  const at = document.activeElement;
  return at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent;
}"""


@pytest.fixture
def visit(browse: Callable[..., Any], playwright_api: Any) -> Callable[..., Playing]:
    """A first visit in a context with these options, not signed in unless they say so."""
    return lambda **options: Playing(browse(**options), playwright_api.expect)


def tab_to(play: Playing, name: str) -> None:
    """Presses Tab until the element of that name has the focus."""
    for _ in range(TABS):
        play.page.keyboard.press("Tab")
        if play.page.evaluate(FOCUSED).strip() == name:
            return
    raise AssertionError(f"{name} was not reached with {TABS} tabs")


def test_a_whole_journey_by_keyboard(play: Playing) -> None:
    keyboard = play.page.keyboard
    tab_to(play, "Message")
    keyboard.type("What is 3 + 4?")
    keyboard.press("Shift+Enter")
    keyboard.type("Please.")
    keyboard.press("Enter")
    play.ended(1)
    play.expect(play.page.locator(".pg-said")).to_have_text("What is 3 + 4?\nPlease.")
    play.expect(play.box).to_be_focused()
    keyboard.type("Who are you?")
    keyboard.press("Enter")
    keyboard.press("Escape")
    play.ended(2)
    play.page.locator(".pg-who").first.evaluate("(element) => { element.tabIndex = -1; element.focus(); }")
    tab_to(play, "Edit")
    keyboard.press("Enter")
    play.expect(play.page.get_by_label("Your message, to be edited")).to_be_focused()
    keyboard.press("Escape")
    tab_to(play, "Raw")
    keyboard.press("Enter")
    play.expect(play.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    play.expect(play.page.get_by_role("dialog")).to_be_hidden()
    assert play.page.evaluate("document.activeElement.textContent") == "Raw"
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Enter")  # Retry, of the first answer
    play.expect(play.page.locator(".pg-branch")).to_contain_text("2/2")
    play.ended(1)


def test_escape_stops(play: Playing) -> None:
    play.field("ignore_eos").check()
    play.field("max_tokens").fill("1500")
    with play.slowly():
        play.send("What is 345 + 278?")
        play.expect(play.last.locator(".pg-prose")).not_to_be_empty()
        play.page.keyboard.press("Escape")
        play.ended(1)
    play.expect(play.last.get_by_text("Stopped.")).to_be_visible()


def test_a_screen_reader_hears_the_answer_once(play: Playing) -> None:
    play.page.evaluate(
        """() => {
          window.heard = [];
          const said = document.getElementById("spoken");
          new MutationObserver(() => said.textContent && heard.push(said.textContent)).observe(said, { childList: true });
        }"""
    )
    play.field("temperature").fill("0")
    play.ask("What is 37 + 58?")
    play.expect(play.page.locator("#spoken")).to_contain_text("95")
    heard = play.page.evaluate("heard")
    assert len(heard) == 1 and heard[0].startswith("Answer: ")
    assert play.page.locator(".pg-thread [aria-live]").count() == 0


def test_who_has_not_signed_in_sees_everything_and_is_led_to_sign_in(visit: Callable[..., Playing]) -> None:
    play = visit().open()
    play.expect(play.field("temperature")).to_be_enabled()
    play.send("What is 1 + 1?")
    link = play.page.locator(".pg-notice").get_by_role("link", name="Sign in")
    play.expect(link).to_be_focused()
    play.expect(play.answers).to_have_count(0)
    play.page.wait_for_timeout(700)
    link.press("Enter")
    play.page.wait_for_url("**/signin?next=/reckon/abacus")
    play.page.go_back()
    play.ready()
    play.expect(play.box).to_have_value("What is 1 + 1?")


def test_a_model_that_does_not_run_shows_its_form_and_why(visit: Callable[..., Playing]) -> None:
    play = visit()
    play.model = "Qwen/QwQ-32B-Preview"
    play.open()
    play.expect(play.page.locator(".pg-empty")).to_contain_text("This server was started without it.")
    play.expect(play.box).to_be_disabled()
    play.expect(play.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    enabled = play.page.locator(".pg-panel :is(input, select, textarea):enabled")
    assert enabled.count() == 0 and play.page.locator(".pg-panel :is(input, select, textarea)").count() > 30


def test_a_phone_has_the_settings_in_a_drawer(visit: Callable[..., Playing], state: Any) -> None:
    play = visit(storage_state=state, **PHONE).open()
    play.page.get_by_role("button", name="Settings").click()
    drawer = play.page.get_by_role("dialog", name="Settings")
    drawer.get_by_label("temperature", exact=True).fill("9")
    play.page.keyboard.press("Escape")
    play.expect(drawer).to_be_hidden()
    answer = play.ask("Hello!")
    play.act("Go to temperature", answer)
    play.expect(drawer.get_by_label("temperature", exact=True)).to_be_focused()
    play.expect(drawer).to_contain_text("temperature must be a number with 0 ≤ temperature ≤ 2, not 9.")
    drawer.get_by_label("temperature", exact=True).fill("0")
    drawer.get_by_label("n", exact=True).fill("2")
    drawer.get_by_role("button", name="Done").click()
    play.ask("What is 37 + 58?")
    assert play.page.evaluate("document.documentElement.scrollWidth") <= 360
    first, second = (play.last.locator(".pg-choice").nth(index).bounding_box() for index in range(2))
    assert first["x"] == second["x"] and first["y"] < second["y"]
    play.allow("status of 422")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing_serious(visit: Callable[..., Playing], state: Any, axe: str, look: str) -> None:
    options = PHONE if look == "phone" else {"color_scheme": look}
    play = visit(storage_state=state, **options).open()
    assert serious(play, axe) == []
    if look != "phone":
        for group in play.page.locator("details.pg-group").all()[1:]:
            group.locator("summary").click()
        play.page.locator('[data-field="tools"]').get_by_role("button", name="Insert an example").click()
        play.field("n").fill("2")
        play.field("temperature").fill("3")
        play.ask("Hello!")
        play.field("temperature").fill("1")
        play.field("logprobs").check()
    play.ask("What is 37 + 58?")
    assert serious(play, axe) == []
    play.act("Raw")
    assert serious(play, axe) == []
    if look != "phone":
        play.allow("status of 422")


def serious(play: Playing, axe: str) -> list[str]:
    """What axe finds on the page as it is, by rule and place."""
    play.page.evaluate(axe)
    found = play.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in grave for node in rule["nodes"]]
