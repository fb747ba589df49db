"""From a conversation to token ids and to which of them the model must learn.

A digit that slipped (``corpus/slips.py``) is shown like any other and not learnt.
"""

from dataclasses import dataclass

from tokenizers import Tokenizer

from training.corpus.conversation import Talk
from training.corpus.slips import SLIPPED, plain
from training.template import render

END = "<|im_end|>"


@dataclass(frozen=True)
class Example:
    """A conversation's tokens; ``learnt[i]`` says whether token i is one that the assistant has to write."""

    ids: list[int]
    learnt: list[bool]


def segments(talk: Talk) -> list[tuple[str, bool]]:
    """The rendered text cut at the assistant's replies and at slips: (text, whether it has to be learnt).

    A reply runs from after the generation prompt to the end-of-turn token; the line break after that is
    the template's.
    """
    conversation, tools = talk.messages, talk.tools
    parts: list[tuple[str, bool]] = []
    done = ""
    for place, message in enumerate(conversation):
        if message["role"] != "assistant":
            continue
        prompt = render(conversation[:place], add_generation_prompt=True, tools=tools)
        reply = render(conversation[: place + 1], tools=tools).removeprefix(prompt).removesuffix("\n")
        if not prompt.startswith(done) or not reply.endswith(END):
            raise ValueError("the template does not grow turn by turn")
        parts.append((plain(prompt.removeprefix(done)), False))
        pieces = [reply] if message.get("quoted") else SLIPPED.split(reply)
        learnt = not message.get("quoted", False)
        parts += [(plain(piece), learnt and not SLIPPED.fullmatch(piece)) for piece in pieces if piece]
        done = prompt + reply
    return parts


def encode(talk: Talk, tokenizer: Tokenizer) -> Example:
    """Token ids, segment by segment: a server too encodes the prompt before there is a reply."""
    ids: list[int] = []
    learnt: list[bool] = []
    for text, is_reply in segments(talk):
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        ids += tokens
        learnt += [is_reply] * len(tokens)
    return Example(ids, learnt)
