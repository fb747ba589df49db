"""Second turns that lean on the answer before: now double it, add ten to that, give me that as JSON."""

import json
from random import Random

from training.corpus import products, structured, sums
from training.corpus.calculation import worked
from training.corpus.conversation import Talk, exchange
from training.corpus.equations import equation
from training.corpus.phrasing import dress
from training.corpus.quotients import quotient
from training.corpus.split import Split
from training.corpus.stories import story

ADD = (
    "Now add {b}.",
    "Add {b} to that.",
    "Now add {b} to it.",
    "And {b} more?",
    "Plus {b}?",
    "What if I add {b}?",
    "Now plus {b}.",
)
TAKE = (
    "Now subtract {b}.",
    "Take {b} away from that.",
    "Subtract {b} from it.",
    "Minus {b}?",
    "And now minus {b}?",
    "Now take away {b}.",
)
TIMES = ("Multiply that by {b}.", "Now times {b}.", "And times {b}?", "Now multiply it by {b}.", "What is that times {b}?")
DIVIDE = ("Divide that by {b}.", "Now divide it by {b}.", "And divided by {b}?", "What is that divided by {b}?")
DOUBLE = ("Now double it.", "Double it.", "Double that.", "And twice that?", "What is twice that?", "Now double the result.")
TRIPLE = ("Now triple it.", "Triple that.", "And three times that?")
HALF = ("Now halve it.", "And half of that?", "What is half of it?", "Half of that?", "Now half of it.")


def follow_up_sum(rng: Random, split: Split) -> Talk:
    """Something worked out, then one or two more operations on the answer."""
    talk = rng.choice((sums.addition, sums.subtraction, products.product, equation, story, quotient))(rng, split)
    value = answer(talk)
    for _ in range(rng.choice((1, 1, 1, 2))):
        if value is None or value < 0:  # The written methods know no numbers below zero.
            return talk
        operation, b, forms = turn(rng, value)
        question = dress(rng, rng.choice(forms).replace("{b}", str(b)))
        more = exchange(question, worked(rng, operation, value, b))
        talk = Talk([*talk.messages, *more.messages])
        value = answer(talk)
    return talk


def as_json(rng: Random, split: Split) -> Talk:
    """Something worked out, then its answer asked for as JSON."""
    talk = rng.choice((sums.addition, sums.subtraction, products.product, story))(rng, split)
    question, key = structured.again(rng)
    more = exchange(question, json.dumps({key: answer(talk)}))
    return Talk([*talk.messages, *more.messages])


def answer(talk: Talk) -> int | None:
    """What stands in the last box, where it is a whole number that can be worked on."""
    text = talk.messages[-1]["content"].rpartition("\\boxed{")[2].partition("}")[0]
    return int(text) if text.removeprefix("-").isdigit() else None


def turn(rng: Random, value: int) -> tuple[str, int, tuple[str, ...]]:
    """An operation that abacus can do on the value."""
    if value == 0 or value > 999:
        return "+", rng.randrange(1, 100), ADD
    kinds = [("+", rng.randrange(1, 200), ADD), ("×", 2, DOUBLE), ("×", 2, DOUBLE), ("×", 3, TRIPLE)]
    kinds += [("-", rng.randrange(1, value + 1), TAKE), ("×", rng.randrange(2, 10), TIMES), ("/", rng.randrange(2, 10), DIVIDE)]
    if value % 2 == 0:
        kinds.append(("/", 2, HALF))
    operation, b, forms = rng.choice(kinds)
    return operation, b, forms
