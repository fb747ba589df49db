"""Guesses: what is guessed, when it is worth it, and that an answer neither shows them nor pays for them."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from reckon.devices.batch import BLOCK_SIZE, Batch, Sampled
from reckon.job import Sampling
from reckon.link import Submit
from reckon.worker.drafts import MOST, READ, Drafter, StepCost, Worth
from reckon.worker.past import ACCOUNTS, FIRST_CHANCE, Past, Pasts
from worker.driving import VOCAB, Driver, FakeDevice, ask, text


class Echo(FakeDevice):
    """Says what stood ``period`` tokens before, but for every ``slip``-th position: text that repeats, nearly."""

    def __init__(self, blocks: int, period: int, slip: int = 0) -> None:
        super().__init__()
        self.period, self.slip = period, slip
        self.allocate(blocks)

    def step(self, batch: Batch) -> Sampled:
        sampled = super().step(batch)
        for place, row in enumerate(batch.sample_rows.tolist()):
            sampled.tokens[place] = self._next(self._read(batch, row))
        return sampled

    def _next(self, content: NDArray[np.int32]) -> int:
        slips = self.slip and len(content) % self.slip == 0
        return int(content[-self.period] + bool(slips)) % VOCAB


def run(submit: Submit, *, drafts: bool, blocks: int = 20, period: int = 7, slip: int = 0) -> Driver:
    driver = Driver(blocks, device=Echo(blocks, period, slip), drafts=drafts)
    driver.run(submit)
    return driver


def guess(drafter: Drafter, tokens: Sequence[int], most: int = MOST) -> list[int]:
    """All guesses, whatever their chance; where nothing is known there are none."""
    return drafter.guess(tokens, most, lambda chance: chance > 0)


def chance(drafter: Drafter, tokens: Sequence[int]) -> float:
    """Of the next guess; 0 for none."""
    seen: list[float] = []
    drafter.guess(tokens, 1, lambda chance: seen.append(chance) or False)  # type: ignore[func-returns-value]
    return seen[0]


def remembered(*answers: Sequence[int]) -> Past:
    """What an account was answered, without questions."""
    past = Past()
    for answer in answers:
        Drafter(past).end(answer)
    return past


def test_what_followed_the_last_time() -> None:
    tokens = [1, 2, 3, 9, 1, 2, 4, 5, 6, 1, 2]
    assert guess(Drafter(), tokens, 4) == [4, 5, 6, 1]
    assert chance(Drafter(asked=99), tokens) == FIRST_CHANCE
    assert guess(Drafter(), tokens, 0) == []
    assert guess(Drafter(), [1, 2, 3]) == [] and chance(Drafter(), [1, 2, 3]) == 0


def test_of_equal_chances_the_longest_run_of_tokens_decides() -> None:
    early, late = [1, 2, 3, 4, 7], [9, 9, 3, 4, 8]
    assert guess(Drafter(asked=99), [*early, *late, 1, 2, 3, 4], 1) == [7]
    assert guess(Drafter(asked=99), [*early, *late, 5, 5, 3, 4], 1) == [8]


def test_a_circle_goes_on() -> None:
    assert guess(Drafter(), [1, 2, 3, 1, 2, 3, 1, 2], 8) == [3, 1, 2, 3, 1, 2, 3, 1]
    assert guess(Drafter(), [5, 5, 5], 99) == [5] * MOST


def test_guessing_ends_where_it_is_not_worth_it() -> None:
    seen: list[float] = []
    found = Drafter(asked=99).guess([1, 2, 3, 4, 5, 1, 2], MOST, lambda chance: seen.append(chance) or len(seen) < 3)
    assert found == [3, 4] and seen == [FIRST_CHANCE, FIRST_CHANCE**2, FIRST_CHANCE**3]


def test_what_earlier_answers_said() -> None:
    past = Past()
    Drafter(past, asked=3).end([20, 21, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert guess(Drafter(past), [8, 1, 2, 3], 4) == [4, 5, 6, 7]
    assert guess(Drafter(past), [21, 1], 1) == [2], "the prompt's end finds the beginning of the answer"
    assert guess(Drafter(past), [20, 21], 1) == [], "what was asked is not what will be said"
    assert guess(Drafter(), [8, 1, 2, 3], 4) == []
    assert guess(Drafter(past), [1, 2, 8, 1, 2], 1) == [8], "its own text is newer"


def test_the_past_is_forgotten_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reckon.worker.past.KEPT", 30)
    answers = [range(first, first + 6) for first in range(0, 60, 6)]  # 13 runs each
    past = remembered(*answers)
    assert [answer[0] for answer in answers if guess(Drafter(past), answer[:2])] == [36, 42, 48, 54]
    Drafter(past).end(range(100, 200))
    assert guess(Drafter(past), range(150, 152)) == [], "no more of one answer than is kept of all"


def test_a_long_answer_forgets_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reckon.worker.past.KEPT", 30)
    drafter, tokens = Drafter(), list(range(1, 60))
    for end in range(1, len(tokens)):
        guess(drafter, tokens[:end])
    assert guess(drafter, [*tokens, 50, 51], 1) == [52]
    assert guess(drafter, [*tokens, 50, 51, 1, 2], 1) == []


def test_of_a_long_prompt_only_the_end_is_read() -> None:
    tokens = [1, 2, *range(10, READ + 10), 31, 32]
    assert guess(Drafter(asked=len(tokens)), tokens, 1) == [33]
    assert guess(Drafter(asked=len(tokens)), [*tokens, 1, 2], 1) == []
    begun = Drafter(asked=len(tokens))
    guess(begun, [1, 2])
    assert guess(begun, [*tokens, 2, tokens[4]], 1) == [], "what was not read is no gap between neighbours"


def test_answers_do_not_run_into_each_other() -> None:
    past = remembered([1, 2], [3, 4, 5])
    assert guess(Drafter(past), [1, 2]) == []
    assert guess(Drafter(past), [2, 3]) == []


def test_accounts_share_nothing_and_few_are_remembered() -> None:
    pasts = Pasts()
    Drafter(pasts.of("ann")).end([1, 2, 3])
    assert guess(Drafter(pasts.of("ben")), [1, 2]) == []
    assert guess(Drafter(pasts.of("ann")), [1, 2]) == [3]
    for number in range(ACCOUNTS):
        pasts.of(f"other {number}")
    assert guess(Drafter(pasts.of("ann")), [1, 2]) == []


def test_asked_again_the_same_answer_takes_a_few_steps() -> None:
    driver = Driver(40)
    answers, steps = [], []
    for number, salt in enumerate(("ann", "ann", "ben")):
        before = driver.steps
        driver.run(ask(number, text(20, 5), 60, seed=3, salt=salt))
        answers.append(driver.tokens[number])
        steps.append(driver.steps - before)
    assert answers[0] == answers[1] == answers[2]
    assert steps[1] < steps[0] / 4
    assert steps[2] == steps[0]


def test_reading_bit_by_bit_is_reading_at_once() -> None:
    tokens, slow = text(200, 1) + text(200, 1), Drafter(asked=99)
    for end in range(1, len(tokens) + 1):
        at_once = Drafter(asked=99)
        assert guess(slow, tokens[:end], 5) == guess(at_once, tokens[:end], 5)
        assert chance(slow, tokens[:end]) == chance(at_once, tokens[:end])


def test_chances_follow_what_would_have_come_true() -> None:
    """Nothing is guessed meanwhile. The first circle comes round and round; in the second text no token follows twice."""
    circle = Drafter()
    assert chance(circle, [1, 2, 3] * 40) > 0.95
    changing = Drafter()
    assert chance(changing, [token for last in range(100, 140) for token in (1, 2, last)] + [1, 2]) < 0.1


def test_a_streak_is_trusted_on_its_own() -> None:
    """After (1, 2) always comes 3, after (1, 4) always another: the one is as sure as the other is doubtful."""
    drafter, tokens = Drafter(), list[int]()
    for other in range(100, 140):
        tokens += [1, 2, 3, 1, 4, other]
    assert chance(drafter, [*tokens, 1, 2]) > 0.9
    assert chance(drafter, [*tokens, 1, 2, 3, 1, 4]) < 0.1


def test_what_was_asked_teaches_nothing_of_the_answer() -> None:
    assert chance(Drafter(asked=120), [1, 2, 3] * 40) == FIRST_CHANCE


def test_the_next_answer_begins_with_the_chances_of_the_last() -> None:
    past = Past()
    Drafter(past).end([1, 2, 3] * 40)
    assert chance(Drafter(past), [7, 8, 9] * 2) > FIRST_CHANCE


def bar(cost: StepCost, rows: int, tokens: int = 1) -> float:
    """The chance that a guess must have at least to be computed, found by trying."""
    chances = [thousandth / 1000 for thousandth in range(1, 1001)]
    return next((chance for chance in chances if Worth(cost, rows, tokens).take(chance)), 2.0)


def seen(*steps: tuple[int, float], times: int = 60) -> StepCost:
    """After steps of (rows, seconds), all of them so many times."""
    cost = StepCost()
    for _ in range(times):
        for rows, seconds in steps:
            cost.observe(rows, seconds)
    return cost


def test_while_nothing_was_seen_a_row_is_a_tenth_of_a_step() -> None:
    assert bar(StepCost(), 1) == pytest.approx(0.1, abs=0.002)
    assert bar(seen((1, 0.010)), 1) == pytest.approx(0.1, abs=0.002)


def test_a_row_costs_what_it_did_in_steps_of_about_that_size() -> None:
    """5 ms, then 1 ms for each of the next rows, and 3 ms for each from 8 on."""
    cost = seen((1, 0.005), (2, 0.006), (4, 0.008), (8, 0.012), (16, 0.036))
    assert bar(cost, 1) == pytest.approx(1 / 5, abs=0.002)
    assert bar(cost, 4) == pytest.approx(1 / 8, abs=0.002)
    assert bar(cost, 10, tokens=2) == pytest.approx(2 * 3 / 18, abs=0.002)
    assert bar(cost, 32, tokens=2) == pytest.approx(2 * 3 / 84, abs=0.002), "beyond what was seen it goes on like that"


def test_more_rows_that_took_no_longer_cost_nothing() -> None:
    cost = seen((0, 1.0), (1, 0.010), (2, 0.009))  # a step of no rows is none
    assert bar(cost, 1) == 0.001 and not Worth(cost, 1, 1).take(0.0)


def test_what_steps_take_is_followed() -> None:
    cost = seen((1, 0.010), (2, 0.011))
    for _ in range(100):
        cost.observe(1, 0.010)
        cost.observe(2, 0.015)
    assert bar(cost, 1) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_of_the_first_steps_of_a_size_the_fastest_is_believed(slow: int) -> None:
    cost = seen((1, 0.010))
    for number in range(3):
        assert bar(cost, 1) == pytest.approx(0.1, abs=0.002), "and none before there are three"
        cost.observe(2, 5.0 if number == slow else 0.012)
    assert bar(cost, 1) == pytest.approx(0.2, abs=0.002)


def test_a_disturbed_step_counts_as_two() -> None:
    disturbed, slow = seen((1, 0.010), (2, 0.011)), seen((1, 0.010), (2, 0.011))
    for cost, seconds in ((disturbed, 100.0), (slow, 0.022)):
        cost.observe(2, seconds)
        for _ in range(StepCost.EVERY):
            cost.observe(1, 0.010)
    assert bar(disturbed, 1) == bar(slow, 1) < 0.2


def test_a_size_that_does_not_come_up_any_more_is_forgotten() -> None:
    """A bad time said that guesses do not pay; without them there would never be another."""
    cost = seen((1, 0.010), (2, 0.030))
    assert Worth(cost, 1, 1).hopeless
    for _ in range(StepCost.FORGOTTEN + StepCost.EVERY):
        cost.observe(1, 0.010)
    assert not Worth(cost, 1, 1).hopeless
    for _ in range(StepCost.EVERY):
        cost.observe(2, 0.011)
    assert not Worth(cost, 1, 1).hopeless, "nor does what was forgotten come back"


@pytest.mark.parametrize(
    ("rows", "tokens", "chance", "worth"),
    [(1, 1, 0.11, True), (1, 1, 0.09, False), (64, 64, 0.9, True), (64, 64, 0.87, False), (500, 1, 0.01, True)],
)
def test_a_guess_is_worth_it_when_tokens_get_cheaper(rows: int, tokens: int, chance: float, worth: bool) -> None:
    """A row costs a tenth of a step of one. 64 answers in a step cost 7.3, so a token costs 0.114 and a row 0.1."""
    assert Worth(StepCost(), rows, tokens).take(chance) is worth


@pytest.mark.parametrize(("rows", "hopeless"), [(1, False), (64, False), (1000, True)])
def test_where_arithmetic_is_all_that_counts_nobody_looks_for_guesses(rows: int, hopeless: bool) -> None:
    assert Worth(StepCost(), rows, rows).hopeless is hopeless


def test_each_guess_taken_raises_the_bar() -> None:
    worth, taken, chance = Worth(StepCost(), 1, 1), 0, 0.8
    while worth.take(chance ** (taken + 1)):
        taken += 1
    assert 2 < taken < 12


@pytest.mark.parametrize("slip", [0, 5, 11, 64])
@pytest.mark.parametrize("max_tokens", [1, 2, 30, 200])
def test_the_same_answer_in_fewer_steps(max_tokens: int, slip: int) -> None:
    asked = ask(1, 20, max_tokens, logprobs=2)
    plain, guessed = (run(asked, drafts=drafts, slip=slip) for drafts in (False, True))
    assert guessed.tokens == plain.tokens and guessed.scores == plain.scores
    assert guessed.end(1) == plain.end(1)
    counters = guessed.scheduler.counters
    assert guessed.steps == plain.steps - counters.accepted
    assert counters.accepted <= counters.drafted and plain.scheduler.counters.drafted == 0
    if max_tokens == 200:
        assert (counters.accepted < counters.drafted) == (slip > 0)
        assert guessed.steps < plain.steps * 0.7


def test_an_answer_that_ends_among_its_guesses() -> None:
    """The prompt is one period, so the answer says it again: a stop token in the middle of it ends the second round."""
    prompt = [3, 4, 5, 6, 7, 8, 9]
    asked = ask(1, prompt * 3, 100, stop_tokens=[8])
    plain, guessed = (run(asked, drafts=drafts) for drafts in (False, True))
    assert guessed.tokens == plain.tokens == {1: [3, 4, 5, 6, 7]}
    assert guessed.end(1) == plain.end(1) and guessed.end(1).reason == "stop"
    assert guessed.steps < plain.steps
    assert guessed.scheduler.counters.completion == plain.scheduler.counters.completion == 6


def test_guesses_take_nobody_s_block() -> None:
    """Each answer has just the blocks that it needs in the end."""
    asked = [ask(request, BLOCK_SIZE - 9, BLOCK_SIZE + 5) for request in range(4)]
    runs = []
    for drafts in (False, True):
        driver = Driver(8, device=Echo(8, 7), drafts=drafts)
        driver.run(*asked)
        runs.append(driver)
    assert runs[0].tokens == runs[1].tokens
    assert runs[1].scheduler.counters.preemptions == runs[0].scheduler.counters.preemptions == 0
    assert runs[1].scheduler.counters.accepted > 100


def test_guesses_get_what_is_left_of_the_budget() -> None:
    driver = Driver(20, step_tokens=16, max_sequences=4, device=Echo(20, 7))
    driver.submit(*(ask(request, 20, 100) for request in range(4)))
    most = 0
    while not driver.scheduler.idle:
        most = max(most, driver.step().rows)
    assert most == 16


def test_a_prompt_that_is_only_computed_is_not_guessed_on() -> None:
    driver = run(ask(1, [1, 2, 3] * 9, 0), drafts=True, period=3)
    assert driver.tokens == {1: []} and driver.end(1).reason == "length"
    assert driver.scheduler.counters.drafted == 0


def test_computed_guesses_are_found_again() -> None:
    driver = Driver(20, device=Echo(20, 7))
    first = ask(1, 20, 150)
    tokens = driver.run(first)[1]
    driver.run(ask(2, first.prompt + tokens, 1))
    assert driver.end(2).usage.cached_tokens == (20 + 149) // BLOCK_SIZE * BLOCK_SIZE


@pytest.mark.parametrize("sampling", [Sampling(1), Sampling(1, repetition_penalty=1.2)])
def test_a_worker_that_takes_over_guesses_too(sampling: Sampling) -> None:
    whole = run(ask(1, 20, 60, sampling=sampling), drafts=False).tokens[1]
    resumed = run(ask(1, 20, 60, sampling=sampling, generated=whole[:30]), drafts=True)
    assert resumed.tokens[1] == whole
    assert resumed.steps < 30
