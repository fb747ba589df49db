"""What a family makes: a conversation as the OpenAI API writes it. No templates, no tokens, no models."""

from collections.abc import Callable
from random import Random
from typing import Literal, NotRequired, TypedDict

from training.corpus.split import Split


class Message(TypedDict):
    """One turn. ``quoted`` marks an assistant's turn that another model spoke: context, never learnt."""

    role: Literal["system", "user", "assistant"]
    content: str
    quoted: NotRequired[bool]


Conversation = list[Message]

# The same Random in the same state makes the same conversation: batches are repeated, and training resumed,
# by seed alone.
Family = Callable[[Random, Split], Conversation]


def exchange(question: str, answer: str) -> Conversation:
    """A user's turn and the assistant's reply to it."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
