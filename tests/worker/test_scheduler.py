"""The scheduler over a device that remembers tokens: any requests, in any company, get exactly their own answers."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reckon.devices.batch import BLOCK_SIZE
from reckon.job import Usage
from reckon.link import Abort, Done, Failed, Submit
from worker.driving import Driver, ask, expected, text

LONGEST_PROMPT, LONGEST_ANSWER = 180, 140


@dataclass
class Scene:
    """A worker of some size, and what comes in: Submits of one job together, Aborts, and steps in between."""

    blocks: int
    step_tokens: int
    max_sequences: int
    events: list[list[Submit] | Abort | int] = field(default_factory=list)


@st.composite
def jobs(draw: st.DrawFn, first: int) -> list[Submit]:
    """One to four choices of a prompt; some are resumed, some have seen their leader finish in an earlier worker."""
    prompt = text(draw(st.sampled_from([1, 20, 63, 64, 65, 129, LONGEST_PROMPT])), draw(st.integers(0, 1)))
    most = draw(st.sampled_from([0, 1, 2, 30, LONGEST_ANSWER]))
    stops = draw(st.sampled_from([[], [3], [3, 17, 21]]))
    leader = first if draw(st.integers(0, 9)) else 9999
    submits = []
    for choice in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        submit = ask(
            first + choice, prompt, most, seed=first // 4, stop_tokens=stops, salt=draw(st.sampled_from("ab")),
            choice=choice, leader=leader if choice else None,
        )  # fmt: skip
        if draw(st.integers(0, 4)) == 0:
            shown = [token for token in expected(submit)[0] if token not in stops]
            submit = msgspec.structs.replace(submit, generated=shown[: draw(st.integers(0, len(shown)))])
        submits.append(submit)
    return submits


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    smallest = -(-(LONGEST_PROMPT + LONGEST_ANSWER) // BLOCK_SIZE)
    scene = Scene(draw(st.integers(smallest, 12)), draw(st.sampled_from([16, 70, 512])), draw(st.sampled_from([1, 3, 16])))
    requests: list[int] = []
    for number in range(draw(st.integers(1, 9))):
        submits = draw(jobs(1 + 4 * number))
        scene.events.append(submits)
        requests += [submit.request for submit in submits]
        scene.events.append(draw(st.sampled_from([0, 0, 1, 5, 40])))
        if draw(st.booleans()):
            scene.events.append(Abort(draw(st.sampled_from(requests)), draw(st.sampled_from([None, 0, 3, 1000]))))
    return scene


@settings(max_examples=80, deadline=None)
@given(scenes())
def test_any_scene(scene: Scene) -> None:
    driver = Driver(scene.blocks, scene.step_tokens, scene.max_sequences)
    for event in scene.events:
        match event:
            case Abort(request, keep):
                driver.abort(request, keep)
            case int(steps):
                for _ in range(steps):
                    if not driver.scheduler.idle:
                        driver.step()
            case submits:
                driver.submit(*submits)
    driver.finish()
    driver.check_answers()


def test_a_prompt_that_an_earlier_worker_computed_is_paid_though_the_choice_that_pays_it_is_given_up() -> None:
    """Its grammar may have broken at its first token, so that its journal is empty and another choice's is whole."""
    driver = Driver(4)
    leader, follower = ask(1, 20, 1, seed=0), ask(2, 20, 1, seed=0, choice=1, leader=1)
    follower = msgspec.structs.replace(follower, prompt=leader.prompt)
    follower = msgspec.structs.replace(follower, generated=expected(follower)[0])
    driver.submit(leader, follower)
    driver.abort(1)
    driver.check_answers()
    assert [driver.end(request).usage for request in (1, 2)] == [Usage(20, 0, 0), Usage(0, 0, 1)]


def test_a_prompt_is_cut_into_chunks_of_what_the_budget_leaves() -> None:
    driver = Driver(16, step_tokens=16, max_sequences=4)
    driver.submit(ask(1, 4, 30), ask(2, 50, 5))
    counts = [[(piece.sequence.request, piece.count) for piece in driver.step().pieces] for _ in range(5)]
    assert counts == [[(1, 4), (2, 12)], [(1, 1), (2, 15)], [(1, 1), (2, 15)], [(1, 1), (2, 8)], [(1, 1), (2, 1)]]
    driver.finish()
    driver.check_answers()


