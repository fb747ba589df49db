"""What a load came to, on known numbers."""

import pytest

from reckon.bench.answers import Answer
from reckon.bench.load import Sent
from reckon.bench.percentiles import Spread
from reckon.bench.serve import Shape, Wish, complaints, judge


def wish(**fields: float | None) -> Wish:
    bounds = {"ttft_bound": None, "itl_bound": None, **fields}
    return Wish("m", (1.0,), 16, 4, 0, None, None, timeout=60, **bounds)  # type: ignore[arg-type]


def sent(due: float, late: float = 0.0, first: float = 1.0, gap: float = 0.5, tokens: int = 3, error: str = "") -> Sent:
    left = 100 + due + late
    pieces = [left + first + gap * number for number in range(tokens)]
    return Sent(due, due + late, Answer(left, pieces[-1] + 0.25, pieces, "x", 8, tokens, error))


def test_the_numbers_of_a_rate() -> None:
    row = judge(2.0, [sent(0.0), sent(1.0, first=2.0, gap=1.0, tokens=2), sent(2.0, error="503: no")], wish())
    assert (row.rate, row.requests, row.complete, row.errors) == (2.0, 3, 2, {"503: no": 1})
    assert row.seconds == pytest.approx(4.25), "from the first that left to the last end, of the failed one too"
    assert row.first == Spread(2, 1.5, 1.95, 1.99, 2.0)
    assert row.gap.count == 3 and row.gap.p50 == pytest.approx(0.5) and row.gap.most == pytest.approx(1.0)
    assert row.total.most == pytest.approx(3.25)
    assert (row.prompt_tokens, row.completion_tokens) == (8, 2.5)
    assert row.requests_per_second == pytest.approx(2 / 4.25)
    assert row.tokens_per_second == pytest.approx(5 / 4.25)
    assert row.good == row.requests_per_second, "nothing is bounded"
    assert row.gaps == sorted(row.gaps) and row.firsts == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize(
    ("bounds", "good"),
    [
        ({"ttft_bound": 1.5}, 1), ({"ttft_bound": 0.5}, 0), ({"itl_bound": 0.6}, 2), ({"itl_bound": 0.6, "ttft_bound": 1.5}, 0),
        ({"itl_bound": 5, "ttft_bound": 5}, 3),
    ],
)  # fmt: skip
def test_goodput(bounds: dict[str, float], good: int) -> None:
    came = [sent(0.0, first=1.0, gap=1.0), sent(0.0, first=2.0, gap=0.5), sent(0.0, first=2.0, gap=0.5), sent(0.0, error="x")]
    row = judge(1.0, came, wish(**bounds))
    assert row.good * row.seconds == pytest.approx(good)


def test_nothing_came() -> None:
    row = judge(1.0, [], wish())
    assert (row.requests, row.complete, row.requests_per_second, row.first) == (0, 0, 0.0, Spread())
    assert complaints(row) == []


def test_a_client_that_fell_behind_says_so() -> None:
    row = judge(1.0, [sent(0.0, late=0.005), sent(1.0, late=0.25), sent(2.0, error="cut"), sent(3.0, error="cut")], wish())
    assert complaints(row) == [
        "At 1/s, 2 failed: cut",
        "At 1/s the client fell behind: 1 of 4 requests left more than 10 ms late, the latest by 250 ms. "
        "The load was not what it should be.",
    ]


def test_words_for_so_many_tokens() -> None:
    assert [Shape(10, 2.0, True).words(tokens) for tokens in (1, 11, 30, 110)] == [1, 1, 10, 50]
