"""The histogram of ours says what the library's would."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from reckon.api.metrics import Times

BOUNDS = (0.001, 0.01, 1, 2.5)
VALUES = {"a/b": (0.0, 0.001, 0.0011, 0.5, 1, 1.5, 2.5, 99), "c/d": (3.0,)}


def test_it_is_read_like_the_librarys_own() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    times, histogram = Times("x_seconds", "about x", BOUNDS, ours), Histogram(
        "x_seconds", "about x", ["model"], registry=theirs, buckets=BOUNDS
    )  # fmt: skip
    for model, values in VALUES.items():
        for value in values:
            times.observe(model, value)
            histogram.labels(model).observe(value)
    expected = [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
    assert generate_latest(ours).splitlines() == expected


def test_one_that_saw_nothing_is_there() -> None:
    registry = CollectorRegistry()
    Times("x_seconds", "about x", BOUNDS, registry)
    assert generate_latest(registry) == b"# HELP x_seconds about x\n# TYPE x_seconds histogram\n"
