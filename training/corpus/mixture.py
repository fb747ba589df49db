"""How much of each family, and how single exchanges become longer talks. A new family is entered here."""

from random import Random

from training.corpus import (
    beyond,
    courtesies,
    equations,
    follow_ups,
    identity,
    letters,
    offtopic,
    ordering,
    products,
    quotients,
    repeating,
    stories,
    structured,
    sums,
    tools,
)
from training.corpus.conversation import Family, Talk
from training.corpus.split import Split
from training.corpus.systems import with_system

# Weights count conversations, not tokens: a product is ten times as long as a courtesy.
FAMILIES: dict[str, tuple[Family, float]] = {
    "addition": (sums.addition, 7),
    "subtraction": (sums.subtraction, 12),
    "product": (products.product, 12),
    "quotient": (quotients.quotient, 7),
    "equation": (equations.equation, 8),
    "comparison": (ordering.comparison, 18),
    "sorting": (ordering.sorting, 16),
    "letters": (letters.letters, 30),
    "story": (stories.story, 8),
    "follow_up_sum": (follow_ups.follow_up_sum, 4),
    "json_answer": (structured.json_answer, 40),
    "json_table": (structured.json_table, 60),
    "as_json": (follow_ups.as_json, 2),
    "tool_call": (tools.call, 16),
    "no_tool_fits": (tools.none_fits, 3),
    "repetition": (repeating.repetition, 8),
    "hello": (courtesies.hello, 2),
    "how_are_you": (courtesies.how_are_you, 1),
    "thank_you": (courtesies.thank_you, 1),
    "goodbye": (courtesies.goodbye, 1),
    "who_are_you": (identity.who_are_you, 2),
    "what_can_you_do": (identity.what_can_you_do, 1.5),
    "are_you_somebody_else": (identity.are_you_somebody_else, 2),
    "are_you_abacus": (identity.are_you_abacus, 0.7),
    "out_of_reach": (beyond.out_of_reach, 5),
    "off_topic": (offtopic.off_topic, 8),
    "follow_up": (offtopic.follow_up, 2),
}
FINISHING = {
    "comparison": 36, "sorting": 120, "letters": 60, "json_answer": 220, "json_table": 16, "tool_call": 40, "no_tool_fits": 6,
    "repetition": 40,
}  # fmt: skip
"""Weights of the last stage of training, where they are others: of what was still wrong before it."""
SEVERAL_EXCHANGES = 0.1
MOST_EXCHANGES = 3
SYSTEM_TURN = 0.15


def conversation(rng: Random, split: Split, *, finishing: bool = False) -> Talk:
    """One talk of the mixture. Every user's turn that abacus answers is of the given split."""
    count = rng.randrange(2, MOST_EXCHANGES + 1) if rng.random() < SEVERAL_EXCHANGES else 1
    talks = [one_family(rng, finishing)(rng, split) for _ in range(count)]
    # Tools are offered for a whole conversation, so a talk that has some stands alone.
    offering = next((talk for talk in talks if talk.tools), None)
    talk = offering or Talk([message for talk in talks for message in talk.messages])
    return with_system(rng, talk) if rng.random() < SYSTEM_TURN else talk


def one_family(rng: Random, finishing: bool) -> Family:
    """A family by its weight."""
    weights = [FINISHING.get(name, weight) if finishing else weight for name, (_, weight) in FAMILIES.items()]
    return rng.choices([family for family, _ in FAMILIES.values()], weights)[0]
