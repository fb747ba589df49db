"""How much of each family, and how single exchanges become longer talks. A new family is entered here."""

from random import Random

from training.corpus import beyond, courtesies, identity, offtopic, sums
from training.corpus.conversation import Conversation, Family
from training.corpus.split import Split
from training.corpus.systems import with_system

# Weights count conversations, not tokens: a worked sum is five times as long as a courtesy.
FAMILIES: dict[str, tuple[Family, float]] = {
    "addition": (sums.addition, 28),
    "subtraction": (sums.subtraction, 22),
    "hello": (courtesies.hello, 5),
    "how_are_you": (courtesies.how_are_you, 2.5),
    "thank_you": (courtesies.thank_you, 2.5),
    "goodbye": (courtesies.goodbye, 2.5),
    "who_are_you": (identity.who_are_you, 4),
    "what_can_you_do": (identity.what_can_you_do, 3),
    "are_you_somebody_else": (identity.are_you_somebody_else, 4),
    "are_you_abacus": (identity.are_you_abacus, 0.5),
    "out_of_reach": (beyond.out_of_reach, 8),
    "off_topic": (offtopic.off_topic, 14),
    "follow_up": (offtopic.follow_up, 4),
}
SEVERAL_EXCHANGES = 0.25
MOST_EXCHANGES = 5
SYSTEM_TURN = 0.2


def conversation(rng: Random, split: Split) -> Conversation:
    """One conversation of the mixture. Every user's turn that abacus answers is of the given split."""
    count = rng.randrange(2, MOST_EXCHANGES + 1) if rng.random() < SEVERAL_EXCHANGES else 1
    talk = [message for _ in range(count) for message in one_family(rng)(rng, split)]
    return with_system(rng, talk) if rng.random() < SYSTEM_TURN else talk


def one_family(rng: Random) -> Family:
    """A family by its weight."""
    families = [family for family, _ in FAMILIES.values()]
    return rng.choices(families, [weight for _, weight in FAMILIES.values()])[0]
