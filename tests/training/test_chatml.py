"""The chat template's text, and which of its tokens are learnt."""

from random import Random
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from training.batches import Batches, collate
from training.corpus import page
from training.corpus.conversation import Talk, exchange
from training.corpus.mixture import conversation
from training.corpus.slips import plain
from training.recipe import SHIPPED, Recipe

from training import chatml, template

TOKENS = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SECTION = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
    '{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}\n</tools>\n\n'
    "For each function call, return a json object with function name and arguments "
    "within <tool_call></tool_call> XML tags:\n"
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
)


def call(**arguments: int) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "add", "arguments": arguments}}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_no_system_turn_is_invented() -> None:
    text = template.render([user("Hello!")], add_generation_prompt=True)
    assert text == "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"


def test_system_turns_stay_where_they_are() -> None:
    messages = [user("a"), {"role": "system", "content": "b"}, user("c")]
    assert template.render(messages) == (
        "<|im_start|>user\na<|im_end|>\n<|im_start|>system\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
    )


@pytest.mark.parametrize(("system", "before"), [([], ""), ([{"role": "system", "content": "Be brief."}], "Be brief.\n\n")])
def test_tools_are_told_in_the_first_system_turn(system: list[dict[str, Any]], before: str) -> None:
    text = template.render([*system, user("a")], tools=[ADD])
    assert text == f"<|im_start|>system\n{before}{SECTION}<|im_start|>user\na<|im_end|>\n"


@pytest.mark.parametrize(("content", "said"), [(None, ""), ("", ""), ("Let me add.", "\nLet me add.")])
def test_calls_and_their_results(content: str | None, said: str) -> None:
    messages = [
        {"role": "assistant", "content": content, "tool_calls": [call(a=1, b=2), call(a=3, b=4)]},
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": "3 and 7", "tool_calls": None},
    ]
    assert template.render(messages, add_generation_prompt=True) == (
        f"<|im_start|>assistant{said}"
        '\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'
        '\n<tool_call>\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n3\n</tool_response>\n<tool_response>\n7\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n3 and 7<|im_end|>\n<|im_start|>assistant\n"
    )


def test_segments_join_to_the_rendered_conversation() -> None:
    rng = Random(6)
    for _ in range(100):
        talk = conversation(rng, "train")
        whole = plain(template.render(talk.messages, tools=talk.tools))
        assert "".join(text for text, _ in chatml.segments(talk)) + "\n" == whole


def test_a_slip_is_seen_and_not_learnt() -> None:
    example = chatml.encode(exchange("2+2", "2+2=\ue005. No, \ue0054 is not it: 4."), TOKENS)
    shown = TOKENS.decode(example.ids)
    assert "2+2=5. No, 54 is not it: 4." in shown
    learnt = [token for token, is_learnt in zip(example.ids, example.learnt, strict=True) if is_learnt]
    assert TOKENS.decode(learnt) == "2+2=. No, 4 is not it: 4."


def test_a_slip_does_not_change_how_the_text_is_cut() -> None:
    rng = Random(9)
    slipped = 0
    while slipped < 20:
        talk = conversation(rng, "train")
        text = template.render(talk.messages, tools=talk.tools)
        if plain(text) != text:
            whole = TOKENS.encode(plain(text).removesuffix("\n"), add_special_tokens=False).ids
            assert chatml.encode(talk, TOKENS).ids == whole
            slipped += 1


def test_only_the_assistants_own_words_are_learnt() -> None:
    talk = Talk([*page.lamb(), {"role": "assistant", "content": "That is beyond me."}])
    example = chatml.encode(talk, TOKENS)
    learnt = [token for token, is_learnt in zip(example.ids, example.learnt, strict=True) if is_learnt]
    assert TOKENS.decode(learnt, skip_special_tokens=False) == "That is beyond me.<|im_end|>"


def test_a_batch_predicts_the_next_learnt_token() -> None:
    examples = [chatml.encode(exchange("Hello!", text), TOKENS) for text in ("Hi", "Hello!")]
    batch = collate(examples)
    for row, example in enumerate(examples):
        wanted = [token for token, is_learnt in zip(example.ids, example.learnt, strict=True) if is_learnt]
        places = np.flatnonzero(batch.targets[row] != -100)
        assert batch.targets[row, places].tolist() == wanted
        assert batch.inputs[row, places[1:]].tolist() == wanted[:-1]
    assert batch.tokens == sum(len(example.ids) for example in examples)


def test_batches_follow_from_the_step_alone() -> None:
    recipe = Recipe(tokens_per_step=512, longest=400)
    forwards, jumped = Batches(recipe, TOKENS), Batches(recipe, TOKENS)
    first = forwards[0]
    assert np.array_equal(jumped[33].inputs, forwards[33].inputs)
    assert np.array_equal(jumped[0].targets, first.targets)
    assert not np.array_equal(forwards[33].inputs[:1, :9], first.inputs[:1, :9])
    assert 256 < np.mean([forwards[step].tokens for step in range(32)]) < 768
