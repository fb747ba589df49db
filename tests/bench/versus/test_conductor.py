"""Turns: who gets which orders when, and what happens to those who fail."""

from typing import Any

import pytest

from bench.versus.scripts import Stage, burst
from reckon.bench.versus.cases import Case, Course
from reckon.bench.versus.conductor import Conductor, Patience, Record
from reckon.bench.versus.contestant import Contestant

DECODE, PREFILL = Case("decode", 2, 8), Case("prefill", 1, 16)


def play(*contestants: Contestant, rounds: int = 3, order: float = 30.0, told: dict[str, Any] | None = None) -> Record:
    conductor = Conductor(Course([DECODE, PREFILL], rounds, 4), 100, Patience(30.0, order), lambda line: None)
    return conductor.play(list(contestants), {contestant.name: told or {} for contestant in contestants})


def test_everybody_takes_turns_and_the_first_goes_last_next_time(stage: Stage) -> None:
    fakes = [stage.contestant(name, decode=burst(1.0), prefill=burst(2.0)) for name in "abc"]
    record = play(*fakes, rounds=4)
    turns = "".join(name for name, _ in stage.orders("decode"))
    assert [turns[at : at + 3] for at in range(0, 12, 3)] == ["abc", "bca", "cab", "abc"]
    whole = [(name, order["do"]) for name, order in stage.noted() if order["do"] != "decode"]
    for do, times in (("load", 1), ("open", 1), ("close", 1), ("prefill", 5)):  # a prompt more, to warm up
        assert [one[0] for one in whole if one[1] == do][:3] == list("abc")
        assert whole.count(("a", do)) == times
    assert record.lost == {} and [*record.loaded] == ["a", "b", "c"]
    assert {case: {name: len(bursts) for name, bursts in by.items()} for case, by in record.bursts.items()} == {
        DECODE: dict.fromkeys("abc", 4),
        PREFILL: dict.fromkeys("abc", 4),
    }


def test_everybody_gets_the_same_work_and_no_prompt_twice(stage: Stage) -> None:
    play(*(stage.contestant(name, decode=burst(1.0), prefill=burst(2.0)) for name in "ab"), told={"threads": 7})
    (_, first), (_, second) = stage.orders("load")
    assert first == second == {"do": "load", "context": 8 + 3 * 4 + 128, "sequences": 2, "threads": 7}
    (_, first), (_, second) = stage.orders("open")
    assert first == second == {"do": "open", "batch": 2, "prompt": 8, "tokens": 140, "vocab": 100, "seed": 0}
    assert {order["steps"] for _, order in stage.orders("decode")} == {4}
    seeds = {name: [order["seed"] for who, order in stage.orders("prefill") if who == name] for name in "ab"}
    assert seeds["a"] == seeds["b"] and len(set(seeds["a"])) == 4
    assert {(order["batch"], order["prompt"]) for _, order in stage.orders("prefill")} == {(1, 16)}


@pytest.mark.parametrize(
    ("fault", "order", "sentence"),
    [
        ({"load": "die"}, 30.0, "ended during 'load' with code 3: the last word"),
        ({"load": {"versions": {}}}, 30.0, "answered 'load' with nonsense: Object missing required field `settings`"),
        ({"open": {"error": "MemoryError: full"}}, 30.0, "'open' failed: MemoryError: full"),
        ({"decode": [burst(1.0), "die"]}, 30.0, "ended during 'decode' with code 3: the last word"),
        ({"prefill": "hang"}, 1.0, "no answer to 'prefill' within 1 s"),
    ],
)
def test_one_that_fails_is_out_and_the_others_go_on(fault: Any, order: float, sentence: str, stage: Stage) -> None:
    good = {"decode": burst(1.0), "prefill": burst(2.0)}
    record = play(stage.contestant("bad", **(good | fault)), stage.contestant("good", **good), order=order)
    assert record.lost == {"bad": sentence}
    assert [len(record.bursts[case]["good"]) for case in (DECODE, PREFILL)] == [3, 3]
    assert len(record.bursts[DECODE].get("bad", [])) == (3 if "prefill" in fault else 1 if "decode" in fault else 0)
    assert "bad" not in record.bursts[PREFILL]


def test_a_disturbed_sample_is_kept_as_it_was_reported(stage: Stage) -> None:
    record = play(stage.contestant("a", decode=[burst(1.0, waited=0.5), burst(1.0)], prefill=burst(2.0)))
    assert [burst.samples[0].disturbed(0.0) for burst in record.bursts[DECODE]["a"]] == [True, False, False]


def test_when_all_are_out_it_ends(stage: Stage) -> None:
    record = play(stage.contestant("a", load="die"), stage.contestant("b", open="die"))
    assert [*record.lost] == ["a", "b"]
    assert record.bursts == {DECODE: {}, PREFILL: {}}
