"""Answers under a grammar: what it allows, when it is complete, and that one that breaks harms its own answer only."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.job import Grammar, Usage
from reckon.link import Done, Failed
from worker.driving import VOCAB, Driver, ask

COUNTING = Grammar("regex", "counting")
STOPPING = Grammar("regex", "stopping")
ODD = Grammar("regex", "odd")


@dataclass
class Counting:
    """Any of three tokens each time, in turn from 0 to 2, 3 to 5 and so on, ``length`` times; the token 39 if ``stops``.

    ``breaks`` is the step at which it raises ``error``, in ``allow`` or else in ``take``.
    """

    length: int = 5
    stops: bool = False
    breaks: int = -1
    in_allow: bool = False
    error: Exception = field(default_factory=lambda: ValueError("it broke"))
    taken: list[int] = field(default_factory=list)

    def allow(self, mask: NDArray[np.uint32]) -> None:
        assert mask.shape == (-(-VOCAB // 32),) and not mask.any()
        if self.in_allow and len(self.taken) == self.breaks:
            raise self.error
        for token in (*range(3 * len(self.taken), 3 * len(self.taken) + 3), *[39] * self.stops):
            mask[token // 32] |= np.uint32(1 << token % 32)

    def take(self, token: int) -> bool:
        if not self.in_allow and len(self.taken) == self.breaks:
            raise self.error
        if token // 3 != len(self.taken):
            raise ValueError(f"{token} was not allowed")
        self.taken.append(token)
        return len(self.taken) == self.length


def driver(blocks: int = 40, **fields: object) -> Driver:
    """Requests with a grammar get a Counting; that of the grammar ODD has ``fields``."""

    def make(grammar: Grammar) -> Counting:
        others = fields if grammar == ODD else {}
        return Counting(stops=grammar == STOPPING, **others)  # type: ignore[arg-type]

    return Driver(blocks, make_matcher=make)


def counted(tokens: list[int]) -> list[int]:
    return [token // 3 for token in tokens]


def test_a_complete_answer_stops_with_its_last_token() -> None:
    found = driver()
    tokens = found.run(ask(1, 20, 30, grammar=COUNTING), ask(2, 70, 30))
    assert counted(tokens[1]) == [0, 1, 2, 3, 4]
    assert found.end(1) == Done(1, "stop", Usage(20, 0, 5))
    assert found.end(2).reason == "length"
    assert tokens[2] == Driver(40).run(ask(2, 70, 30))[2]


def test_length_and_a_stop_token_end_it_as_ever() -> None:
    found = driver()
    tokens = found.run(
        ask(1, 20, 3, grammar=COUNTING), *(ask(n, 20, 30, grammar=STOPPING, stop_tokens=[39]) for n in range(2, 20))
    )
    assert (counted(tokens[1]), found.end(1).reason) == ([0, 1, 2], "length")
    stopped = [number for number in range(2, 20) if len(tokens[number]) < 5]
    assert stopped and len(stopped) < 18
    for number in range(2, 20):
        assert counted(tokens[number]) == list(range(len(tokens[number])))
        assert found.end(number).reason == "stop"
        assert found.end(number).usage.completion_tokens == len(tokens[number]) + (number in stopped)


@pytest.mark.parametrize("cut", range(6))
def test_resumed_at_each_token_even_the_last(cut: int) -> None:
    whole = driver().run(ask(1, 20, 30, grammar=COUNTING))[1]
    found = driver()
    assert found.run(ask(1, 20, 30, grammar=COUNTING, generated=whole[:cut])) == {1: whole}
    assert found.end(1) == Done(1, "stop", Usage(20, 0, 5))


def test_with_so_few_blocks_that_answers_give_way() -> None:
    asked = [ask(number, 120, 12, grammar=COUNTING) for number in range(2, 8)]
    roomy, tight = driver(), driver(blocks=5)
    long = [ask(20 + number, 60, 60) for number in range(4)]
    expected = roomy.run(*asked, *long)
    assert tight.run(*asked, *long) == expected
    assert tight.scheduler.counters.preemptions > 0


def blamed(request: int, error: Exception, usage: Usage) -> Failed:
    """A ValueError is the owner's fault, who pays; anything else is ours."""
    if isinstance(error, ValueError):
        return Failed(request, str(error), "grammar", usage)
    return Failed(request, "the engine could not follow the grammar of this request")


@pytest.mark.parametrize("in_allow", [True, False], ids=["allow", "take"])
@pytest.mark.parametrize("breaks", [0, 3])
@pytest.mark.parametrize("error", [ValueError("it broke"), ZeroDivisionError("oops")], ids=["broken", "defect"])
def test_a_matcher_that_raises_fails_its_own_request(in_allow: bool, breaks: int, error: Exception) -> None:
    """Twice: another matcher is made and breaks at the same place."""
    found = driver(breaks=breaks, in_allow=in_allow, error=error)
    good = [ask(2, 20, 30, grammar=COUNTING), ask(3, 70, 9)]
    tokens = found.run(ask(1, 20, 30, grammar=ODD), *good)
    assert found.ends[1] == [blamed(1, error, Usage(20, 0, breaks))]
    assert counted(tokens[1]) == list(range(breaks))
    assert {number: tokens[number] for number in (2, 3)} == driver().run(*good)


