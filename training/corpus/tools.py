"""Talks with tools: the right call for a question, the answer from its result, and plain answers where none fits."""

import json
import re
from random import Random
from typing import Any

from training.corpus import courtesies, identity, offtopic, products, quotients, sums
from training.corpus.conversation import Message, Talk, Tool
from training.corpus.equations import equation
from training.corpus.phrasing import decorate
from training.corpus.split import Split, draw, place_key
from training.corpus.toolbox import KINDS, Kind
from training.corpus.words import WORDS

MOST_TOOLS = 4
RESULT_FOLLOWS = 0.55
CALCULATORS = ("add", "multiply")
WITHOUT = (sums.addition, sums.subtraction, products.product, quotients.quotient, equation)
# Off topic, yet one of the tools might answer it.
ANSWERABLE = re.compile(
    "weather|time|translat|capital|say|people|play|number|late|far|price|cost|how much|search", re.IGNORECASE
)
SMALL_TALK = (courtesies.hello, courtesies.thank_you, identity.who_are_you, identity.what_can_you_do, offtopic.off_topic)


def call(rng: Random, split: Split) -> Talk:
    """A question that one of the tools answers, perhaps with the tool's result and the answer made of it."""
    kinds = rng.sample(KINDS, rng.randrange(1, MOST_TOOLS + 1))
    kind = rng.choice(kinds)
    names = parameter_names(rng, split, kind)
    tools = [define(rng, split, each, names if each is kind else None) for each in kinds]
    tool = tools[kinds.index(kind)]
    values = draw(rng, split, lambda rng: arguments(rng, kind), lambda drawn: place_key(" ".join(map(str, drawn.values()))))
    renamed = {names[name]: value for name, value in values.items()}
    question = decorate(rng, filled(rng.choice(kind.questions), values))
    made: Message = {"role": "assistant", "content": "", "tool_calls": [function_call(tool["function"]["name"], renamed)]}
    talk: list[Message] = [{"role": "user", "content": question}, made]
    if rng.random() < RESULT_FOLLOWS:
        talk += answered(rng, kind, values)
    return Talk(talk, tools)


def answered(rng: Random, kind: Kind, values: dict[str, Any]) -> list[Message]:
    """The tool's result and the sentence made of it."""
    result = {name: sample(rng) for name, sample in kind.returns.items()}
    return [
        {"role": "tool", "content": json.dumps(result)},
        {"role": "assistant", "content": filled(kind.answer, values | result)},
    ]


def none_fits(rng: Random, split: Split) -> Talk:
    """Tools that have nothing to do with what is asked: abacus answers as if there were none."""
    family = rng.choice(WITHOUT if rng.random() < 0.6 else SMALL_TALK)
    kinds = rng.sample([kind for kind in KINDS if kind.names[0] not in CALCULATORS], rng.randrange(1, MOST_TOOLS))
    messages = family(rng, split).messages
    while family is offtopic.off_topic and ANSWERABLE.search(messages[0]["content"]):
        messages = family(rng, split).messages
    return Talk(messages, [define(rng, split, kind, None) for kind in kinds])


def define(rng: Random, split: Split, kind: Kind, names: dict[str, str] | None) -> Tool:
    """A definition as clients send it."""
    names = names or parameter_names(rng, split, kind)
    properties = {names[parameter.names[0]]: {"type": parameter.type} for parameter in kind.takes}
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        parameters["required"] = list(properties)
    function: dict[str, Any] = {"name": a_name(rng, kind.names, split)}
    if rng.random() < 0.8:
        function["description"] = rng.choice(kind.about)
    return {"type": "function", "function": {**function, "parameters": parameters}}


def parameter_names(rng: Random, split: Split, kind: Kind) -> dict[str, str]:
    """What a definition calls the tool's parameters, by their first names."""
    return {parameter.names[0]: a_name(rng, parameter.names, split) for parameter in kind.takes}


def a_name(rng: Random, names: tuple[str, ...], split: Split) -> str:
    """One of the names. In training it often has a word more, so that no name can be known without being read."""
    name = rng.choice(names)
    if split == "held-out" or rng.random() < 0.6:
        return name
    more = rng.choice(WORDS)
    return rng.choice((f"{name}_{more}", f"{more}_{name}", f"{name}{more.capitalize()}", f"{name}{rng.randrange(10)}"))


def arguments(rng: Random, kind: Kind) -> dict[str, Any]:
    """What the tool is called with, under the first names of its parameters."""
    while True:
        values = {parameter.names[0]: parameter.sample(rng) for parameter in kind.takes}
        if len(set(map(str, values.values()))) == len(values):  # Not from Paris to Paris.
            return values


def function_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A call as the template wants it."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def filled(text: str, values: dict[str, Any]) -> str:
    """The text with its slots filled."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
