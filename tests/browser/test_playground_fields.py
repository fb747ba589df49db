"""The Playground's controls: all of the table, refusals at the field they name, tools, formats and probabilities."""

import json
from typing import Any

import httpx
import pytest

from browser.playing import Playing
from journeys.server import MODEL, Served

SUM = {"type": "object", "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["sum"]}


@pytest.fixture(scope="module")
def table(served: Served) -> list[dict[str, Any]]:
    """The fields as the server tells them."""
    url = f"{served.url}/models/{MODEL}/schema/openai-chat-completions"
    fields: list[dict[str, Any]] = httpx.get(url, headers=served.headers).raise_for_status().json()["fields_in"]
    return fields


def test_every_field_of_the_table_is_a_control(play: Playing, table: list[dict[str, Any]]) -> None:
    fields = {field["name"]: field for field in table if field["name"] not in ("model", "messages")}
    controls = play.page.locator("[data-field]")
    assert set(controls.evaluate_all("all => all.map((one) => one.dataset.field)")) == set(fields)
    for name, field in fields.items():
        control = play.page.locator(f'[data-field="{name}"]')
        hint = control.locator(f"#pg-{name}-hint").text_content()
        for bound in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
            if field[bound] is not None and field[bound] < 2**53:
                assert f"{field[bound]:g}" in hint.replace("1000000", "1e+06")
        assert ("default" in hint) == (field["default"] is not None)
        assert control.locator(".pg-about").text_content() == field["description"]
    slider = play.page.get_by_label("temperature, slider")
    assert (slider.get_attribute("min"), slider.get_attribute("max"), slider.input_value()) == ("0", "2", "1")


def test_a_form_left_alone_sends_nothing_of_it(play: Playing) -> None:
    play.ask("Hello!")
    assert play.sent() == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello!"}],
        "stream": True,
        "stream_options": {"continuous_usage_stats": True},
    }


def test_what_is_set_is_sent_and_can_be_reset(play: Playing) -> None:
    play.page.get_by_label("top_p, slider").fill("0.5")
    play.field("seed").fill("9223372036854775807")
    play.field("stop").fill("one")
    play.field("stop").press("Enter")
    play.field("stop").fill("\\n\\n")
    play.field("stop").press("Enter")
    play.field("user").fill("u-1")
    play.field("logit_bias").fill('{"7": -100}')
    play.field("service_tier").select_option("flex")
    answer = play.ask("Hello!")
    body = play.raw()[0]
    assert '"seed":9223372036854775807' in body and play.fact("seed") == "9223372036854775807"
    sent = json.loads(body)
    chosen = {name: sent[name] for name in ("top_p", "stop", "user", "logit_bias", "service_tier")}
    assert chosen == {"top_p": 0.5, "stop": ["one", "\n\n"], "user": "u-1", "logit_bias": {"7": -100}, "service_tier": "flex"}
    play.expect(answer.get_by_text("Without effect on this server: service_tier.")).to_be_visible()
    play.page.get_by_role("button", name="Remove one").click()
    for name in ("top_p", "seed", "stop", "user", "logit_bias", "service_tier"):
        play.page.get_by_role("button", name=f"Reset {name}", exact=True).click()
    play.ask("Hello!")
    assert set(play.sent()) == {"model", "messages", "stream", "stream_options"}


def test_a_field_out_of_range_is_refused_at_the_field(play: Playing) -> None:
    play.field("temperature").fill("3")
    assert play.fault("temperature") == "Outside the range: 0 ≤ temperature ≤ 2."
    play.page.locator("summary", has_text="Sampling").click()  # folded, it is opened again by the refusal
    answer = play.ask("Hello!")
    sentence = "temperature must be a number with 0 ≤ temperature ≤ 2, not 3."
    play.expect(answer.get_by_role("alert")).to_contain_text(sentence)
    play.expect(answer.get_by_role("alert")).to_contain_text("422 invalid_value")
    play.expect(play.page.locator("#pg-temperature-fault")).to_have_text(sentence)
    temperature = play.page.get_by_label("temperature", exact=True)
    play.expect(temperature).to_have_attribute("aria-invalid", "true")
    play.act("Go to temperature")
    play.expect(temperature).to_be_focused()
    temperature.fill("0")
    play.expect(play.page.locator("#pg-temperature-fault")).to_be_hidden()
    play.act("Retry")
    play.expect(play.ended(1).locator(".pg-prose")).not_to_be_empty()
    assert play.sent()["temperature"] == 0
    play.allow("status of 422")


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("max_tokens", "many", 'max_tokens must be an integer with 0 ≤ max_tokens ≤ 1000000, not "many".'),
        ("top_logprobs", "3", "top_logprobs must be absent unless logprobs is true."),
        ("stop_token_ids", "[-1]", "stop_token_ids.0 must be a token id, from 0 to 2147483647, not -1."),
    ],
)
def test_the_server_has_the_last_word(play: Playing, name: str, typed: str, sentence: str) -> None:
    play.field(name).fill(typed)
    play.ask("Hello!")
    said = play.last.get_by_role("alert").locator("p").nth(1).inner_text()
    play.expect(play.page.locator(f"#pg-{name}-fault")).to_have_text(said)
    if name != "top_logprobs":
        assert said == sentence
    play.allow("status of 422")


