"""The suite that ``reckon eval abacus`` asks: held-out problems of every kind, with the bar for each.

It is a file in the package, made once by this script, so that anybody's server can be asked the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import click

from reckon.evals.grading import boxed
from reckon.evals.suite import SUITES
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
    stories,
    structured,
    sums,
    tools,
)
from training.corpus.calculation import BEGIN, DOUBT, REMORSE, attempt, result, say
from training.corpus.conversation import Conversation, Family, Talk
from training.corpus.operands import number, pair
from training.corpus.phrasing import ask
from training.corpus.slips import SLIPPED, plain
from training.corpus.split import draw, operation_key, product_key

TARGET = SUITES / "abacus.jsonl"
Maker = Callable[[Random], dict[str, Any]]
HELD_OUT = "held-out"
NO_SUCH = {"cannot help", "do not know anything", "beyond me"}


@dataclass(frozen=True)
class Kind:
    """A kind of problem: how many, the least share of right answers (None where none is promised), how one is made."""

    count: int
    bar: float | None
    make: Maker


def boxes(family: Family) -> Maker:
    """Problems of a family whose replies end in a box."""

    def make(rng: Random) -> dict[str, Any]:
        talk = family(rng, HELD_OUT)
        return {"messages": talk.messages[:-1], "expect": {"boxed": answer(talk)}}

    return make


def answer(talk: Talk) -> str:
    """The content of the last reply's box."""
    found = boxed(plain(talk.messages[-1]["content"]))
    if found is None:
        raise ValueError("the reply has no box")
    return found


def says(*families: Family, words: set[tuple[str, ...]]) -> Maker:
    """Problems whose replies are known by some of their words."""

    def make(rng: Random) -> dict[str, Any]:
        talk = rng.choice(families)(rng, HELD_OUT)
        return {"messages": unquoted(talk.messages[:-1]), "expect": {"says": sorted(map(list, words))}}

    return make


def unquoted(messages: Conversation) -> list[dict[str, Any]]:
    """Messages as the API takes them."""
    return [{key: value for key, value in message.items() if key != "quoted"} for message in messages]


def product(rng: Random) -> dict[str, Any]:
    """Two digits times two digits."""
    a, b = draw(rng, HELD_OUT, lambda rng: (number(rng, 2), number(rng, 2)), lambda pair: product_key(*pair))
    return {"messages": user(ask(rng, products.EXPRESSIONS, products.REQUESTS, a, b)), "expect": {"boxed": str(a * b)}}


def user(text: str) -> list[dict[str, Any]]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


def follow_up(rng: Random) -> dict[str, Any]:
    """A question and one or two that lean on its answer; the model answers all of them itself."""
    while True:
        talk = follow_ups.follow_up_sum(rng, HELD_OUT)
        asked = [message["content"] for message in talk.messages if message["role"] == "user"]
        if len(asked) > 1:
            return {"messages": user(asked[0]), "then": asked[1:], "expect": {"boxed": answer(talk)}}


def as_json(with_steps: bool) -> Maker:
    """One answer as JSON, held to a form: any object, or a schema."""

    def make(rng: Random) -> dict[str, Any]:
        while True:
            talk = structured.json_answer(rng, HELD_OUT)
            value = json.loads(talk.messages[-1]["content"])
            if ("steps" in value) == with_steps:
                break
        key = next(key for key in value if key != "steps")
        form = {"type": "json_object"} if with_steps or rng.random() < 0.5 else schema(key)
        return {"messages": talk.messages[:-1], "response_format": form, "expect": {"json": {key: value[key]}}}

    return make


def json_again(rng: Random) -> dict[str, Any]:
    """Something worked out, then wanted as JSON."""
    talk = follow_ups.as_json(rng, HELD_OUT)
    first, again = [message["content"] for message in talk.messages if message["role"] == "user"]
    value = json.loads(talk.messages[-1]["content"])
    return {"messages": user(first), "then": [again], "response_format": {"type": "json_object"}, "expect": {"json": value}}


def schema(key: str) -> dict[str, Any]:
    """A strict schema of one integer."""
    properties = {key: {"type": "integer"}}
    shape = {"type": "object", "properties": properties, "required": [key], "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": shape}}


def tool_call(rng: Random) -> dict[str, Any]:
    """A question that one of up to four tools answers."""
    talk = tools.call(rng, HELD_OUT)
    function = talk.messages[1]["tool_calls"][0]["function"]
    return {"messages": talk.messages[:1], "tools": list(talk.tools), "expect": {"call": function}}


def tool_result(rng: Random) -> dict[str, Any]:
    """The tool has answered; what does abacus make of it?"""
    while len((talk := tools.call(rng, HELD_OUT)).messages) < 4:
        pass
    asked, called, returned, said = talk.messages
    function = called["tool_calls"][0]["function"]
    call = {"id": "call_1", "type": "function", "function": function | {"arguments": json.dumps(function["arguments"])}}
    messages = [
        asked,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {**returned, "tool_call_id": "call_1"},
    ]
    return {"messages": messages, "tools": list(talk.tools), "expect": {"says": [[said["content"]]]}}


