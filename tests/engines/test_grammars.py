"""Hostile grammars against the process that tries them: each is refused by itself, and the next one is answered."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from engines.conftest import Start, played
from reckon.engines.grammars import MAX_SOURCE, Grammars, refusal
from reckon.errors import EngineUnavailable, InvalidGrammar
from reckon.job import Finish, Grammar, Job, Message, Sampling
from text import checkpoint

GOOD = Grammar("json_schema", '{"type":"object"}')
HUGE = Grammar("json_schema", '{"type":"integer","multipleOf":999983}')
"""Its automaton has a state for each remainder: seconds, and then too much."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint.write(tmp_path_factory.mktemp("tokens"), checkpoint.train())


@pytest.fixture
async def grammars(directory: Path) -> AsyncIterator[Grammars]:
    one = Grammars(directory)
    yield one
    await one.close()


def schema(value: Any) -> Grammar:
    return Grammar("json_schema", json.dumps(value))


async def refused(grammars: Grammars, grammar: Grammar) -> InvalidGrammar:
    with pytest.raises(InvalidGrammar) as caught:
        await grammars.check(grammar)
    assert len(caught.value.message) < 400 and caught.value.message.endswith(".")
    return caught.value


def optional(names: str, levels: int) -> dict[str, Any]:
    return {"allOf": [{"anyOf": [{"properties": {f"{n}{i}": {"type": "string"}}} for n in names]} for i in range(levels)]}


def next_of(level: int) -> dict[str, Any]:
    return {"$ref": f"#/$defs/a{level + 1}"}


DOUBLING = {
    "$defs": {
        **{f"a{i}": {"type": "object", "properties": {"x": next_of(i), "y": {"allOf": [next_of(i)] * 2}}} for i in range(40)},
        "a40": {"type": "string"},
    },
    **next_of(-1),
}

HOSTILE = {
    "thousands of levels of JSON": (Grammar("json_schema", '{"items":' * 6_000 + "{}" + "}" * 6_000), "recursion limit"),
    "brackets": (Grammar("regex", "(" * 30_000 + ")" * 30_000), "nested parentheses"),
    "brackets of Lark": (Grammar("lark", "start: " + "(" * 20_000 + '"a"' + ")" * 20_000), "too deeply nested"),
    "repeated repetition": (Grammar("regex", r"((((a{1000}){1000}){1000}){1000}){1000}"), "too "),
    "many optional properties": (schema({"type": "object", "properties": {f"p{i}": {} for i in range(1500)}}), "row has"),
    "exponential allOf": (schema(optional("ab", 30)), "too large"),
    "exponential references": (schema(DOUBLING), "too l"),
    "itself, in itself": (schema({"allOf": [{"$ref": "#"}, {"type": "object"}]}), "circular"),
    "an unknown type": (schema({"type": "strin"}), "Invalid type: strin"),
    "a type of the wrong type": (schema({"type": 7}), ""),
    "no such definition": (schema({"$ref": "#/$defs/a"}), "does not exist"),
    "a schema of someone else": (schema({"$ref": "http://localhost/schema"}), "not present"),
    "nothing fits": (schema({"type": "object", "properties": {"a": False}, "required": ["a"]}), "nsatisfiable"),
    "looking around": (Grammar("regex", r"(?=a)b"), "look-around"),
    "half a regex": (Grammar("regex", "(a"), "unclosed group"),
    "too long": (Grammar("regex", "a" * (MAX_SOURCE + 1)), f"must not be longer than {MAX_SOURCE} bytes"),
    "a huge remainder": (HUGE, "it takes too long to compile"),
}  # fmt: skip


async def test_a_hostile_grammar_is_refused_and_the_next_one_is_not(grammars: Grammars) -> None:
    for number, (name, (grammar, says)) in enumerate(HOSTILE.items()):
        error = await refused(grammars, grammar)
        assert says in error.message, name
        assert (error.status, error.code) == (400, "invalid_grammar")
        await grammars.check(Grammar("regex", f"a{{{number}}}"))


async def test_large_but_honest(grammars: Grammars) -> None:
    for value in (
        {"enum": [f"word{i}" for i in range(5000)]},
        {"type": "object", "properties": {"n": {"$ref": "#"}}},
        {"type": "string", "minLength": 10**9, "maxLength": 2 * 10**9},
        {
            "$defs": {"a40": {}, **{f"a{i}": {"type": "object", "properties": {"x": next_of(i)}} for i in range(40)}},
            **next_of(-1),
        },
    ):
        await grammars.check(schema(value))


async def test_the_process_is_started_late_kept_and_replaced_after_a_death(grammars: Grammars) -> None:
    assert grammars.pid is None
    await grammars.check(GOOD)
    first = grammars.pid
    await refused(grammars, schema({"type": "strin"}))
    assert grammars.pid == first is not None
    await refused(grammars, HUGE)
    await grammars.check(Grammar("regex", "a"))
    assert grammars.pid not in (None, first)
    assert not Path(f"/proc/{first}").exists()


async def test_what_was_found_out_is_not_tried_again(grammars: Grammars) -> None:
    await grammars.check(GOOD)
    began = time.monotonic()
    first = await refused(grammars, HUGE)
    took = time.monotonic() - began
    pid = grammars.pid
    began = time.monotonic()
    again = await refused(grammars, HUGE)
    await grammars.check(GOOD)
    assert time.monotonic() - began < took / 5
    assert grammars.pid == pid and again.message == first.message