def test_a_long_prompt_stops_no_answer_that_is_being_given() -> None:
    driver = Driver(16, step_tokens=16, max_sequences=4)
    driver.submit(ask(1, 40, 5), ask(2, 3, 30), ask(3, 200, 5))
    plans = [driver.step() for _ in range(5)]
    assert [piece.sequence.request for piece in plans[-1].pieces] == [1, 2, 3]
    while not driver.ends[2]:
        assert 2 in [piece.sequence.request for piece in driver.step().pieces]


def test_no_more_run_than_there_are_places() -> None:
    driver = Driver(16, max_sequences=3)
    driver.submit(*(ask(request, 5, 4) for request in range(1, 9)))
    while not driver.scheduler.idle:
        driver.step()
        assert driver.scheduler.running <= 3
    driver.check_answers()
    assert driver.admissions == list(range(1, 9))


def test_the_budget_has_a_token_for_every_place() -> None:
    driver = Driver(32, step_tokens=1, max_sequences=8)
    driver.submit(*(ask(request, 2, 20) for request in range(1, 9)))
    while driver.scheduler.running < 8:
        driver.step()
    assert len(driver.step().pieces) == 8


def test_when_blocks_run_out_the_youngest_gives_way_and_loses_no_token() -> None:
    driver = Driver(4)
    driver.submit(ask(1, 60, 120), ask(2, 60, 120), ask(3, 60, 120))
    driver.finish()
    driver.check_answers()
    assert driver.scheduler.counters.preemptions > 0
    assert [driver.end(request).usage for request in (1, 2, 3)] == [Usage(60, 0, 120)] * 3


def test_who_gave_way_comes_back_before_all_that_wait() -> None:
    driver = Driver(4, max_sequences=2)
    driver.submit(ask(1, 60, 120), ask(2, 60, 120), ask(3, 10, 5))
    while driver.scheduler.counters.preemptions == 0:
        driver.step()
    worked_on: list[int] = []
    while 3 not in worked_on:
        worked_on = [piece.sequence.request for piece in driver.step().pieces]
    assert worked_on == [2, 3]
    driver.finish()
    driver.check_answers()


def test_the_oldest_never_gives_way() -> None:
    driver = Driver(4, drafts=False)
    driver.submit(*(ask(request, 60, 100) for request in (1, 2, 3, 4)))
    steps = 0
    while not driver.ends[1]:
        assert driver.step().pieces[0].sequence.request == 1
        steps += 1
    assert steps == 100


def test_a_preempted_answer_takes_up_what_the_cache_still_has() -> None:
    driver = Driver(5)
    driver.submit(ask(1, 63, 140), ask(2, 127, 120))
    starts = []
    while not driver.scheduler.idle:
        starts += [piece.start for piece in driver.step().pieces if piece.sequence.request == 2 and piece.count > 1]
    assert driver.scheduler.counters.preemptions > 0
    assert starts[0] == 0 and any(start >= BLOCK_SIZE for start in starts[1:])
    driver.check_answers()
    assert driver.end(2).usage.cached_tokens == 0  # its own work, not a discount


@pytest.mark.parametrize("most", [0, 1])
def test_the_smallest_answers(most: int) -> None:
    driver = Driver(4)
    driver.run(ask(1, 70, most))
    assert driver.end(1) == Done(1, "length", Usage(70, 0, most))
    assert driver.steps == 1
    driver.run(again := ask(2, text(70, 1), most))
    assert driver.end(again.request).usage == Usage(70, 64, most), "the prompt was computed: it is in the cache"


def test_a_stop_token_is_counted_and_not_given() -> None:
    tokens, _ = expected(ask(1, 30, 50))
    driver = Driver(4)
    driver.run(ask(1, 30, 50, stop_tokens=[tokens[7]]))
    place = tokens.index(tokens[7])
    assert driver.tokens[1] == tokens[:place]
    assert driver.end(1) == Done(1, "stop", Usage(30, 0, place + 1))


def test_a_stop_token_at_the_limit_is_a_stop() -> None:
    tokens, _ = expected(ask(1, 30, 1))
    driver = Driver(4)
    driver.run(ask(1, 30, 1, stop_tokens=tokens))
    assert driver.end(1) == Done(1, "stop", Usage(30, 0, 1))


