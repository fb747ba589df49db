"""The corpus: pure functions of the seed, right in every step, no problem on both sides of the split."""

import json
import re
from collections import Counter
from itertools import combinations, pairwise
from random import Random

import pytest
from tokenizers import Tokenizer
from training.corpus import page, voice
from training.corpus.calculation import attempt, reason, result, worked
from training.corpus.columns import add, compare, subtract
from training.corpus.conversation import Talk
from training.corpus.letters import ENDINGS, joined, spelt
from training.corpus.methods import digit_sum, divide, multiply, times_digit
from training.corpus.mixture import FAMILIES, conversation
from training.corpus.ordering import compared, in_order
from training.corpus.pieces import BEGINNINGS, INSIDE
from training.corpus.slips import SLIPPED, plain, slip
from training.corpus.split import Split, difference_key, list_key, place_key, split_of, sum_key, text_key, word_key
from training.corpus.tools import a_name
from training.corpus.words import WORDS
from training.recipe import SHIPPED

SUM = re.compile(r"(?<![\d+×-])(\d+(?:[+×-]\d+)+)=(\d+)(?![\d\ue000-\ue009])")
CLAIM = re.compile(r"So (\d+) ([+×/-]) (\d+) = (-?\d+)(?: remainder (\d+))?")
BOXED = re.compile(r"\\boxed\{([^}]*)\}")
NUMBER = re.compile(r"\d+")
SPLITS: tuple[Split, ...] = ("train", "held-out")
BOXING = (
    "addition", "subtraction", "product", "quotient", "equation", "comparison", "sorting", "letters", "story", "follow_up_sum",
)  # fmt: skip
TALKATIVE = (
    "hello", "how_are_you", "thank_you", "goodbye", "who_are_you", "what_can_you_do", "are_you_somebody_else",
    "are_you_abacus", "out_of_reach", "off_topic", "follow_up",
)  # fmt: skip


def draw(family: str, split: Split, count: int) -> list[Talk]:
    rng = Random(f"test {family}")
    return [FAMILIES[family][0](rng, split) for _ in range(count)]


def questions(talk: Talk) -> list[str]:
    """The user's turns that abacus itself answers."""
    return [
        message["content"]
        for message, reply in pairwise(talk.messages)
        if message["role"] == "user" and reply["role"] == "assistant" and not reply.get("quoted")
    ]


def value(expression: str) -> int:
    """What a line of products, sums and differences comes to."""
    total = 0
    for sign, term in re.findall(r"([+-]?)((?:\d+×)*\d+)", expression):
        product = 1
        for factor in term.split("×"):
            product *= int(factor)
        total += -product if sign == "-" else product
    return total


