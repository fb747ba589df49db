"""A conversation in the Playground, with the shipped model: asked, stopped, edited, asked again, kept over a reload."""

import json
from typing import Any

from browser.playing import Playing, events
from journeys.server import Served

LONG = "What is 345 + 278?"


def test_an_answer_streams_and_is_right(play: Playing) -> None:
    play.field("temperature").fill("0")
    with play.slowly():
        play.send("What is 37 + 58?")
        play.expect(play.page.locator(".pg-answer[aria-busy=true] .pg-prose")).not_to_be_empty()
        play.expect(play.page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
        answer = play.ended(1)
    formula = answer.locator("math")
    play.expect(formula).to_have_text("95")
    play.expect(answer.locator("strong", has_text="Final Answer")).to_be_visible()
    assert "\\boxed" not in answer.inner_text()
    play.expect(play.box).to_be_focused()
    play.expect(play.box).to_have_value("")


def test_the_numbers_are_the_servers(play: Playing) -> None:
    answer = play.ask("Hello!")
    _, head, raw = play.raw()
    chunks = events(raw)
    usage = chunks[-1]["usage"]
    assert play.fact("tokens") == str(usage["completion_tokens"])
    assert play.fact("prompt").split()[0] == str(usage["prompt_tokens"])
    assert round(float(play.fact("cost").removeprefix("$")) * 1e9) == round(usage["estimated_cost"] * 1e9)
    assert f"x-reckon-seed: {play.fact('seed')}" in head
    assert play.fact("speed").endswith("tokens/s") and play.fact("first token").endswith("s")
    assert all("usage" in chunk for chunk in chunks)  # what makes the numbers live
    first = play.page.locator(".pg-total").inner_text()
    assert first.split()[0] == str(usage["total_tokens"])
    play.ask("Who are you?")
    again = events(play.raw()[2])[-1]["usage"]
    total, cost = play.page.locator(".pg-total").inner_text().split(" tokens · $")
    assert int(total.replace(",", "")) == usage["total_tokens"] + again["total_tokens"]
    assert round(float(cost) * 1e9) == round(usage["estimated_cost"] * 1e9) + round(again["estimated_cost"] * 1e9)
    assert answer.get_attribute("aria-busy") == "false"


def test_the_numbers_move_while_the_answer_comes(play: Playing) -> None:
    play.field("ignore_eos").check()
    play.field("max_tokens").fill("400")
    with play.slowly():
        play.send(LONG)
        tokens = play.last.locator('[data-fact="tokens"] dd')
        play.expect(tokens).not_to_have_text("–")
        seen = set()
        for _ in range(20):
            seen.add(int(tokens.inner_text().replace(",", "")))
            play.page.wait_for_timeout(50)
        assert len(seen) > 2
        play.page.keyboard.press("Escape")
        play.ended(1)


def test_stopped_in_the_middle_keeps_what_came_and_goes_on(play: Playing) -> None:
    play.field("ignore_eos").check()
    play.field("max_tokens").fill("1500")
    with play.slowly():
        play.send(LONG)
        play.expect(play.last.locator(".pg-prose")).to_contain_text("345 + 278")
        play.page.get_by_role("button", name="Stop", exact=True).click()
        answer = play.ended(1)
    play.expect(answer.get_by_text("Stopped. What had come is kept.")).to_be_visible()
    kept = answer.locator(".pg-prose").inner_text()
    assert "345 + 278" in kept and 0 < int(play.fact("tokens").replace(",", "")) < 1500
    play.field("ignore_eos").uncheck()
    play.field("max_tokens").fill("8")
    play.act("Go on")
    answer = play.ended(1)
    play.expect(answer.locator(".pg-branch")).to_contain_text("2/2")
    sent = play.sent()
    assert sent["continue_final_message"] is True and sent["messages"][-1]["role"] == "assistant"
    assert answer.locator(".pg-prose").inner_text().startswith(kept[:40])
    assert 0 < int(play.fact("tokens")) <= 8


def test_a_cut_answer_says_so(play: Playing) -> None:
    play.field("max_tokens").fill("3")
    answer = play.ask(LONG)
    play.expect(answer.get_by_text("Cut off at the limit of tokens.")).to_be_visible()
    play.expect(answer.get_by_role("button", name="Go on")).to_be_visible()


def test_two_answers_side_by_side_and_one_goes_on(play: Playing) -> None:
    play.field("n").fill("2")
    play.field("seed").fill("11")
    answer = play.ask("What is 12 + 30?")
    choices = answer.locator(".pg-choice")
    play.expect(choices).to_have_count(2)
    left, right = (choices.nth(index).bounding_box() for index in range(2))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    texts = [choices.nth(index).locator(".pg-prose").text_content() for index in range(2)]
    assert all(texts) and texts[0] != texts[1]
    pieces = [choice for chunk in events(play.raw()[2]) for choice in chunk["choices"]]
    second = "".join(piece["delta"].get("content", "") for piece in pieces if piece["index"] == 1)
    answer.get_by_role("radio", name="Answer 2").check()
    play.field("n").fill("")
    play.ask("Hello!")
    assert play.sent()["messages"][1] == {"role": "assistant", "content": second}


def test_the_same_seed_gives_the_same_bytes(play: Playing) -> None:
    play.field("max_tokens").fill("24")
    play.ask("What is 61 + 17?")
    first = play.raw()
    seed = play.fact("seed")
    assert "seed" not in json.loads(first[0])
    play.act("Same seed")
    answer = play.ended(1)
    play.expect(answer.get_by_text("The same answer again, byte for byte.")).to_be_visible()
    again = play.raw()
    assert f'"seed":{seed}' in again[0]
    contents = [[chunk["choices"][0]["delta"].get("content") for chunk in events(raw)] for _, _, raw in (first, again)]
    assert "".join(filter(None, contents[0])) == "".join(filter(None, contents[1]))
    play.act("Retry")
    play.expect(play.ended(1).locator(".pg-branch")).to_contain_text("3/3")
    assert play.fact("seed") != seed
    play.expect(play.page.get_by_role("button", name="Send", exact=True)).to_be_focused()  # not lost with the old answer
    play.act("Earlier version")
    play.expect(play.last.locator(".pg-branch")).to_contain_text("2/3")
    play.expect(play.last.get_by_role("button", name="Earlier version")).to_be_focused()
    assert play.fact("seed") == seed


def test_a_message_edited_is_sent_again_and_the_old_branch_stays(play: Playing) -> None:
    play.field("max_tokens").fill("8")
    play.ask("Hello!")
    play.ask("Who are you?")
    before = play.texts
    message = play.page.locator(".pg-user").first
    message.get_by_role("button", name="Edit").click()
    box = message.get_by_label("Your message, to be edited")
    play.expect(box).to_be_focused()
    box.fill("What is 3 + 4?")
    box.press("Enter")
    play.ended(1)
    assert play.texts[0] == "What is 3 + 4?" and len(play.texts) == 2
    assert play.sent()["messages"] == [{"role": "user", "content": "What is 3 + 4?"}]
    play.page.locator(".pg-user").first.get_by_role("button", name="Earlier version").click()
    play.expect(play.answers).to_have_count(2)
    play.expect(play.page.locator(".pg-user").first).to_contain_text("Hello!")
    assert play.texts == before


def test_the_system_message_is_sent(play: Playing) -> None:
    play.page.get_by_label("System message").fill("Be brief.")
    play.ask("Hello!")
    assert play.sent()["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]


def test_a_reload_keeps_everything_but_the_key(play: Playing, served: Served) -> None:
    play.field("temperature").fill("0.4")
    play.field("max_tokens").fill("24")
    play.page.get_by_label("System message").fill("Be brief.")
    play.ask("What is 2 + 2?")
    play.box.fill("a draft")
    before = (play.texts, play.fact("seed"), play.fact("cost"), play.raw())
    play.page.wait_for_timeout(700)  # what is typed is stored half a second later
    play.reload()
    assert (play.texts, play.fact("seed"), play.fact("cost"), play.raw()) == before
    play.expect(play.box).to_have_value("a draft")
    play.expect(play.field("temperature")).to_have_value("0.4")
    play.expect(play.page.get_by_label("System message")).to_have_value("Be brief.")
    kept = play.page.evaluate(STORED)
    assert "What is 2 + 2?" in kept
    assert served.key not in kept and play.page.evaluate("document.cookie") == ""


STORED = """async () => {
  const opened = indexedDB.open("reckon-playground");
  const database = await new Promise((done) => (opened.onsuccess = () => done(opened.result)));
  const asked = database.transaction("conversations").objectStore("conversations").getAll();
  const all = await new Promise((done) => (asked.onsuccess = () => done(asked.result)));
  const text = JSON.stringify(all, (_, value) => (typeof value === "bigint" ? String(value) : value));
  return text + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage });
}"""


def test_a_reload_in_mid_answer_keeps_what_had_come(play: Playing) -> None:
    play.field("ignore_eos").check()
    play.field("max_tokens").fill("1500")
    with play.slowly():
        play.send(LONG)
        play.expect(play.last.locator(".pg-prose")).to_contain_text("345 + 278")
        play.page.wait_for_timeout(1700)  # what grows is stored every 1.5 s
        play.page.reload(wait_until="commit")
    play.ready()
    play.expect(play.last.get_by_text("The page was left while the answer was coming.")).to_be_visible()
    assert "345 + 278" in play.texts[1]


def test_conversations_are_listed_opened_and_removed(play: Playing) -> None:
    play.ask("Hello!")
    play.page.get_by_role("button", name="New conversation").click()
    play.expect(play.answers).to_have_count(0)
    play.expect(play.box).to_be_focused()
    play.ask("Who are you?")
    menu = play.page.locator(".pg-history")
    menu.locator("summary").click()
    play.expect(menu.locator(".pg-pick")).to_have_count(2)
    menu.get_by_role("button", name="Hello!").first.click()
    play.expect(play.page.locator(".pg-said")).to_have_text("Hello!")
    menu.locator("summary").click()
    menu.get_by_role("button", name="Remove the conversation: Hello!").click()
    play.expect(play.page.locator(".pg-said")).to_have_text("Who are you?")
    play.expect(menu.locator("summary")).to_have_text("Conversations (1)")


def test_finished_blocks_are_never_made_again(play: Playing) -> None:
    """The first paragraph is the same element, untouched, until the end."""
    play.field("temperature").fill("0")
    play.field("ignore_eos").check()
    play.field("max_tokens").fill("280")
    play.send(LONG)
    play.expect(play.last.locator(".pg-prose > *").nth(1)).to_be_visible()
    play.page.evaluate("document.querySelector('.pg-answer .pg-prose > *').marked = true")
    play.ended(1)
    assert play.page.evaluate("document.querySelector('.pg-answer .pg-prose > *').marked") is True


def test_an_answer_that_is_not_streamed(play: Playing) -> None:
    play.field("stream").uncheck()
    answer = play.ask("Hello!")
    sent = play.sent()
    assert "stream" not in sent and "stream_options" not in sent
    whole: Any = json.loads(play.raw()[2])
    assert answer.locator(".pg-prose").inner_text() == whole["choices"][0]["message"]["content"].strip()
    assert play.fact("tokens") == str(whole["usage"]["completion_tokens"])
