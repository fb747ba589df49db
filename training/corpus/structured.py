"""Answers as JSON objects: small problems done in the head, or one with its steps where a key for them is asked for."""

import json
from random import Random

from training.corpus.calculation import attempt
from training.corpus.conversation import Talk, exchange
from training.corpus.operands import number
from training.corpus.ordering import two
from training.corpus.phrasing import dress
from training.corpus.split import Split, draw, list_key, operation_key

KEYS = ("answer", "answer", "answer", "answer", "answer", "result", "value", "number")
ASKS = (
    ' Answer as JSON: {"{k}": …}', ' Answer in JSON: {"{k}": ...}', ' Reply with JSON like {"{k}": 0}.',
    ' Give me only JSON: {"{k}": ...}', " Answer with a JSON object that has the key {k}.",
    ' Return JSON {"{k}": <number>}.', ' Respond in JSON with the key "{k}".', ' Use the format {"{k}": …}.',
    ' Answer in JSON as {"{k}": number}.', ' JSON please: {"{k}": …}',
)  # fmt: skip
STEPS = (
    ' Answer as JSON: {"steps": …, "{k}": …}', ' Answer in JSON with the keys "steps" and "{k}".',
    " Give JSON with steps and {k}.", ' Respond in JSON: {"steps": [...], "{k}": ...}',
)  # fmt: skip
AGAIN = (
    'Now as JSON: {"{k}": …}', 'Give me that as JSON: {"{k}": ...}', 'Put it into JSON like {"{k}": 0}.',
    "And now as a JSON object with the key {k}.", 'Answer again, in JSON: {"{k}": ...}', 'As JSON {"{k}": …} please.',
)  # fmt: skip
EXPRESSIONS = {
    "+": ("{a} + {b}", "{a}+{b}", "{a} plus {b}"), "-": ("{a} - {b}", "{a}-{b}", "{a} minus {b}"),
    "×": ("{a} × {b}", "{a} * {b}", "{a} times {b}"),
}  # fmt: skip
QUESTIONS = (
    "What is {e}?",
    "What is {e}?",
    "{e}?",
    "Calculate {e}.",
    "How much is {e}?",
    "Work out {e}.",
    "{e} = ?",
    "Compute {e}.",
)
TABLES = (
    "Give me JSON with these as keys and their values: {l}", "Answer as one JSON object, each sum a key: {l}",
    "Work these out in your head, as JSON: {l}", "Fill in as a JSON object: {l}", "JSON with the value of each: {l}",
)  # fmt: skip
TABLE_FACTS = 0.06


def json_answer(rng: Random, split: Split) -> Talk:
    """A question with a form for its answer."""
    key = rng.choice(KEYS)
    if rng.random() < 0.12:
        a, b = draw(rng, split, two, list_key)
        return exchange(dress(rng, f"Which is larger, {a} or {b}?") + form(rng, ASKS, key), json.dumps({key: max(a, b)}))
    operation, a, b, value = in_the_head(rng, split)
    core = rng.choice(QUESTIONS).replace("{e}", rng.choice(EXPRESSIONS[operation]))
    question = core.replace("{a}", str(a)).replace("{b}", str(b))
    if rng.random() < 0.2:
        steps = [line.rstrip(".") for line in attempt(operation, a, b).work[:-1]]
        return exchange(
            dress(rng, question) + form(rng, STEPS, key), json.dumps({"steps": steps, key: value}, ensure_ascii=False)
        )
    return exchange(dress(rng, question) + form(rng, ASKS, key), json.dumps({key: value}))


def json_table(rng: Random, split: Split) -> Talk:
    """Several sums at once. Here a number done in the head comes every few tokens, so this is where it is learnt."""
    table: dict[str, int] = {}
    for _ in range(rng.randrange(3, 13)):
        operation, a, b, value = in_the_head(rng, split)
        table[f"{a} {operation} {b}"] = value
    return exchange(rng.choice(TABLES).replace("{l}", ", ".join(table)), json.dumps(table, ensure_ascii=False))


def in_the_head(rng: Random, split: Split) -> tuple[str, int, int, int]:
    """What is asked without room for steps, and its value: sums of up to two digits and the multiplication table.

    The table is learnt by heart as people do, so no part of it is held out, and none is asked in evaluation.
    """
    if split == "train" and rng.random() < TABLE_FACTS:
        a, b = rng.randrange(1, 11), rng.randrange(1, 11)
        return "×", a, b, a * b
    operation, a, b = draw(rng, split, small, lambda drawn: operation_key(*drawn))
    return operation, a, b, a + b if operation == "+" else a - b


def small(rng: Random) -> tuple[str, int, int]:
    """A sum or a difference of up to two digits, not below zero."""
    a, b = number(rng, rng.choice((1, 2, 2, 2))), number(rng, rng.choice((1, 2, 2, 2)))
    return ("-", max(a, b), min(a, b)) if rng.random() < 0.45 else ("+", a, b)


def form(rng: Random, forms: tuple[str, ...], key: str) -> str:
    """The wish for JSON."""
    return rng.choice(forms).replace("{k}", key)


def again(rng: Random) -> tuple[str, str]:
    """A second turn that wants the answer before as JSON, and the key it names."""
    key = rng.choice(KEYS)
    return form(rng, AGAIN, key), key