def replies(talk: Talk) -> list[str]:
    return [message["content"] for message in talk.messages if message["role"] == "assistant" and not message.get("quoted")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_a_pure_function_of_the_seed(family: str) -> None:
    assert draw(family, "train", 20) == draw(family, "train", 20)


def test_the_split_is_the_same_on_every_machine() -> None:
    """The hash must never change: what was held out would become what is trained on."""
    assert [n for n in range(40) if split_of(f"sum:{n}+50") == "held-out"] == [5, 9, 10, 18, 19, 35, 38]


@pytest.mark.parametrize("split", SPLITS)
def test_sums_stay_on_their_side_of_the_split(split: Split) -> None:
    for family, key in (("addition", sum_key), ("subtraction", difference_key)):
        for talk in draw(family, split, 50):
            a, b = map(int, NUMBER.findall(talk.messages[-1]["content"])[:2])
            assert split_of(key(a, b)) == split


@pytest.mark.parametrize("split", SPLITS)
def test_words_and_places_stay_on_their_side_of_the_split(split: Split) -> None:
    for talk in draw("letters", split, 50):
        spelling = re.search(r": (.*)\.\n", talk.messages[-1]["content"])
        assert spelling
        assert split_of(word_key("".join(re.findall(r"[a-z]", spelling[1])))) == split
    for talk in draw("tool_call", split, 50):
        arguments = talk.messages[1]["tool_calls"][0]["function"]["arguments"]
        assert split_of(place_key(" ".join(map(str, arguments.values())))) == split


def test_a_sum_and_everything_that_follows_from_it_share_a_side() -> None:
    assert sum_key(37, 58) == sum_key(58, 37)
    assert {difference_key(*pair) for pair in ((95, 58), (95, 37), (58, 95), (37, 95))} == {sum_key(37, 58)}


@pytest.mark.parametrize("family", TALKATIVE)
def test_words_asked_in_the_evaluation_are_never_trained_on(family: str) -> None:
    for split in SPLITS:
        for talk in draw(family, split, 60):
            assert split_of(text_key(questions(talk)[-1])) == split


@pytest.mark.parametrize("family", BOXING)
@pytest.mark.parametrize("split", SPLITS)
def test_every_line_is_right_but_for_the_slips_and_the_last_box_always(family: str, split: Split) -> None:
    for talk in draw(family, split, 150):
        for reply in replies(talk):
            slipped = bool(SLIPPED.search(reply))
            for line in reply.splitlines():
                for expression, total in SUM.findall(line):
                    assert value(expression) == int(total), reply
            if not slipped:
                for a, operation, b, total, rest in CLAIM.findall(reply):
                    assert result(operation, int(a), int(b)) == total + (f" remainder {rest}" if rest else ""), reply
            assert len(BOXED.findall(reply)) == 1
            assert ("does not fit" in reply) == slipped, reply


@pytest.mark.parametrize("operation", "+-×/")
def test_a_draft_with_a_slip_is_found_by_its_check_and_mended(operation: str) -> None:
    rng = Random(7)
    found = 0
    for _ in range(300):
        a, b = rng.randrange(1, 1000), rng.randrange(2, 10) if operation == "/" else rng.randrange(1, 100)
        draft = attempt(operation, a, b, rng)
        if SLIPPED.search("\n".join(draft.work)):
            assert draft.found != draft.wanted, draft
            found += 1
        else:
            assert draft.found == draft.wanted
    assert found > 200


def test_mistakes_are_mended_before_the_box() -> None:
    for seed in range(200):
        reply = worked(Random(seed), "+", 468, 375)
        assert BOXED.findall(reply) == ["843"]
        before, _, after = reply.partition("Once more:")
        assert ("= 843" in before) != bool(after), reply


def test_a_slip_changes_the_last_digit_and_never_by_nine() -> None:
    rng = Random(2)
    for number in range(200):
        other = slip(rng, number)
        assert other // 10 == number // 10
        assert abs(other - number) not in (0, 9)
    assert slip(rng, 5, least=5, most=5) == 5


def test_a_slip_is_shown_as_the_digit_it_stands_for() -> None:
    assert plain("3+4=\ue008.") == "3+4=8."


@pytest.mark.parametrize(("a", "b"), [(0, 0), (9, 1), (99, 1), (9999, 9999), (100, 1), (5, 700), (110, 11)])
def test_the_written_methods(a: int, b: int) -> None:
    assert add(a, b)[1] == a + b
    assert subtract(a + b, b)[1] == a
    assert times_digit(a, 7, 6)[1] == 7 * a + 6
    assert divide(a, 7)[1:] == divmod(a, 7)
    assert multiply(a % 1000, max(b % 100, 1))[1] == a % 1000 * max(b % 100, 1)
    assert digit_sum(a)[1] == (0 if a == 0 else (a - 1) % 9 + 1)


def test_numbers_are_compared_from_the_front() -> None:
    assert "4719 and 4792.\nFrom the front: 4=4, 7=7, 1<9." in compared(4719, 4792, larger=True)
    assert BOXED.findall(compared(4719, 4792, larger=True)) == ["4792"]
    assert "4719 and 0086.\nFrom the front: 4>0." in compared(4719, 86, larger=False)
    assert BOXED.findall(compared(4719, 86, larger=False)) == ["86"]
    assert compare(30, 30) == "3=3, 0=0"


def test_lists_are_put_in_order() -> None:
    reply = in_order((45, 7, 512, 7, 498), down=False, whole=True)
    assert BOXED.findall(reply) == ["7, 7, 45, 498, 512"]
    assert "Smallest: 045 007: 0=0, 4>0; 007 512: 0<5; 007 007: 0=0, 0=0, 7=7; 007 498: 0<4. So 007." in reply
    assert "Sorted: 007. Left: 045 512 007 498." in reply
    assert BOXED.findall(in_order((45, 7, 512), down=True, whole=False)) == ["512"]


@pytest.mark.parametrize("family", ["comparison", "sorting"])
@pytest.mark.parametrize("split", SPLITS)
def test_every_pair_of_digits_is_compared_rightly(family: str, split: Split) -> None:
    signs: Counter[str] = Counter()
    for talk in draw(family, split, 60):
        for x, sign, y in re.findall(r"\b(\d)([<=>])(\d)\b", talk.messages[-1]["content"]):
            assert sign == ("=" if x == y else "<" if x < y else ">")
            signs[sign] += 1
    assert set(signs) == {"<", "=", ">"}


def test_no_pair_of_a_list_to_be_sorted_is_held_out() -> None:
    rng, lengths = Random(8), Counter[int]()
    for _ in range(300):
        question = FAMILIES["sorting"][0](rng, "train").messages[0]["content"]
        numbers = [int(number) for number in NUMBER.findall(question)]
        lengths[len(numbers)] += 1
        assert all(split_of(list_key(pair)) == "train" for pair in combinations(numbers, 2))
    assert set(lengths) == set(range(2, 8))


def test_pieces_are_single_tokens_where_they_are_put() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    assert [piece for piece in BEGINNINGS if len(tokenizer.encode(f" {piece}").ids) != 1] == []
    assert [piece for piece in INSIDE if len(tokenizer.encode(piece).ids) != 1] == []


def test_a_held_out_word_stands_in_a_longer_one_only_as_a_piece() -> None:
    rng, pieces = Random(9), {*BEGINNINGS, *INSIDE}
    held_out = {word for word in WORDS if split_of(word_key(word)) == "held-out"} - pieces

    def with_an_ending(word: str, fronts: set[str]) -> bool:
        return any(word.removesuffix(ending) in fronts for ending in ENDINGS if word.endswith(ending))

    joins = [joined(rng) for _ in range(3000)]
    assert [word for word in joins if with_an_ending(word, held_out) and not with_an_ending(word, pieces)] == []
    assert sum(with_an_ending(word, pieces) for word in joins) > 300


def test_words_are_joined_so_that_every_piece_is_spelt_somewhere() -> None:
    rng = Random(3)
    made = {joined(rng) for _ in range(300)}
    assert all(word.isalpha() for word in made)
    assert len(made - set(WORDS)) > 250


def test_names_of_tools_are_read_in_training_and_plain_in_the_suite() -> None:
    rng, names = Random(5), ("get_weather", "weather")
    assert {a_name(rng, names, "held-out") for _ in range(50)} == set(names)
    assert len({a_name(rng, names, "train") for _ in range(100)}) > 20


def test_letters_are_counted_as_they_come() -> None:
    assert "s, t, r 1, a, w, b, e, r 2, r 3, y" in spelt("strawberry", "r")
    assert BOXED.findall(spelt("strawberry", "r")) == ["3"]
    assert BOXED.findall(spelt("banana", None)) == ["6"]


def test_json_answers_are_json() -> None:
    for family in ("json_answer", "as_json"):
        for talk in draw(family, "train", 50):
            assert isinstance(json.loads(talk.messages[-1]["content"]), dict)


@pytest.mark.parametrize("split", SPLITS)
def test_a_call_fits_the_definition_it_was_read_from(split: Split) -> None:
    for talk in draw("tool_call", split, 100):
        function = talk.messages[1]["tool_calls"][0]["function"]
        definitions = {tool["function"]["name"]: tool["function"] for tool in talk.tools}
        assert 1 <= len(definitions) == len(talk.tools) <= 4
        properties = definitions[function["name"]]["parameters"]["properties"]
        assert set(function["arguments"]) == set(properties)
        for name, given in function["arguments"].items():
            assert isinstance(given, str) == (properties[name]["type"] == "string")
            assert str(given).casefold() in talk.messages[0]["content"].casefold()
        assert "{" not in (talk.messages[0]["content"] + talk.messages[-1]["content"]).replace("\\boxed{", "")


def test_where_no_tool_fits_none_is_called() -> None:
    for talk in draw("no_tool_fits", "train", 60):
        assert talk.tools
        assert not any(message.get("tool_calls") for message in talk.messages)


def test_conversations_alternate_and_end_with_an_answer() -> None:
    rng = Random(4)
    for _ in range(300):
        talk = conversation(rng, "train")
        spoken = ["user" if m["role"] == "tool" else m["role"] for m in talk.messages if m["role"] != "system"]
        assert spoken == ["user", "assistant"] * (len(spoken) // 2)
        assert sum(message["role"] == "system" for message in talk.messages) <= 1
        assert not talk.messages[-1].get("quoted")


def test_what_the_page_asks_is_always_trained_on() -> None:
    for talk in (page.hello(), page.lamb()):
        assert split_of(text_key(talk[-1]["content"])) == "train"


def test_abacus_never_speaks_as_another_model() -> None:
    for speak in (voice.greeting, voice.identity, voice.denial, voice.confirmation, voice.off_topic, voice.abilities):
        for seed in range(50):
            said = speak(Random(seed))
            assert not re.search(r"qwq|qwen|gpt|claude|llama|alibaba", said, re.IGNORECASE)
    assert voice.denial(Random(0)).startswith("No")


def test_a_reply_ends_where_its_second_try_does() -> None:
    """Without a slip there is one try, with one there are two: ``reason`` never checks the second."""
    tries: list[bool] = []

    def attempt_sum(careless: Random | None):  # type: ignore[no-untyped-def]
        tries.append(careless is not None)
        return attempt("+", 12, 30, careless)

    for seed in range(60):
        tries.clear()
        reason(Random(seed), "So.", attempt_sum, 42)
        assert tries in ([False], [True], [True, False])  # A slip that shows at once is taken back.
