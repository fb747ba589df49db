"""The scheduler's bench waits with as many answers as it says, in each kind of queue."""

from reckon.bench.queueing import STEPS, measure


def test_each_queue_is_as_long_as_asked() -> None:
    rows = measure(40)
    assert [row.waiting for row in rows] == [0, 40, 40, 40]
    assert all(row.step.count == STEPS and row.step.p50 > 0 for row in rows)
    assert len({row.queue for row in rows}) == 4
