"""What pages show is what the card, the types and the server say: facts, standing, fields, schemas, covers, examples."""

import json
import re
import shlex
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from fakes import CARD, READY, FakeEngine
from pages.site import ORIGIN, QWQ, TABS, Html, Site, words
from reckon.api.asking.fields import FIELDS
from reckon.catalog.card import Card, Size, catalogue
from reckon.pages.cover import cover
from reckon.pages.examples import curl, examples, recordings, requests
from reckon.pages.schemas import Node, tree
from reckon.pages.standing import needed, standing

PAGE_FIELDS = [
    *("model", "messages", "stream", "temperature", "top_p", "min_p", "top_k", "max_tokens", "stop", "n"),
    *("presence_penalty", "frequency_penalty", "tools", "tool_choice", "response_format", "repetition_penalty"),
    *("user", "seed"),
]
"""The model page's input fields, in its order."""
PAGE_RANGES = {
    "temperature": "0 ≤ temperature ≤ 2",
    "top_p": "0 < top_p ≤ 1",
    "min_p": "0 ≤ min_p ≤ 1",
    "top_k": "0 ≤ top_k < 1000",
    "max_tokens": "0 ≤ max_tokens ≤ 1000000",
    "n": "1 ≤ n ≤ 4",
    "presence_penalty": "-2 ≤ presence_penalty ≤ 2",
    "frequency_penalty": "-2 ≤ frequency_penalty ≤ 2",
    "repetition_penalty": "0.01 ≤ repetition_penalty ≤ 5",
    "seed": "0 ≤ seed < 9223372036854775808",
}
PAGE_DEFAULTS = {
    "stream": "false",
    "temperature": "1",
    "top_p": "1",
    "min_p": "0",
    "top_k": "0",
    "n": "1",
    "presence_penalty": "0",
    "frequency_penalty": "0",
    "repetition_penalty": "1",
}
SCHEMAS = {"input": "schema_in", "output": "schema_out", "streaming": "schema_stream"}


async def test_the_page_of_the_specification(site: Site) -> None:
    """Every fact of the model page's head, at its address, although this server does not run the model."""
    response = await site.get(QWQ)
    text, html = words(response.text), Html(response.text)
    assert text.count("Qwen/QwQ-32B-Preview") > 1
    for fact in ("featured", "Public", "$0.12/$0.18 in/out Mtoken", "bfloat16", "32,768", "Project", "License"):
        assert fact in text
    assert catalogue()["Qwen/QwQ-32B-Preview"].description in text
    for name, value in (("GPQA", "65.2%"), ("AIME", "50.0%"), ("MATH-500", "90.6%"), ("LiveCodeBench", "50.0%")):
        assert f"{name} {value} claimed by Qwen Team" in text
    assert {image["alt"] for image in html.all("img")} == {"", "Qwen/QwQ-32B-Preview cover image"}
    links = {link["href"] for link in html.all("a")}
    assert {"https://qwenlm.github.io/blog/qwq-32b-preview/", *(QWQ + tab for tab in TABS)} <= links


async def test_a_model_that_does_not_run_says_why_and_what_it_needs(site: Site) -> None:
    text = words((await site.get(QWQ)).text)
    assert "Not running here. This server was started without it. It needs about 74.1 GB of memory; this machine has" in text
    assert "65.5 GB are weights and 8.59 GB the KV cache" in text
    assert "reckon serve Qwen/QwQ-32B-Preview" in text
    data = json.loads(Html((await site.get(QWQ)).text).texts["page-data"])
    assert data["runs"] is False
    assert "74.1 GB" in data["why"]


def test_need_is_arithmetic_on_the_card() -> None:
    card = Card("a/b", "x", 1000, parameters=10**9, size=Size(layers=10, kv_heads=2, head_dim=64))
    need = needed(card)
    assert need is not None
    assert (need.weights, need.cache, need.total) == ("2 GB", "0.00512 GB", "2.01 GB")
    assert needed(Card("a/b", "x", 1000)) is None
    assert needed(Card("a/b", "x", 1000, parameters=5, dtype="int4")) is None
    wide = needed(Card("a/b", "x", 1000, parameters=10**9, dtype="float32"))
    assert wide is not None
    assert (wide.weights, wide.cache) == ("4 GB", "0 GB")


@pytest.mark.parametrize("restarts", [0, 2])
async def test_a_model_whose_engine_is_down_says_so(make_site: Any, restarts: int) -> None:
    state = msgspec.structs.replace(READY, ready=False, state="loading", restarts=restarts)
    site = make_site(FakeEngine(state=state))
    text = words((await site.get("/fake/model")).text)
    assert ("Restarting" if restarts else "Starting") in text
    assert "Its engine is not taking requests: loading." in text
    await site.clients[0].aclose()


def test_standing_without_facts_on_the_card() -> None:
    unknown = standing(Card("a/b", "x", 1000), None)
    assert (unknown.runs, unknown.why, unknown.need) == (False, "This server was started without it.", None)