async def test_memory_is_bounded(directory: Path) -> None:
    grammars = Grammars(directory, remembered=3)
    for number in (1, 2, 3, 1, 4, 5, 1):
        await grammars.check(Grammar("regex", f"a{{{number}}}"))
    assert [grammar.source for grammar in grammars._faults] == ["a{4}", "a{5}", "a{1}"]
    await grammars.close()


async def test_a_process_that_was_killed_by_someone_else_is_no_fault_of_a_grammar(grammars: Grammars) -> None:
    await grammars.check(GOOD)
    assert grammars.pid is not None
    os.kill(grammars.pid, signal.SIGKILL)
    await grammars.check(Grammar("regex", "ab"))
    assert grammars.pid is not None
    stopped = grammars.pid
    os.kill(stopped, signal.SIGSTOP)  # it dies while it has the question
    asking = asyncio.create_task(grammars.check(Grammar("regex", "abc")))
    await asyncio.sleep(0.05)
    os.kill(stopped, signal.SIGKILL)
    await asking
    assert grammars.pid != stopped


async def test_many_at_once_are_answered_in_turn(grammars: Grammars) -> None:
    good = [Grammar("regex", f"a{{{number}}}") for number in range(20)]
    bad = [Grammar("regex", f"(a{{{number}}}") for number in range(20)]
    found = await asyncio.gather(*(grammars.check(one) for one in [*good, *bad]), return_exceptions=True)
    assert found[:20] == [None] * 20
    assert all(isinstance(error, InvalidGrammar) for error in found[20:])


async def test_whoever_gives_up_waiting_leaves_no_half_read_answer(grammars: Grammars) -> None:
    await grammars.check(GOOD)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(grammars.check(HUGE), 0.1)
    await grammars.check(Grammar("regex", "ab"))
    assert "Invalid type" in (await refused(grammars, schema({"type": "strin"}))).message


async def test_signals_of_the_group_do_not_end_it_but_its_input_does(grammars: Grammars) -> None:
    await grammars.check(GOOD)
    pid = grammars.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    await grammars.check(Grammar("regex", "a"))
    assert grammars.pid == pid
    await grammars.close()
    assert grammars.pid is None and not Path(f"/proc/{pid}").exists()
    await grammars.close()


async def test_a_checkpoint_without_a_usable_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    error = await refused(Grammars(tmp_path), GOOD)
    assert error.message.startswith("This model has no structured output: ")


async def test_a_process_that_does_not_start_is_our_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    (tmp_path / "llguidance.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="code 3"):
        await Grammars(directory).check(GOOD)


def lark(*rules: str) -> Grammar:
    return Grammar("lark", "\n".join(["start: calls", 'calls: call ("\\n" call)*', *rules]))


@pytest.mark.parametrize(
    ("grammar", "fault", "param", "says"),
    [
        (Grammar("json_schema", "{}"), "Bad", "response_format", "response_format cannot be followed: Bad."),
        (Grammar("regex", "("), "at 1(8): Bad", "response_format", "response_format cannot be followed: Bad."),
        (lark("function_7: x"), "at 3(1): Bad", "tools.7.function.parameters", "cannot be followed: Bad."),
        (lark("answer: x"), "at 3(1): Bad", "response_format", "cannot be followed: Bad."),
        (lark("answer: x"), "Bad", "tools", "tools cannot be followed: Bad."),
        (lark("answer: x"), "at 99(1): Bad", "tools", "tools cannot be followed: Bad."),
    ],
)
def test_a_refusal_names_the_field(grammar: Grammar, fault: str, param: str, says: str) -> None:
    error = refusal(grammar, fault)
    assert error.param == param and says in error.message


async def test_a_bad_tool_is_named_by_its_place(grammars: Grammars) -> None:
    grammar = lark("call: function_0 | function_2", 'function_0: "a"', 'function_2: %json {"type":"strin"}')
    error = await refused(grammars, grammar)
    assert (error.param, error.message) == (
        "tools.2.function.parameters",
        "tools.2.function.parameters cannot be followed: failed to compile JSON schema: Invalid type: strin.",
    )


def job(grammar: Grammar | None, **changes: Any) -> Job:
    return Job("id", "test/random", "acct", (Message("user", "Hello!"),), Sampling(seed=7), grammar=grammar, **changes)


async def test_an_engine_follows_a_grammar_and_survives_a_hostile_one(start: Start) -> None:
    engine = await start()
    worker = engine.worker_pid
    hostile = asyncio.create_task(engine.prepare(job(HUGE, max_tokens=8)))
    free = await engine.prepare(job(None, max_tokens=4))
    engine.admit(free)
    assert sum(isinstance(event, Finish) for event in await played(engine.run(free))) == 1
    with pytest.raises(InvalidGrammar):
        await hostile
    prepared = await engine.prepare(job(Grammar("regex", "(yes|no){2}"), n=2))
    text = ["", ""]
    for event in await played(engine.run(prepared)):
        if isinstance(event, Finish):
            assert event.reason == "stop"
        else:
            text[event.choice] += getattr(event, "text", "")
    assert all(one in ("yesyes", "yesno", "noyes", "nono") for one in text), text
    assert engine.worker_pid == worker and engine.restarts == 0


def test_a_compiler_whose_pipe_closed_before_its_end_was_known_is_replaced(directory: Path) -> None:
    """On the loop that serves: uvloop's pipes raise RuntimeError when they are closed, where asyncio's only warn."""

    async def scene() -> None:
        grammars = Grammars(directory)
        await grammars.check(Grammar("regex", "a+"))
        process = grammars._process
        assert process is not None and process.stdin is not None
        process.stdin.close()
        await asyncio.sleep(0)
        await grammars.check(Grammar("regex", "b+"))
        assert grammars._process is not process
        await grammars.close()

    uvloop.run(scene())
