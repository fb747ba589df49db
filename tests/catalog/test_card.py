"""The cards in the package, and what a card of somebody's own must say."""

import json
import math
import shlex

import msgspec
import pytest
from safetensors import safe_open

from journeys.page import CONVERSATION
from reckon.catalog.card import CHECKPOINTS, Card, Price, Score, Size, catalogue, read
from reckon.errors import BadSetting

GOOD = """
id = "owner/name"
description = "Says little."
context = 64
"""


def test_both_models_have_a_card() -> None:
    cards = catalogue()
    assert set(cards) == {"Qwen/QwQ-32B-Preview", "reckon/abacus"}
    for model, card in cards.items():
        assert model == card.id == f"{card.owner}/{card.name}"
        assert card.description == card.description.strip() and "\n" not in card.description


def test_qwqs_card_has_the_facts_of_its_page() -> None:
    card = catalogue()["Qwen/QwQ-32B-Preview"]
    assert card == Card(
        id="Qwen/QwQ-32B-Preview",
        description=(
            "QwQ is an experimental research model developed by the Qwen Team, designed to advance AI reasoning capabilities."
            " This model embodies the spirit of philosophical inquiry, approaching problems with genuine wonder and doubt."
            " QwQ demonstrates impressive analytical abilities, achieving scores of 65.2% on GPQA, 50.0% on AIME,"
            " 90.6% on MATH-500, and 50.0% on LiveCodeBench."
            " With its contemplative approach and exceptional performance on complex problems."
        ),
        context=32768,
        dtype="bfloat16",
        price=Price(input=120, output=180),  # $0.12 and $0.18 per million tokens
        license="Apache-2.0",
        license_url="https://huggingface.co/Qwen/QwQ-32B-Preview/blob/main/LICENSE",
        project_url="https://qwenlm.github.io/blog/qwq-32b-preview/",
        featured=True,
        created=card.created,
        scores=(
            Score("GPQA", 65.2, "Qwen Team"),
            Score("AIME", 50.0, "Qwen Team"),
            Score("MATH-500", 90.6, "Qwen Team"),
            Score("LiveCodeBench", 50.0, "Qwen Team"),
        ),
        parameters=32_763_876_352,
        size=Size(layers=64, kv_heads=8, head_dim=128),
        prompts=card.prompts,
        conversation=card.conversation,
    )
    body = shlex.split(CONVERSATION.replace("\\\n", ""))[-1]
    assert list(msgspec.to_builtins(card.conversation)) == json.loads(body)["messages"]  # the page's own, word for word
    assert len(card.prompts) > 1
    assert card.created > 0
    assert card.checkpoint == ""  # the weights come from the hub


def test_abacus_does_not_pass_for_qwq() -> None:
    card = catalogue()["reckon/abacus"]
    assert card.checkpoint == "abacus"
    assert "it is not QwQ" in card.description
    assert not card.scores and not card.featured
    assert card.price.input > 0 and card.price.output > 0


def test_abacus_is_as_large_as_its_card_says() -> None:
    card = catalogue()["reckon/abacus"]
    checkpoint = CHECKPOINTS / card.checkpoint
    config = json.loads((checkpoint / "config.json").read_text())
    layers, heads, width = config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"]
    assert card.size == Size(layers, config["num_key_value_heads"], width // heads)
    assert card.context == config["max_position_embeddings"]
    with safe_open(checkpoint / "model.safetensors", "np") as tensors:
        assert card.parameters == sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118


@pytest.mark.parametrize(
    ("price", "prompt", "completion", "nano"),
    [
        (Price(120, 180), 1_000_000, 0, 120_000_000),  # $0.12
        (Price(120, 180), 0, 1_000_000, 180_000_000),
        (Price(120, 180), 15, 16, 4_680),
        (Price(120, 180), 0, 0, 0),
        (Price(), 10**6, 10**6, 0),
        (Price(120, 180), 10**15, 10**15, 300 * 10**15),  # no float would be exact here
    ],
)
def test_the_cost_is_whole_nano_dollars(price: Price, prompt: int, completion: int, nano: int) -> None:
    cost = price.cost(prompt, completion)
    assert (cost, type(cost)) == (nano, int)


def test_a_small_card() -> None:
    assert read(GOOD, "mine.toml") == Card("owner/name", "Says little.", 64)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id = ", "Invalid value"),
        (GOOD.replace("context = 64", ""), "missing required field `context`"),
        (GOOD + "contxt = 1", "unknown field `contxt`"),
        (GOOD.replace("64", '"64"'), "`$.context`"),
        (GOOD.replace("64", "0"), "`$.context`"),
        (GOOD.replace("owner/name", "name"), "`$.id`"),
        (GOOD.replace("owner/name", "owner/na me"), "`$.id`"),
        (GOOD + "price = { input = 0.12 }", "`$.price.input`"),
        (GOOD + "price = { output = -1 }", "`$.price.output`"),
        (GOOD + 'scores = [{ name = "AIME", value = "half", claimed_by = "us" }]', "`$.scores[0].value`"),
    ],
)
def test_a_bad_card_names_its_file_and_its_key(text: str, complaint: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read(text, "mine.toml")
    assert refused.value.message.startswith("the card mine.toml is not valid: ")
    assert complaint in refused.value.message