@pytest.mark.parametrize("error", [ValueError("no such grammar"), RuntimeError("oops")])
def test_a_grammar_that_does_not_compile_fails_its_own_request(error: Exception) -> None:
    def make(grammar: Grammar) -> Counting:
        raise error

    found = Driver(40, make_matcher=make)
    assert len(found.run(ask(1, 20, grammar=COUNTING), ask(2, 20))[2]) == 10
    assert found.ends[1] == [blamed(1, error, Usage())]


def test_a_journal_that_does_not_fit_the_grammar_fails() -> None:
    found = driver()
    found.run(ask(2, 20, grammar=COUNTING, generated=[0, 0]))
    assert found.ends[2] == [Failed(2, "0 was not allowed", "grammar", Usage(20, 0, 2))]


def test_a_worker_without_grammars_says_so() -> None:
    found = Driver(40)
    found.run(ask(1, 20, grammar=COUNTING))
    assert found.ends[1] == [Failed(1, "this engine has no grammars", "grammar")]


@dataclass
class Forgetful(Counting):
    """One that breaks after every ``lasts`` tokens it took while it was asked for more, wherever it began."""

    lasts: int = 2
    asked: int = 0

    def allow(self, mask: NDArray[np.uint32]) -> None:
        self.asked += 1
        if self.asked > self.lasts:
            raise ValueError("its memory is full")
        super().allow(mask)


@pytest.mark.parametrize(("length", "ends"), [(10, "stop"), (11, "its memory is full")])
def test_a_matcher_that_breaks_is_replaced_four_times(length: int, ends: str) -> None:
    """Five of them get 2 tokens further each, and what was picked is picked again: the answer is what it would have been."""
    made = 0

    def forgetful(grammar: Grammar) -> Forgetful:
        nonlocal made
        made += 1
        return Forgetful(length)

    found, plain = Driver(40, make_matcher=forgetful), Driver(40, make_matcher=lambda grammar: Counting(length))
    asked = ask(1, 150, 30, grammar=COUNTING)
    assert found.run(asked)[1] == plain.run(asked)[1][:10]
    (end,) = found.ends[1]
    assert (end.reason if isinstance(end, Done) else end.message) == ends
    assert (end.usage, made) == (Usage(150, 0, 10), 5)
    assert found.steps <= 16, "what is computed again is what the cache has not kept"


def test_choices_compile_when_their_prompt_is_there() -> None:
    made = 0

    def counting(grammar: Grammar) -> Counting:
        nonlocal made
        made += 1
        return Counting()

    found = Driver(40, make_matcher=counting)
    found.submit(
        *(ask(1 + choice, 100, seed=5, choice=choice, leader=1 if choice else None, grammar=COUNTING) for choice in range(3))
    )
    assert (found.scheduler.uncompiled, found.scheduler.waiting) == (1, 3)
    found.step()
    assert (made, found.scheduler.uncompiled) == (1, 2)
    found.finish()
    assert [found.end(request).usage for request in (1, 2, 3)] == [Usage(100, 0, 5), Usage(0, 0, 5), Usage(0, 0, 5)]


def test_who_waits_for_its_grammar_can_be_aborted() -> None:
    found = driver()
    found.submit(ask(1, 20, grammar=COUNTING), ask(2, 20, leader=1, choice=1, grammar=COUNTING))
    found.abort(1)
    assert found.end(1) == Done(1, "abort", Usage())
    found.finish()
    assert found.end(2).usage == Usage(20, 0, 5), "the heir pays"


def test_scores_come_with_the_tokens_of_those_who_ask() -> None:
    found = driver()
    tokens = found.run(ask(1, 20, logprobs=2), ask(2, 20), ask(3, 20, logprobs=0), ask(4, 100, grammar=COUNTING, logprobs=5))
    assert found.scores[1] == [(-token, [(0, 0), (1, -1)]) for token in tokens[1]]
    assert found.scores[2] == [None] * 10
    assert found.scores[3] == [(-token, []) for token in tokens[3]]
    assert [len(score[1]) for score in found.scores[4] if score] == [5] * 5


def test_scores_of_a_resumed_answer_are_of_its_new_tokens() -> None:
    asked = ask(1, 20, logprobs=1)
    whole = driver().run(asked)[1]
    found = driver()
    found.run(msgspec.structs.replace(asked, generated=whole[:4]))
    assert found.scores[1] == [(-token, [(0, 0)]) for token in whole[4:]]
