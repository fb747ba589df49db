"""What a family makes: a talk as the OpenAI API writes it. No templates, no tokens, no models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NotRequired, TypedDict

from training.corpus.split import Split

Tool = dict[str, Any]


class Message(TypedDict):
    """One turn. ``quoted`` marks an assistant's turn that another model spoke: context, never learnt."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]
    quoted: NotRequired[bool]


Conversation = list[Message]


@dataclass(frozen=True)
class Talk:
    """A conversation and the tools that its user offered. What abacus writes may hold slips (``slips.py``)."""

    messages: Conversation
    tools: Sequence[Tool] = ()


# The same Random in the same state makes the same talk: batches are repeated, and training resumed, by seed alone.
Family = Callable[[Random, Split], Talk]


def exchange(question: str, answer: str) -> Talk:
    """A user's turn and the assistant's reply to it."""
    return Talk([{"role": "user", "content": question}, {"role": "assistant", "content": answer}])
