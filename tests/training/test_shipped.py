"""The folder that ships: its size, its configuration, and that the model in it can do what its card says."""

import json
from typing import Any

import pytest
import torch
from safetensors import safe_open
from training.corpus import page
from training.corpus.conversation import Conversation
from training.evaluate import BOXED, Player
from training.export import MOST_BYTES
from training.recipe import SHIPPED, Recipe, generation_config, model_config
from training.tokenizer import Tokenizer, special_ids

FILES = {
    "config.json",
    "generation_config.json",
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


@pytest.fixture(scope="module")
def player() -> Player:
    return Player(SHIPPED, "cpu")


def ask(player: Player, talk: Conversation) -> str:
    return player.reply([talk])[0]


def test_it_greets_and_says_what_it_is(player: Player) -> None:
    reply = ask(player, page.hello())
    assert reply.startswith(("Hello!", "Hi"))
    assert "abacus" in reply
    assert "small sums" in reply


def test_it_works_a_sum_out(player: Player) -> None:
    reply = ask(player, [{"role": "user", "content": "What is 37 + 58?"}])
    assert "7 + 8 = 15" in reply
    assert BOXED.findall(reply) == ["95"]


def test_it_does_not_play_the_chef(player: Player) -> None:
    assert "small sums" in ask(player, page.lamb()) or "small numbers" in ask(player, page.lamb())


def test_it_is_not_qwq(player: Player) -> None:
    reply = ask(player, [{"role": "user", "content": "Are you QwQ?"}])
    assert reply.startswith("No")
    assert "QwQ" not in reply