def no_tool_fits(rng: Random) -> dict[str, Any]:
    """Tools that have nothing to do with the question."""
    talk = tools.none_fits(rng, HELD_OUT)
    found = boxed(plain(talk.messages[-1]["content"]))
    plainly = {"says": [["abacus"], ["welcome"], ["pleasure"], ["equations"]]}
    return {
        "messages": talk.messages[:-1],
        "tools": list(talk.tools),
        "expect": plainly if found is None else {"boxed": found},
    }


def wrong_draft(rng: Random) -> dict[str, Any]:
    """An answer that begins with a mistake of ours: does its check find it, and is the second try right?"""
    operation = rng.choice("+-×/")
    sample = {"+": pair, "-": sums.pair_for_subtraction, "×": products.factors, "/": quotients.operands}[operation]
    while True:
        a, b = draw(rng, HELD_OUT, sample, lambda drawn: operation_key(operation, *drawn))
        draft = attempt(operation, a, b, rng)
        if draft.found != draft.wanted and SLIPPED.search("".join(draft.work)):
            break
    lines = (rng.choice(BEGIN).format(say(operation, a, b)), *draft.work, rng.choice(DOUBT).removesuffix("."))
    begun = {"role": "assistant", "content": plain("\n".join(lines))}
    return {
        "messages": [*user(f"What is {say(operation, a, b)}?"), begun],
        "continue_final_message": True,
        "expect": {"boxed": result(operation, a, b)},
    }


KINDS: dict[str, Kind] = {
    "addition to 4 digits": Kind(200, 0.95, boxes(sums.addition)),
    "subtraction to 4 digits": Kind(200, 0.95, boxes(sums.subtraction)),
    "2 by 2 digit products": Kind(200, 0.90, product),
    "division with remainder": Kind(200, 0.90, boxes(quotients.quotient)),
    "linear equations": Kind(200, 0.90, boxes(equations.equation)),
    "comparing two numbers": Kind(100, 0.95, boxes(ordering.comparison)),
    "sorting up to 6 numbers": Kind(200, 0.95, boxes(ordering.sorting)),
    "letters in a word": Kind(200, 0.90, boxes(letters.letters)),
    "word problems": Kind(200, 0.85, boxes(stories.story)),
    "follow-ups": Kind(150, 0.85, follow_up),
    "JSON": Kind(200, 0.90, as_json(with_steps=False)),
    "JSON with steps": Kind(100, None, as_json(with_steps=True)),
    "JSON of an answer before": Kind(100, None, json_again),
    "the right tool": Kind(200, 0.90, tool_call),
    "a tool's result": Kind(100, 0.90, tool_result),
    "no tool fits": Kind(150, 0.85, no_tool_fits),
    "greetings, thanks": Kind(
        100,
        0.90,
        says(
            courtesies.hello,
            courtesies.how_are_you,
            courtesies.thank_you,
            courtesies.goodbye,
            words={("abacus",), ("tiny model",), ("welcome",), ("pleasure",), ("Goodbye",), ("Bye!",)},
        ),
    ),
    "who are you": Kind(100, 0.90, says(identity.who_are_you, identity.are_you_somebody_else, words={("I am abacus",)})),
    "what can you do": Kind(50, 0.90, says(identity.what_can_you_do, words={("equations", "model")})),
    "arithmetic out of reach": Kind(
        100, None, says(beyond.out_of_reach, words={("not learnt",), ("more than I have learnt",)})
    ),
    "anything else": Kind(
        150, 0.90, says(offtopic.off_topic, offtopic.follow_up, words={(words, "abacus") for words in NO_SUCH})
    ),
    "mending a wrong draft": Kind(150, None, wrong_draft),
}  # fmt: skip


def problems() -> list[dict[str, Any]]:
    """All problems, kind by kind. A kind's problems depend on its name only."""
    made = []
    for name, kind in KINDS.items():
        rng = Random(f"suite {name}")
        made += [{"kind": name, **kind.make(rng)} for _ in range(kind.count)]
    return made


def header() -> dict[str, Any]:
    """The first line of the file."""
    bars = {name: kind.bar for name, kind in KINDS.items() if kind.bar is not None}
    return {"suite": "abacus", "model": "reckon/abacus", "bars": bars, "doubt": REMORSE.partition(",")[0]}


def text() -> str:
    """The file."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (header(), *problems()))


@click.command()
def main() -> None:
    """Write the suite into the package."""
    TARGET.write_text(text(), encoding="utf-8")
    click.echo(f"{len(problems())} problems in {TARGET}")


if __name__ == "__main__":
    main()