async def test_the_catalogue_shows_what_runs_first_and_searches(site: Site) -> None:
    html = (await site.get("/")).text
    order = re.findall(r'<h2><a href="/([^"]+)">', html)
    assert order == ["fake/model", "Qwen/QwQ-32B-Preview", "reckon/abacus"]
    assert "1 runs here now" in words(html)
    assert "0 in progress, 0 waiting" in html
    for query, found in (
        ("qwq REASONING", ["Qwen/QwQ-32B-Preview", "reckon/abacus"]),
        ("philosophical", order[1:2]),
        ("zzz", []),
    ):
        shown = (await site.get("/", params={"q": query})).text
        assert re.findall(r'<h2><a href="/([^"]+)">', shown) == found
        assert f'value="{query}"' in shown
        assert ("data-none hidden" in shown) == bool(found)


@pytest.mark.parametrize("name", ["thing", "[red] o'neill's \"best\" & <b>é</b> ?#%"])
async def test_a_model_without_a_card_is_private_and_has_its_pages(make_site: Any, name: str) -> None:
    site = make_site(FakeEngine(card=msgspec.structs.replace(CARD, id=f"local/{name}", public=False)))
    html = Html((await site.get("/")).text)
    (path,) = [link["href"] for link in html.all("a") if link["href"].startswith("/local/")]
    for tab in TABS:
        response = await site.get(path + tab, signed_in=True)
        assert response.status_code == 200
        assert f"local/{name}" in words(response.text)
    assert "Private" in words(response.text)
    for client in site.clients:
        await client.aclose()


async def test_fields_are_the_pages_in_its_order_and_then_ours(site: Site) -> None:
    html = (await site.get("/fake/model/fields")).text
    names = re.findall(r'<div class="field" id="(\w+)">', html)
    assert names == [field.name for field in FIELDS]
    assert names[: len(PAGE_FIELDS)] == PAGE_FIELDS
    own, more = html.split('<h2 id="more">')
    assert 'id="seed"' in own
    assert 'id="logprobs"' in more
    for field in FIELDS:
        part = words(html.split(f'<div class="field" id="{field.name}">')[1].split("</div>")[0])
        assert part.startswith(f"{field.name} {field.kind}")
        assert field.description in part
        assert ("required" in part.split(field.description)[0]) == field.required
        assert ("without effect" in part) == (not field.effect)
        if field.name in PAGE_FIELDS:
            assert ("Range: " + PAGE_RANGES.get(field.name, "") in part) == (field.name in PAGE_RANGES)
            assert part.partition("Default value: ")[2].split(" ")[0] == PAGE_DEFAULTS.get(field.name, "")


async def test_a_models_own_defaults_are_shown(make_site: Any) -> None:
    site = make_site(FakeEngine(defaults={"temperature": 0.7, "top_k": 20}))
    text = words((await site.get("/fake/model/fields")).text)
    assert "Default value: 0.7 Range: 0 ≤ temperature ≤ 2" in text
    assert "Default value: 20 Range: 0 ≤ top_k < 1000" in text
    await site.clients[0].aclose()


@pytest.mark.parametrize("name", SCHEMAS)
async def test_schema_tabs_are_the_endpoints(site: Site, name: str) -> None:
    told = await site.schema()
    html = (await site.get(f"/fake/model/schema/{name}")).text
    assert json.loads(Html(html).texts["schema"]) == told[SCHEMAS[name]]
    shown = re.search(r'<div class="code tree".*?>(.*)<script type="application/json"', html, re.DOTALL)
    assert shown is not None
    text = re.sub(r'<span class="j-size">[^<]*</span>', "", shown[1])
    assert json.loads("".join(Reader(text).parts)) == told[SCHEMAS[name]]


class Reader(Html):
    """The text of HTML in its parts."""

    def __init__(self, text: str) -> None:
        self.parts: list[str] = []
        super().__init__(text)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def test_a_tree_has_every_value() -> None:
    value = {"a": [1, {"b": None, "c": []}, "x<y"], "d": {}, "e": 1.5, "f": True}

    def back(node: Node) -> Any:
        if not node.children:
            return json.loads(node.text)
        if node.brackets == "[]":
            return [back(child) for child in node.children]
        return {child.key: back(child) for child in node.children}

    assert back(tree(value)) == value
    assert tree(value).size == "4 keys"
    assert tree([1]).size == "1 item"


async def test_page_data_is_what_the_playground_needs(site: Site) -> None:
    html = Html((await site.get("/fake/model", signed_in=True)).text)
    data = json.loads(html.texts["page-data"])
    told = await site.schema()
    assert data["fields"] == told["fields_in"]
    assert data["origin"] + data["endpoint"] == told["variant"]["url"] == f"{ORIGIN}/v1/openai/chat/completions"
    assert data["signed_in"] == {"name": site.account.name, "admin": False}
    assert (data["runs"], data["why"], data["context"], data["price"]) == (True, "", 128, {"input": 120, "output": 180})
    out = json.loads(Html((await site.get("/fake/model")).text).texts["page-data"])
    assert (out["signed_in"], out["signin"]) == (None, "/signin?next=/fake/model")


