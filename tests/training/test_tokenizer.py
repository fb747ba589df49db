"""The tokenizer: any text comes back, digits stand alone, and transformers reads the shipped files alike."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from training.recipe import SHIPPED, Recipe
from transformers import AutoTokenizer

from training import template, tokenizer

SMALL = tokenizer.build(Recipe(), conversations=400)
SHIPPED_TOKENIZER = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
EACH = pytest.mark.parametrize("tokens", [SMALL, SHIPPED_TOKENIZER], ids=["built", "shipped"])


def encode(tokens: Tokenizer, text: str) -> list[int]:
    return tokens.encode(text, add_special_tokens=False).ids


@EACH
@given(text=st.text())
def test_any_text_comes_back(tokens: Tokenizer, text: str) -> None:
    assert tokens.decode(encode(tokens, text), skip_special_tokens=False) == unicodedata.normalize("NFC", text)


@EACH
@given(number=st.integers(min_value=0))
def test_each_digit_is_one_token(tokens: Tokenizer, number: int) -> None:
    assert [tokens.id_to_token(token) for token in encode(tokens, str(number))] == list(str(number))


@EACH
def test_the_vocabulary_is_what_the_recipe_says(tokens: Tokenizer) -> None:
    assert tokens.get_vocab_size() == Recipe().vocabulary
    ids = tokenizer.special_ids(tokens)
    assert list(ids) == [*tokenizer.SPECIAL, *tokenizer.TOOL]
    assert sorted(ids.values()) == list(range(Recipe().vocabulary - len(ids), Recipe().vocabulary))
    for text, number in ids.items():
        assert encode(tokens, text) == [number]
    shown = tokens.decode([ids["<tool_call>"], ids["<|im_end|>"]], skip_special_tokens=True)
    assert shown == "<tool_call>"


@EACH
def test_turn_headings_are_short(tokens: Tokenizer) -> None:
    assert len(encode(tokens, "<|im_start|>assistant\n")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "What is 37 + 58?",
        "<|im_start|>user\nHello!<|im_end|>\n",
        "  naïve e\u0301 😀\n\n\tx",
        "it's 1,000.50",
    ],
)
def test_transformers_reads_the_same_tokens(text: str) -> None:
    theirs = AutoTokenizer.from_pretrained(SHIPPED)
    assert theirs(text)["input_ids"] == encode(SHIPPED_TOKENIZER, text)
    assert theirs.eos_token == "<|im_end|>"
    assert theirs.pad_token == "<|endoftext|>"


def test_transformers_renders_the_same_prompt() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1 < 3?"}]
    theirs = AutoTokenizer.from_pretrained(SHIPPED)
    text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == template.render(messages, add_generation_prompt=True)


def test_the_shipped_template_is_the_one_in_this_folder() -> None:
    shipped = json.loads((SHIPPED / "tokenizer_config.json").read_text())
    assert shipped["chat_template"] == template.TEMPLATE.read_text()