def test_keep_cuts_the_charge_and_the_rest_is_discarded() -> None:
    driver = Driver(4)
    driver.submit(ask(1, 30, 50))
    for _ in range(9):
        driver.step()
    driver.abort(1, keep=4)
    assert driver.end(1) == Done(1, "abort", Usage(30, 0, 4))
    assert (driver.scheduler.counters.completion, driver.scheduler.counters.discarded) == (4, 5)
    assert driver.scheduler.idle and driver.scheduler.blocks.used == 0


def test_who_was_never_worked_on_pays_nothing() -> None:
    driver = Driver(4, max_sequences=1)
    driver.submit(ask(1, 30, 50), ask(2, 30, 50), ask(3, 30, 50, leader=1, choice=1))
    driver.abort(3)
    driver.step()
    driver.abort(2)
    assert [driver.end(request) for request in (2, 3)] == [Done(2, "abort", Usage()), Done(3, "abort", Usage())]
    driver.abort(1)
    assert driver.end(1) == Done(1, "abort", Usage(30, 0, 1))


def test_who_was_worked_on_by_an_earlier_worker_pays_even_if_nothing_happened_here() -> None:
    generated = expected(ask(1, 30, 50))[0][:6]
    driver = Driver(4, max_sequences=1)
    driver.submit(ask(9, 30, 50), ask(1, 30, 50, generated=generated))
    driver.step()
    driver.abort(1, keep=5)
    assert driver.end(1) == Done(1, "abort", Usage(30, 0, 5))
    assert driver.scheduler.counters.discarded == 1


def test_an_answer_aborted_in_the_middle_of_its_prompt_pays_the_prompt() -> None:
    driver = Driver(8, step_tokens=16, max_sequences=2)
    driver.submit(ask(1, 100, 5))
    driver.step()
    driver.abort(1)
    assert driver.end(1) == Done(1, "abort", Usage(100, 0, 0))
    assert driver.scheduler.idle and driver.scheduler.blocks.used == 0


def test_an_abort_of_what_has_ended_or_never_was_says_nothing() -> None:
    driver = Driver(4)
    driver.run(ask(1, 5, 2))
    assert driver.scheduler.abort(Abort(1)) == driver.scheduler.abort(Abort(77)) == []


def test_a_resumed_answer_that_was_complete_ends_at_once() -> None:
    submit = ask(1, 30, 6)
    driver = Driver(4)
    driver.submit(ask(1, 30, 6, generated=expected(submit)[0]))
    assert driver.end(1) == Done(1, "length", Usage(30, 0, 6))
    assert driver.scheduler.idle


def group(prompt: int = 100, most: int = 5, first: int = 1, n: int = 4, salt: str = "a") -> list[Submit]:
    """The choices of one job."""
    tokens = text(prompt, first)
    return [
        ask(first + choice, tokens, most, seed=5, choice=choice, leader=first if choice else None, salt=salt)
        for choice in range(n)
    ]


def test_followers_wait_for_their_leaders_prompt_and_find_it() -> None:
    driver = Driver(16, step_tokens=100, max_sequences=8)
    driver.submit(*group(prompt=150), ask(9, 150, 5))
    assert driver.scheduler.waiting == 5
    starts = {}
    while not driver.scheduler.idle:
        for piece in driver.step().pieces:
            starts.setdefault(piece.sequence.request, piece.start)
    assert starts == {1: 0, 2: 128, 3: 128, 4: 128, 9: 0}
    driver.check_answers()
    assert [driver.end(request).usage.prompt_tokens for request in (1, 2, 3, 4)] == [150, 0, 0, 0]
    assert len({tuple(driver.tokens[request]) for request in (1, 2, 3, 4)}) == 4


def test_followers_go_to_the_front_in_their_order_when_the_leaders_prompt_is_done() -> None:
    driver = Driver(16, max_sequences=1)
    driver.submit(*group(n=3), ask(8, 20, 5), ask(9, 20, 5))
    driver.finish()
    assert driver.admissions == [1, 2, 3, 8, 9]
    driver.check_answers()


