"""Streams of chunks to answers: times, counts, and what is wrong with them."""

import json
from typing import Any

import pytest

from reckon.bench.answers import Answer, read
from reckon.bench.asking import Reply


def said(text: str | None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def reply(*events: tuple[float, Any], status: int = 200, broken: str = "") -> Reply:
    pieces = [(at, b"data: " + (event.encode() if isinstance(event, str) else json.dumps(event).encode()) + b"\n\n")
              for at, event in events]  # fmt: skip
    return Reply(10.0, status, pieces, 15.0, broken)


USAGE = {"prompt_tokens": 7, "completion_tokens": 4}


def test_times_and_counts() -> None:
    opening = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    answer = read(
        reply(
            (11.0, opening), (11.5, said("Hi")), (12.5, said(" you")), (14.0, said("!")), (14.0, said(None, "stop")),
            (14.5, {"choices": [], "usage": USAGE}), (14.5, "[DONE]"),
        )
    )  # fmt: skip
    assert (answer.error, answer.text) == ("", "Hi you!")
    assert (answer.first, answer.total, answer.gaps) == (1.5, 5.0, [1.0, 1.5])
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 4)
    assert answer.gap == pytest.approx(2.5 / 3), "the server counted a token that came together with another"


def test_reasoning_is_text_by_either_name() -> None:
    chunks = [{"choices": [{"delta": {name: "a"}}]} for name in ("reasoning_content", "reasoning")]
    answer = read(reply((11, chunks[0]), (12, chunks[1]), (13, said("b", "stop", usage=None)), (13, "[DONE]")))
    assert (answer.text, answer.completion_tokens, answer.error) == ("aab", 3, "")


def test_an_answer_without_text() -> None:
    answer = read(reply((11, said(None, "length")), (11, "[DONE]")))
    assert (answer.first, answer.gaps, answer.gap, answer.completion_tokens, answer.error) == (5.0, [], 0.0, 0, "")


@pytest.mark.parametrize(
    ("came", "error"),
    [
        (reply(status=429), "429: "),
        (reply((11, said("a")), broken="the connection was lost"), "the connection was lost"),
        (reply((11, said("a"))), "the stream was cut"),
        (reply((11, said("a", "stop"))), "the stream was cut"),
        (reply((11, said("a")), (12, "[DONE]")), "the stream ended without a finish_reason"),
        (reply((11, {"error": {"message": "lost"}}), (12, "[DONE]")), "in the stream: {'message': 'lost'}"),
        (reply((11, '{"choices": 3}')), "a chunk that cannot be read: Expected `array`, got `int` - at `$.choices`"),
        (reply((11, "{")), "a chunk that cannot be read: Input data was truncated"),
    ],
)
def test_what_is_wrong(came: Reply, error: str) -> None:
    assert read(came).error == error


def test_a_refusal_is_kept_short() -> None:
    assert read(Reply(0.0, 500, [(1.0, b"x" * 1000)], 1.0)).error == f"500: {'x' * 200}"


def test_an_answer_that_never_came() -> None:
    assert Answer(1.0, 3.0, error="no end").first == 2.0
