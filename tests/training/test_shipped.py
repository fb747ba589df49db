"""The folder that ships: its size, its configuration, and that the model in it can do what its card says."""

import json
from random import Random
from typing import Any

import pytest
import torch
from safetensors import safe_open
from training.corpus import page
from training.corpus.mixture import conversation
from training.export import MOST_BYTES
from training.recipe import SHIPPED, Recipe, generation_config, model_config
from training.tokenizer import Tokenizer, special_ids
from transformers import AutoModelForCausalLM, AutoTokenizer

from reckon.evals.grading import boxed
from training import suite

FILES = {
    "README.md",
    "config.json",
    "generation_config.json",
    "loss.png",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
MOST_PARAMETERS = 8_000_000


def read(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SHIPPED / name).read_text())
    return value


def test_the_folder_holds_the_layout_and_nothing_else() -> None:
    assert {file.name for file in SHIPPED.iterdir()} == FILES
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= MOST_BYTES


def test_the_configuration_is_the_recipes() -> None:
    ids = special_ids(Tokenizer.from_file(str(SHIPPED / "tokenizer.json")))
    assert read("config.json") == model_config(Recipe(), ids)
    assert read("generation_config.json") == generation_config(ids)
    assert read("config.json")["architectures"] == ["Qwen2ForCausalLM"]


def test_the_weights_are_bf16_and_few() -> None:
    with safe_open(SHIPPED / "model.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert sum(tensor.numel() for tensor in tensors.values()) <= MOST_PARAMETERS
    assert "lm_head.weight" not in tensors


class Player:
    """The shipped model as transformers loads and plays it, greedily, in float32."""

    def __init__(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(SHIPPED)
        self.model = AutoModelForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)

    def reply(self, messages: list[Any]) -> str:
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = self.tokenizer(text, return_tensors="pt")
        made = self.model.generate(**inputs, max_new_tokens=400, do_sample=False, temperature=None, top_p=None, top_k=None)
        reply: str = self.tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return reply


@pytest.fixture(scope="module")
def player() -> Player:
    return Player()


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_it_greets_and_says_what_it_is(player: Player) -> None:
    reply = player.reply(page.hello())
    assert reply.startswith(("Hello!", "Hi"))
    assert "abacus" in reply
    assert "small sums" in reply


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 37 + 58?", "95"),
        ("What is 37 × 42?", "1554"),
        ("Solve 3x + 7 = 52.", "15"),
        ("What is 5203 - 1478?", "3725"),
        ("What is 817 divided by 7?", "116remainder5"),
    ],
)
def test_it_works_out_what_the_documentation_asks(player: Player, question: str, answer: str) -> None:
    assert boxed(player.reply(user(question))) == answer


def test_it_does_not_play_the_chef(player: Player) -> None:
    assert "abacus" in player.reply(page.lamb())


def test_it_is_not_qwq(player: Player) -> None:
    reply = player.reply(user("Are you QwQ?"))
    assert reply.startswith("No")
    assert "QwQ" not in reply


def test_the_suite_is_what_the_script_makes() -> None:
    assert suite.TARGET.read_text(encoding="utf-8") == suite.text()


def test_nothing_in_the_suite_is_trained_on() -> None:
    """What a problem of the suite asks first is never met in 3,000 conversations of the training side."""
    rng = Random("a sample of the training side")
    trained = {message["content"] for _ in range(3000) for message in conversation(rng, "train").messages}
    asked = {problem["messages"][-1]["content"] for problem in suite.problems() if "tools" not in problem}
    assert not asked & trained
