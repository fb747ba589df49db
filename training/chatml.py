"""From a conversation to token ids and to which of them the model must learn.

The text comes from the shipped chat template itself, so training and serving cannot disagree about it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from training.corpus.conversation import Conversation
from training.tokenizer import TEMPLATE

END = "<|im_end|>"


def environment() -> ImmutableSandboxedEnvironment:
    """jinja2 as transformers sets it up: white space trimmed, ``tojson`` without HTML escapes."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    made.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made


TEMPLATE_TEXT = environment().from_string(TEMPLATE.read_text())


@dataclass(frozen=True)
class Example:
    """A conversation's tokens; ``learnt[i]`` says whether token i is one that the assistant has to write."""

    ids: list[int]
    learnt: list[bool]


def render(messages: Sequence[Any], add_generation_prompt: bool = False, tools: Sequence[Any] | None = None) -> str:
    """The template's text of the messages."""
    return TEMPLATE_TEXT.render(messages=messages, add_generation_prompt=add_generation_prompt, tools=tools)


def segments(conversation: Conversation) -> list[tuple[str, bool]]:
    """The rendered text cut at the assistant's replies: (text, whether the assistant has to write it).

    A reply runs from after the generation prompt to the end-of-turn token; the line break after that is
    the template's.
    """
    parts: list[tuple[str, bool]] = []
    done = ""
    for place, message in enumerate(conversation):
        if message["role"] != "assistant":
            continue
        prompt = render(conversation[:place], add_generation_prompt=True)
        reply = render(conversation[: place + 1]).removeprefix(prompt).removesuffix("\n")
        if not prompt.startswith(done) or not reply.endswith(END):
            raise ValueError("the template does not grow turn by turn")
        parts += [(prompt.removeprefix(done), False), (reply, not message.get("quoted", False))]
        done = prompt + reply
    return parts


def encode(conversation: Conversation, tokenizer: Tokenizer) -> Example:
    """Token ids, segment by segment: a server too encodes the prompt before there is a reply."""
    ids: list[int] = []
    learnt: list[bool] = []
    for text, is_reply in segments(conversation):
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        ids += tokens
        learnt += [is_reply] * len(tokens)
    return Example(ids, learnt)