def test_covers_are_drawn_from_the_card() -> None:
    cards = [*catalogue().values(), CARD, Card("a/b", "x", 10, parameters=10**13)]
    pictures = [cover(card) for card in cards]
    assert pictures == [cover(card) for card in cards]
    assert len(set(pictures)) == len(cards)
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.attrib["viewBox"] == "0 0 400 250"
        assert not any("style" in element.attrib or element.tag.endswith(("script", "image")) for element in root.iter())


def test_a_cover_reads_the_number_of_parameters() -> None:
    """Beads that touch the beam count: one of five above it, those of one below."""
    card = catalogue()["Qwen/QwQ-32B-Preview"]
    beads = re.findall(r'd="M([\d.]+) ([\d.]+)L[^"]*Z"', cover(card))
    columns: dict[str, list[float]] = {}
    for x, y in beads:
        columns.setdefault(x, []).append(float(y))
    digits = []
    for heights in columns.values():
        upper, lower = heights[0], sorted(heights[1:])
        pitch = min(after - before for before, after in pairwise(lower))
        ones = sum(abs(y - (103.5 + pitch * place)) < 0.2 for place, y in enumerate(lower))
        digits.append((5 if upper > 60 else 0) + ones)
    assert int("".join(map(str, digits))) == card.parameters


async def test_covers_are_served(site: Site) -> None:
    response = await site.get(f"{QWQ}/cover.svg")
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.text == cover(catalogue()["Qwen/QwQ-32B-Preview"])


@pytest.mark.parametrize("model", ["reckon/abacus", "Qwen/QwQ-32B-Preview"])
async def test_the_api_tab_has_the_pages_sections_in_its_order(site: Site, model: str) -> None:
    html = (await site.get(f"/{model}/api")).text
    titles = re.findall(r"<h[23] id=\"\w+\">([^<]+)</h[23]>", html.split('class="prose api"')[1])
    assert titles == ["OpenAI-compatible HTTP API", "Simple messages and prompts", "Conversations", "Streaming"]
    text = words(html)
    assert f'curl "{ORIGIN}/v1/openai/chat/completions"' in text
    assert '"Authorization: Bearer $RECKON_KEY"' in text
    assert "finishing with [DONE]" in text
    assert f'"model": "{model}"' in text
    assert "Recorded from reckon/abacus as it came" in text
    assert (f"{model} would say something else" in text) == (model != "reckon/abacus")
    assert text.count("data: [DONE]") == 1


async def test_the_reader_own_address_is_filled_in(site: Site) -> None:
    text = words((await site.get("/reckon/abacus/api", headers={"host": "models.example.org"})).text)
    assert 'curl "http://models.example.org/v1/openai/chat/completions"' in text
    assert 'base_url="http://models.example.org/v1/openai"' in text
    assert "reckon.test" not in text


async def test_running_an_example_is_offered_to_who_can(site: Site) -> None:
    assert "data-run" in (await site.get("/fake/model/api", signed_in=True)).text
    out = await site.get("/fake/model/api")
    assert "data-run" not in out.text
    assert "/signin?next=/fake/model/api" in out.text
    assert "data-run" not in (await site.get(f"{QWQ}/api", signed_in=True)).text


def test_recorded_answers_are_those_of_the_examples_as_they_are_now() -> None:
    kept = recordings()
    for card in catalogue().values():
        bodies = requests(card, "reckon/abacus")
        assert set(kept[card.id]) == set(bodies)
        for name, body in bodies.items():
            recording = kept[card.id][name]
            assert recording.model == "reckon/abacus"
            first = recording.body.partition("\n\n")[0].removeprefix("data: ") if body.get("stream") else recording.body
            answer = json.loads(first)
            assert (answer["model"], answer["created"], answer["system_fingerprint"]) == (
                recording.model,
                recording.created,
                recording.fingerprint,
            )
            assert answer["object"] == ("chat.completion.chunk" if body.get("stream") else "chat.completion")
            assert recording.body.endswith("data: [DONE]\n\n") == bool(body.get("stream"))


def test_examples_carry_what_a_shell_or_a_language_would_take_for_its_own() -> None:
    awkward = 'It\'s "$HOME" `id` \\ \n</script> ${x} é'
    body = {"model": "a/b", "messages": [{"role": "user", "content": awkward}]}
    words_of_it = shlex.split(curl(body, ORIGIN).replace("\\\n", ""))
    assert json.loads(words_of_it[words_of_it.index("-d") + 1]) == body


async def test_braces_in_a_name_cost_the_pages_and_nothing_else(make_site: Any) -> None:
    site = make_site(FakeEngine(card=msgspec.structs.replace(CARD, id="local/{a}{a}")))
    assert (await site.get("/local/ab")).status_code == 404
    assert "local/{a}{a}" in (await site.get("/v1/models", headers={"authorization": f"Bearer {site.key}"})).text
    for client in site.clients:
        await client.aclose()


def test_an_unknown_model_has_no_invented_answer() -> None:
    for example in examples(CARD, ORIGIN).values():
        assert (example.answer, example.recording) == (None, None)
