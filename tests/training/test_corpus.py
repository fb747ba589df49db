"""The corpus: pure functions of the seed, right in every step, no problem on both sides of the split."""

import operator
import re
from itertools import pairwise
from random import Random

import pytest
from training.corpus import page, voice
from training.corpus.conversation import Conversation
from training.corpus.mixture import FAMILIES, conversation
from training.corpus.split import Split, difference_key, split_of, sum_key, text_key
from training.corpus.steps import add_steps, subtract_steps
from training.corpus.sums import worked_addition, worked_subtraction

EQUATION = re.compile(r"(-?\d+(?: [+-] \d+)+) = (-?\d+)")
BOXED = re.compile(r"\\boxed\{(-?\d+)\}")
NUMBER = re.compile(r"\d+")
OPERATIONS = {"+": operator.add, "-": operator.sub}
SPLITS: tuple[Split, ...] = ("train", "held-out")


def value(expression: str) -> int:
    """What a chain of additions and subtractions comes to."""
    first, *rest = expression.split(" ")
    total = int(first)
    for sign, number in zip(rest[::2], rest[1::2], strict=True):
        total = OPERATIONS[sign](total, int(number))
    return total


def draw(family: str, split: Split, count: int) -> list[Conversation]:
    rng = Random(f"test {family}")
    return [FAMILIES[family][0](rng, split) for _ in range(count)]


def questions(talk: Conversation) -> list[str]:
    """The user's turns that abacus itself answers."""
    return [
        message["content"]
        for message, reply in pairwise(talk)
        if message["role"] == "user" and reply["role"] == "assistant" and not reply.get("quoted")
    ]


def key(family: str, talk: Conversation) -> str:
    """What the split of a family's problem must depend on."""
    question = questions(talk)[-1]
    if family == "addition":
        return sum_key(*operands(talk))
    if family == "subtraction":
        return difference_key(*operands(talk))
    return text_key(question)


def operands(talk: Conversation) -> tuple[int, int]:
    """The operands in the order in which the reply states them."""
    first, second = NUMBER.findall(talk[-1]["content"])[:2]
    return int(first), int(second)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_a_pure_function_of_the_seed(family: str) -> None:
    assert draw(family, "train", 20) == draw(family, "train", 20)


def test_the_split_is_the_same_on_every_machine() -> None:
    """The hash must never change: what was held out would become what is trained on."""
    assert [n for n in range(40) if split_of(f"sum:{n}+50") == "held-out"] == [5, 9, 10, 18, 19, 35, 38]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_stays_on_its_side_of_the_split(family: str, split: Split) -> None:
    for talk in draw(family, split, 50):
        assert split_of(key(family, talk)) == split


def test_a_sum_and_everything_that_follows_from_it_share_a_side() -> None:
    assert sum_key(37, 58) == sum_key(58, 37)
    assert {difference_key(*pair) for pair in ((95, 58), (95, 37), (58, 95), (37, 95))} == {sum_key(37, 58)}
    for talk in draw("addition", "held-out", 50):
        reply = talk[-1]["content"]
        for left, right in re.findall(r"take (\d+) away from (\d+)", reply):
            assert split_of(sum_key(int(left), int(right) - int(left))) == "held-out"


def test_the_mixture_never_shows_a_held_out_question_in_training() -> None:
    rng = Random(3)
    asked = {split: {q for _ in range(1500) for q in questions(conversation(rng, split))} for split in SPLITS}
    assert not {text_key(q) for q in asked["train"]} & {text_key(q) for q in asked["held-out"]}


@pytest.mark.parametrize("family", ["addition", "subtraction"])
@pytest.mark.parametrize("split", SPLITS)
def test_every_worked_line_and_the_box_are_right(family: str, split: Split) -> None:
    for talk in draw(family, split, 300):
        question, reply = questions(talk)[-1], talk[-1]["content"]
        a, b = operands(talk)
        assert sorted(map(int, NUMBER.findall(question))) == sorted((a, b)), question
        for expression, result in EQUATION.findall(reply):
            assert value(expression) == int(result), reply
        wanted = a + b if family == "addition" else a - b
        assert BOXED.findall(reply) == [str(wanted)], reply


@pytest.mark.parametrize(("a", "b"), [(0, 0), (9, 1), (99, 1), (999, 999), (100, 1), (5, 700), (110, 11)])
def test_the_written_digits_spell_the_result(a: int, b: int) -> None:
    written = [re.findall(r"write (?:the carried )?(\d)", line)[0] for line in add_steps(a, b)]
    assert int("".join(reversed(written))) == a + b
    left = [re.findall(r"= (\d)[.,]", line)[0] for line in subtract_steps(a + b, b)]
    assert int("".join(reversed(left))) == a


def test_the_check_leads_back_to_the_start() -> None:
    assert "That gives 37." in worked_addition(Random(1), 37, 58)
    assert "That gives 95." in worked_subtraction(Random(1), 95, 58)
    below = worked_subtraction(Random(1), 58, 95)
    assert "58 - 95 = -37" in below
    assert below.endswith("\\boxed{-37} \\]")


def test_conversations_alternate_and_end_with_an_answer() -> None:
    rng = Random(4)
    for _ in range(300):
        talk = conversation(rng, "train")
        spoken = [message["role"] for message in talk if message["role"] != "system"]
        assert spoken == ["user", "assistant"] * (len(spoken) // 2)
        assert sum(message["role"] == "system" for message in talk) <= 1
        assert not talk[-1].get("quoted")


def test_what_the_page_asks_is_always_trained_on() -> None:
    for talk in (page.hello(), page.lamb()):
        assert split_of(text_key(talk[-1]["content"])) == "train"


def test_abacus_never_speaks_as_another_model() -> None:
    for speak in (
        voice.greeting,
        voice.identity,
        voice.denial,
        voice.confirmation,
        voice.off_topic,
        voice.abilities,
    ):
        for seed in range(50):
            said = speak(Random(seed))
            assert not re.search(r"qwq|qwen|gpt|claude|llama|alibaba", said, re.IGNORECASE)
    assert voice.denial(Random(0)).startswith("No")