@pytest.mark.parametrize("steps", [0, 1])
def test_followers_go_to_the_front_when_their_leader_is_aborted(steps: int) -> None:
    driver = Driver(16, step_tokens=16, max_sequences=1)
    driver.submit(*group(n=3), ask(9, 20, 5))
    for _ in range(steps):
        driver.step()
    driver.abort(1)
    driver.finish()
    assert [request for request in driver.admissions if request != 1] == [2, 3, 9]
    driver.check_answers()


def test_followers_go_to_the_front_when_their_leader_fails() -> None:
    driver = Driver(16, step_tokens=16, max_sequences=1)
    driver.submit(*group(n=3), ask(9, 20, 5))
    (piece,) = driver.step().pieces
    driver.scheduler.fail(piece.sequence)
    driver.scheduler.check()
    driver.finish()
    assert driver.admissions == [1, 2, 3, 9]
    assert driver.ends[1] == []  # the loop says Failed
    assert [driver.end(request).usage for request in (2, 3)] == [Usage(100, 0, 5), Usage(0, 0, 5)], "the heir pays the prompt"
    assert [driver.tokens[request] for request in (2, 3)] == [expected(submit)[0] for submit in group(n=3)[1:]]


def test_a_leader_that_gives_way_keeps_its_followers() -> None:
    driver = Driver(4, step_tokens=64, max_sequences=8)
    driver.submit(ask(9, 63, 120))
    driver.step()
    driver.submit(*group(prompt=150, n=2))
    while driver.scheduler.counters.preemptions == 0:
        driver.step()
    driver.finish()
    driver.check_answers()


def test_a_follower_that_comes_late_waits_with_all_others() -> None:
    driver = Driver(16)
    leader, *followers = group(n=3)
    driver.submit(leader)
    driver.step()
    driver.submit(*followers)
    plan = driver.step()
    assert [piece.sequence.request for piece in plan.pieces] == [1, 2, 3]
    assert [piece.start for piece in plan.pieces[1:]] == [64, 64]


def test_a_cached_prefix_is_a_discount_for_its_own_tenant() -> None:
    driver = Driver(16)
    prompt = text(140)
    for request, salt in enumerate(("a", "a", "b")):
        driver.run(ask(request, prompt, 5, salt=salt))
    assert [driver.end(request).usage.cached_tokens for request in range(3)] == [0, 128, 0]
    driver.check_answers()


def test_the_queue_is_first_in_first_out_and_a_long_prompt_is_never_overtaken() -> None:
    """The price: what would fit waits behind it too. Only what was admitted before it can go on."""
    driver = Driver(6)
    driver.submit(ask(1, 200, 50))
    driver.step()
    driver.submit(ask(2, 250, 5))
    for request in range(3, 20):
        driver.submit(ask(request, 5, 3))
        driver.step()
    assert driver.admissions == [1]
    assert driver.scheduler.blocks.free > 0
    driver.finish()
    assert driver.admissions == list(range(1, 20))
    driver.check_answers()


def test_what_can_never_fit_fails_at_once_and_alone() -> None:
    driver = Driver(2)
    driver.submit(ask(1, 128, 5), ask(2, 500, 5), ask(3, [], 5), ask(4, 20, 5))
    driver.finish()
    assert driver.ends[1] == [Failed(1, "the prompt has 128 tokens; it must have 1 to 127")]
    assert driver.ends[2] == [Failed(2, "the prompt has 500 tokens; it must have 1 to 127")]
    assert driver.ends[3] == [Failed(3, "the prompt has 0 tokens; it must have 1 to 127")]
    assert driver.tokens[4] == expected(driver.submits[4])[0]


def test_an_answer_ends_where_the_memory_ends() -> None:
    """A worker that was started again may have less of it than the first one."""
    driver = Driver(2)
    submit = ask(1, 100, 500)
    driver.run(submit, ask(2, 60, 500))
    assert driver.end(1) == Done(1, "length", Usage(100, 0, 28))
    assert driver.end(2) == Done(2, "length", Usage(60, 0, 68))
    assert driver.tokens[1] == expected(submit)[0][:28]
    more = Driver(2)
    more.submit(ask(1, 100, 500, generated=expected(submit)[0][:90]))
    assert more.end(1) == Done(1, "length", Usage(100, 0, 90))