def test_json_is_checked_while_it_is_typed(play: Playing) -> None:
    tools = play.field("tools")
    tools.fill('[{"type": "function",\n "function": {"name": "a"},}]')
    assert play.fault("tools") == "Line 2, column 28: there is a comma too many before }."
    play.send("Hello!")
    play.expect(tools).to_be_focused()  # it cannot be sent, so the reader is brought there
    play.expect(play.answers).to_have_count(0)
    play.expect(play.box).to_have_value("Hello!")
    tools.fill('[{"type": "function", "function": {"name": "a b"}}]')
    assert play.fault("tools") == "tools.0.function.name must be 1 to 64 letters, digits, underscores or hyphens."
    tools.fill('[{"type": "function", "function": {"name": "a", "parameters": {"type": "objet"}}}]')
    assert play.fault("tools").startswith("tools.0.function.parameters.type must be one of object, array")
    tools.fill('[{"type": "function", "function": {"name": "a"}}]')
    play.expect(play.page.locator("#pg-tools-fault")).to_be_hidden()
    assert "the function a" in play.field("tool_choice").inner_text()


def test_a_tool_is_called_and_its_result_goes_back(play: Playing) -> None:
    play.field("tools")
    play.page.locator('[data-field="tools"]').get_by_role("button", name="Insert an example").click()
    play.field("tool_choice").select_option("the function add")
    play.field("seed").fill("5")
    answer = play.ask("What is 12 + 30?")
    assert play.sent()["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    call = answer.locator(".pg-call")
    play.expect(call).to_contain_text("calls add")
    arguments = json.loads(call.locator("pre").inner_text())
    assert set(arguments) == {"a", "b"}
    play.field("tool_choice").select_option("none")
    result = answer.get_by_label("Result of")
    result.fill("42")
    result.press("Enter")
    play.ended(2)
    play.expect(play.page.locator(".pg-tool")).to_contain_text("42")
    _, asked, told = play.sent()["messages"]
    (made,) = asked["tool_calls"]
    assert json.loads(made["function"]["arguments"]) == arguments and asked["content"] is None
    assert told == {"role": "tool", "tool_call_id": made["id"], "content": "42"}


def test_an_answer_in_the_form_of_a_schema(play: Playing) -> None:
    play.field("response_format").select_option("json_schema")
    control = play.page.locator('[data-field="response_format"]')
    schema = control.get_by_label("schema", exact=True)
    schema.fill('{"type": "objekt"}')
    assert play.fault("response_format").startswith("schema.type must be one of")
    schema.fill(json.dumps(SUM))
    control.get_by_label("name", exact=True).fill("a sum")
    assert play.fault("response_format") == "name must be 1 to 64 letters, digits, underscores or hyphens."
    control.get_by_label("name", exact=True).fill("sum")
    answer = play.ask("What is 1 + 1?")
    assert play.sent()["response_format"] == {"type": "json_schema", "json_schema": {"name": "sum", "schema": SUM}}
    assert 0 <= json.loads(answer.locator(".pg-prose").inner_text())["sum"] <= 99
    play.field("response_format").select_option("regex")
    control.get_by_label("regex", exact=True).fill("[0-9]{3}")
    assert play.ask("And now?").locator(".pg-prose").inner_text().isdecimal()


def test_the_probabilities_of_tokens(play: Playing) -> None:
    play.field("logprobs").check()
    play.field("top_logprobs").fill("2")
    play.field("max_tokens").fill("5")
    answer = play.ask("Hello!")
    answer.get_by_text("Token probabilities (5)").click()
    rows = answer.locator(".pg-scores tbody tr")
    play.expect(rows).to_have_count(5)
    play.expect(rows.first.locator("td").nth(1)).to_contain_text("%")
    play.expect(rows.first.locator(".pg-other")).to_have_count(2)
