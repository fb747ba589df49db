"""Whatever a model would say, its answer fits the grammar: property tests with a sampler that takes any allowed token."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLParserLimits

from reckon.api.asking import schema
from reckon.job import Grammar
from reckon.worker.compiler import brief, compiled, fault, open_tokenizer
from reckon.worker.grammar import GrammarMatcher, Grammars
from text import checkpoint

CLOSED = {"type": "object", "additionalProperties": False}
PERSON = {
    **CLOSED,
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "bc", "ü"]}, "maxItems": 3},
        "boss": {"anyOf": [{"$ref": "#/$defs/boss"}, {"type": "null"}]},
    },
    "required": ["name", "age", "boss"],
    "$defs": {"boss": {**CLOSED, "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}},
}
CITY = {**CLOSED, "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint.write(tmp_path_factory.mktemp("tokens"), checkpoint.train())


@pytest.fixture(scope="module")
def ids(directory: Path) -> dict[str, int]:
    return {token["content"]: token["id"] for token in json.loads((directory / "tokenizer.json").read_text())["added_tokens"]}


@pytest.fixture(scope="module", params=[0, 7], ids=["whole words", "a part of a word"])
def size(ids: dict[str, int], request: pytest.FixtureRequest) -> int:
    """A model has more logits than the tokenizer has tokens; the mask's last word is full or is not."""
    return -(-(max(ids.values()) + 1) // 64) * 64 + int(request.param)


@pytest.fixture(scope="module")
def grammars(directory: Path, ids: dict[str, int], size: int) -> Grammars:
    return Grammars(directory, [ids["<|im_end|>"], ids["<|endoftext|>"]], size)


def grammar_of(**fields: Any) -> Grammar:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a"}], **fields})
    found = schema.parse(body.encode(), request="r", account="a").job.grammar
    assert found is not None
    return found


def tool(name: str, parameters: Any = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


class Uniform:
    """A model without opinions: each allowed token is as likely as any other. ``text`` is what it has said."""

    def __init__(self, directory: Path, size: int, ends: set[int]) -> None:
        self._tokens = open_tokenizer(directory)
        self._size = size
        self._ends = ends

    def allowed(self, matcher: GrammarMatcher) -> list[int]:
        mask = np.zeros(-(-self._size // 32), np.uint32)
        matcher.allow(mask)
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
        assert not bits[self._size :].any()
        return [int(token) for token in np.flatnonzero(bits)]

    def answer(self, matcher: GrammarMatcher, seed: int, most: int = 600) -> str | None:
        """None when the answer was not over after ``most`` tokens. At a fork that may end, it ends every other time."""
        dice, said = random.Random(seed), list[int]()
        while len(said) < most:
            tokens = self.allowed(matcher)
            assert tokens, "an answer that is not complete must have a way on"
            if self._ends & set(tokens) and (dice.random() < 0.5 or not set(tokens) - self._ends):
                return self.text(said)
            said.append(dice.choice([token for token in tokens if token not in self._ends]))
            if matcher.take(said[-1]):
                return self.text(said)
        return None

    def text(self, tokens: list[int]) -> str:
        return self._tokens.decode_bytes(tokens).decode()


@pytest.fixture(scope="module")
def model(directory: Path, size: int, ids: dict[str, int]) -> Uniform:
    return Uniform(directory, size, {ids["<|im_end|>"], ids["<|endoftext|>"]})


def is_person(value: Any) -> bool:
    boss = value["boss"]
    return (
        list(value) in (["name", "age", "boss"], ["name", "age", "tags", "boss"])
        and len(value["name"]) <= 12
        and type(value["age"]) is int
        and 0 <= value["age"] <= 150
        and set(value.get("tags", [])) <= {"a", "bc", "ü"}
        and len(value.get("tags", [])) <= 3
        and (boss is None or (list(boss) == ["ok"] and type(boss["ok"]) is bool))
    )


def is_city(value: Any) -> bool:
    return list(value) == ["city"] and len(value["city"]) <= 8


SEEDS = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_any_answer_fits_the_schema(seed: int, model: Uniform, grammars: Grammars) -> None:
    found = grammar_of(response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}})
    said = model.answer(grammars.matcher(found), seed)
    assert said is not None and is_person(json.loads(said)), said


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_any_answer_is_an_object(seed: int, model: Uniform, grammars: Grammars) -> None:
    """One that has not ended is one that goes on: no prefix is wrong."""
    said = model.answer(grammars.matcher(grammar_of(response_format={"type": "json_object"})), seed)
    assert said is None or isinstance(json.loads(said), dict), said


@pytest.mark.parametrize("regex", ["a+b{2,5}", "[A-Z]{3}-[0-9]{4}", "(yes|no)", "x/y", "ü{1,3}|你好", ""])
def test_any_answer_matches_the_regex(regex: str, model: Uniform, grammars: Grammars) -> None:
    found = grammar_of(response_format={"type": "regex", "regex": regex})
    for seed in range(20):
        said = model.answer(grammars.matcher(found), seed)
        assert said is not None and re.fullmatch(regex, said), said


CALLS = re.compile(r'<tool_call>\n\{"name": "(\w+)", "arguments": (.*?)\}\n</tool_call>', re.DOTALL)


def calls_in(said: str) -> list[tuple[str, Any]]:
    """The calls of an answer that has nothing else in it."""
    assert re.fullmatch(f"{CALLS.pattern}(\n{CALLS.pattern})*", said, re.DOTALL), said
    return [(name, json.loads(arguments)) for name, arguments in CALLS.findall(said)]


@pytest.mark.parametrize(
    ("fields", "most"),
    [({"tool_choice": "required"}, 99), ({"tool_choice": "required", "parallel_tool_calls": False}, 1)],
)
def test_any_answer_is_calls(fields: dict[str, Any], most: int, model: Uniform, grammars: Grammars) -> None:
    tools = [tool("person", PERSON), tool("city", CITY)]
    counts, names = set(), set()
    for seed in range(30):
        said = model.answer(grammars.matcher(grammar_of(tools=tools, **fields)), seed, 2000)
        assert said is not None
        calls = calls_in(said)
        assert all({"person": is_person, "city": is_city}[name](value) for name, value in calls), said
        counts.add(len(calls))
        names |= {name for name, _ in calls}
    assert names == {"person", "city"}
    assert max(counts) <= most and (most == 1 or len(counts) > 1)


def test_a_named_function_is_called_once(model: Uniform, grammars: Grammars) -> None:
    named = {"type": "function", "function": {"name": "city"}}
    found = grammar_of(tools=[tool("person", PERSON), tool("city", CITY)], tool_choice=named)
    for seed in range(20):
        said = model.answer(grammars.matcher(found), seed)
        assert said is not None
        ((name, value),) = calls_in(said)
        assert name == "city" and is_city(value)


def test_either_an_answer_or_calls(model: Uniform, grammars: Grammars) -> None:
    json_answer = {"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}}
    for format_, fits in ((json_answer, lambda said: is_person(json.loads(said))), ({"type": "regex", "regex": r"a/\d"}, None)):
        found = grammar_of(tools=[tool("city", CITY)], response_format=format_)
        kinds = set()
        for seed in range(30):
            matcher = grammars.matcher(found)
            said = model.answer(matcher, seed, 2000)
            assert said is not None
            if said.startswith("<tool_call>"):
                assert all(is_city(value) for _, value in calls_in(said))
            else:
                assert fits(said) if fits else re.fullmatch(r"a/\d", said)
            kinds.add(said.startswith("<tool_call>"))
        assert True in kinds


def test_text_and_then_one_call_at_most(model: Uniform, grammars: Grammars, ids: dict[str, int]) -> None:
    matcher = grammars.matcher(grammar_of(tools=[tool("city", CITY)], parallel_tool_calls=False))
    opening = ids["<tool_call>"]
    assert opening in model.allowed(matcher)
    tokens = open_tokenizer_of(grammars)
    for token in tokens("Let me see: <tool_call"):
        assert not matcher.take(token)
    assert tokens(">")[0] not in model.allowed(matcher), "the marker is its own token or nothing"
    assert not matcher.take(tokens("\n")[0])
    assert not matcher.take(opening)
    for token in tokens('\n{"name": "city", "arguments": {"city": "Rome"}}\n'):
        assert not matcher.take(token)
    assert matcher.take(ids["</tool_call>"])


def open_tokenizer_of(grammars: Grammars) -> Callable[[str], list[int]]:
    return open_tokenizer(grammars._directory).tokenize_str


def test_an_end_is_allowed_where_the_answer_may_end_and_only_there(
    model: Uniform, grammars: Grammars, ids: dict[str, int]
) -> None:
    ends = {ids["<|im_end|>"], ids["<|endoftext|>"]}
    tokens = open_tokenizer_of(grammars)
    matcher = grammars.matcher(Grammar("regex", "ab*"))
    assert not ends & set(model.allowed(matcher))
    assert not matcher.take(tokens("a")[0])
    assert ends <= set(model.allowed(matcher)) and len(model.allowed(matcher)) > 2
    closed = grammars.matcher(Grammar("regex", "a"))
    assert closed.take(tokens("a")[0]), "nothing but the end can follow"


def test_an_end_that_is_picked_completes_the_answer(grammars: Grammars, ids: dict[str, int]) -> None:
    matcher = grammars.matcher(Grammar("regex", "a*"))
    assert matcher.take(ids["<|im_end|>"])


def test_no_special_token_gets_into_a_string(model: Uniform, grammars: Grammars, ids: dict[str, int]) -> None:
    matcher = grammars.matcher(Grammar("json_schema", '{"type":"string"}'))
    matcher.take(open_tokenizer_of(grammars)('"')[0])
    assert not set(ids.values()) & set(model.allowed(matcher))


def test_the_journal_leads_to_the_same_place(model: Uniform, grammars: Grammars) -> None:
    found = grammar_of(response_format={"type": "json_object"})
    for seed in range(10):
        dice, first, said = random.Random(seed), grammars.matcher(found), list[int]()
        for _ in range(40):
            said.append(dice.choice(model.allowed(first)))
            if first.take(said[-1]):
                break
            again = grammars.matcher(found)
            assert [again.take(token) for token in said] == [False] * len(said)
            assert model.allowed(again) == model.allowed(first)


def test_a_token_that_is_not_allowed_is_not_taken(model: Uniform, grammars: Grammars) -> None:
    tokens = open_tokenizer_of(grammars)
    matcher, other = (grammars.matcher(Grammar("regex", "ab")) for _ in range(2))
    with pytest.raises(ValueError, match="doesn't satisfy"):
        matcher.take(tokens("z")[0])
    with pytest.raises(ValueError, match="doesn't satisfy"):
        model.allowed(matcher)
    assert not other.take(tokens("a")[0]), "the other knows nothing of it"


def test_another_matcher_goes_on_where_one_remembers_too_much(model: Uniform, directory: Path, size: int) -> None:
    """Each of the last 40 characters may have been the one: the automaton has 2 to the 40th states."""
    regex = LLMatcher.grammar_from_regex(r"(.|\n)*[a-m](.|\n){40}")
    tokenizer = open_tokenizer(directory, [0], size)

    def make(states: int) -> GrammarMatcher:
        return GrammarMatcher(LLMatcher(tokenizer, regex, log_level=0, limits=LLParserLimits(max_lexer_states=states)))

    tight, wide = make(4000), make(200_000)
    dice, said, anew = random.Random(1), list[int](), 0
    for _ in range(900):
        tokens = model.allowed(wide)
        token = dice.choice([token for token in tokens if token])
        try:
            assert model.allowed(tight) == tokens
            tight.take(token)
        except ValueError:
            tight, anew = make(4000), anew + 1
            assert {tight.take(token) for token in said} == {False}
            assert model.allowed(tight) == tokens
            tight.take(token)
        assert not wide.take(token)
        said.append(token)
    assert anew > 0, anew


def test_a_grammar_that_is_too_complex_says_so_and_allows_nothing(model: Uniform, grammars: Grammars) -> None:
    """A broken matcher would allow the end, which would pass for an answer."""
    properties = {f"p{number}": {"type": "string"} for number in range(1200)}
    matcher = grammars.matcher(Grammar("json_schema", json.dumps({"type": "object", "properties": properties})))
    with pytest.raises(ValueError, match="Current row has"):
        model.answer(matcher, 1)


@pytest.mark.parametrize(
    ("grammar", "says"),
    [
        (Grammar("json_schema", '{"type":"strin"}'), r"^Invalid type: strin$"),
        (Grammar("json_schema", "[]"), "must be an object"),
        (Grammar("json_schema", "{"), "expected"),
        (Grammar("json_schema", '{"$ref":"#/$defs/a"}'), "does not exist"),
        (Grammar("json_schema", '{"type":"array","uniqueItems":true}'), "uniqueItems"),
        (Grammar("regex", "(?=a)b"), r"^at 1\(8\): look-around"),
        (Grammar("regex", "(" * 300 + ")" * 300), "nested parentheses"),
        (Grammar("lark", "start: <nope>"), "unknown special token"),
        (Grammar("lark", "start: x\n"), "x"),
        (Grammar("lark", 'start: b\nb: %json {"type":"strin"}'), r"^at 2\(4\): failed to compile JSON schema: Invalid type"),
    ],
)
def test_what_does_not_compile_is_refused_in_the_compilers_words(grammar: Grammar, says: str, grammars: Grammars) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        grammars.matcher(grammar)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_a_trial_finds_what_breaks_later(directory: Path) -> None:
    tokenizer = open_tokenizer(directory)
    many = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(1200)}}
    late = Grammar("json_schema", json.dumps(many))
    compiled(tokenizer, late)
    assert "Current row has" in fault(tokenizer, late)
    assert fault(tokenizer, Grammar("regex", "(yes|no)+")) == ""
    assert fault(tokenizer, Grammar("regex", "")) == ""


def test_reports_are_shortened() -> None:
    assert brief("") == "no reason given"
    assert brief("at 3(1): regex parse error:\n  a\nerror: bad thing\n ^") == "at 3(1): bad thing"
    assert brief("what\nwhere\n<non-verbose/>") == "what"
    assert len(brief("x" * 1000)) == 241


def test_a_tokenizer_that_cannot_be_used_is_said_when_a_grammar_comes(tmp_path: Path) -> None:
    for text in (None, "{}", "not JSON"):
        if text is not None:
            (tmp_path / "tokenizer.json").write_text(text)
        broken = Grammars(tmp_path, [0], 10)
        broken.load()
        with pytest.raises(ValueError, match="no structured output"):
            broken.matcher(Grammar("regex", "a"))


@pytest.mark.parametrize(
    ("module", "without"), [("compiler", {"numpy", "torch", "starlette"}), ("grammar", {"torch", "starlette"})]
)
def test_it_imports_little(module: str, without: set[str]) -> None:
    code = f"import sys, reckon.worker.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not without & set(loaded)
