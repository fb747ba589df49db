import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reckon.api.answers import forms, shapes
from reckon.job import Alternative, CallDelta, Delta, Event, Finish, Scored, Usage

HEAD = forms.Head("id-1", 1700000000, "fake/model", "fp_fake", 1)
USAGE = shapes.usage_body(Usage(1, 0, 2), 0)
EMOJI = "🙂".encode()
END = Finish(0, "stop", Usage())


def told(body: Any) -> Any:
    return json.loads(msgspec.json.encode(body))


def scored(token: bytes, logprob: float, *top: tuple[bytes, float]) -> Scored:
    return Scored(token, logprob, tuple(Alternative(*one) for one in top))


def streamed(form: forms.Form, events: list[Event]) -> list[Any]:
    return [told(piece) for piece in (*form.opening(), *map(form.piece, events))]


def whole(form: forms.Form, events: list[Event]) -> Any:
    return told(form.whole(events, USAGE))["choices"]


def test_scores_of_a_chat() -> None:
    piece = Delta(0, "content", "Hi", (scored(b"Hi", -0.5, (b"Hi", -0.5), (b"Ho", -1.5)),))
    logprobs = {
        "content": [
            {
                "token": "Hi",
                "logprob": -0.5,
                "bytes": [72, 105],
                "top_logprobs": [
                    {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
                    {"token": "Ho", "logprob": -1.5, "bytes": [72, 111]},
                ],
            }
        ],
        "refusal": None,
    }
    found = streamed(forms.ChatForm(HEAD), [piece, END])
    assert [choice["logprobs"] for choice in found] == [None, logprobs, None]
    assert whole(forms.ChatForm(HEAD), [piece, END])[0]["logprobs"] == logprobs


def test_a_token_that_is_a_part_of_a_character_keeps_its_bytes() -> None:
    pieces: list[Event] = [
        Delta(0, "content", "", (scored(EMOJI[:2], -1.0),)),
        Delta(0, "content", "🙂", (scored(EMOJI[2:], -2.0),)),
    ]
    first, second = whole(forms.ChatForm(HEAD), [*pieces, END])[0]["logprobs"]["content"]
    assert (first["token"], first["bytes"]) == ("�", list(EMOJI[:2]))
    assert bytes(first["bytes"] + second["bytes"]).decode() == "🙂"
    assert streamed(forms.ChatForm(HEAD), pieces)[1]["delta"] == {"content": ""}


@pytest.mark.parametrize("impossible", [-math.inf, math.nan, math.inf])
def test_what_json_has_no_number_for_is_openais_least(impossible: float) -> None:
    piece = Delta(0, "content", "a", (scored(b"a", impossible, (b"b", impossible)),))
    score = whole(forms.ChatForm(HEAD), [piece, END])[0]["logprobs"]["content"][0]
    assert (score["logprob"], score["top_logprobs"][0]["logprob"]) == (-9999.0, -9999.0)
    legacy = whole(forms.TextForm(HEAD), [piece, END])[0]["logprobs"]
    assert (legacy["token_logprobs"], legacy["top_logprobs"]) == ([-9999.0], [{"a": -9999.0, "b": -9999.0}])


def test_a_completion() -> None:
    events: list[Event] = [Delta(0, "content", " Hi"), Delta(0, "content", "!"), END]
    assert told(forms.TextForm(HEAD).whole(events, USAGE)) == {
        "id": "id-1",
        "object": "text_completion",
        "created": 1700000000,
        "model": "fake/model",
        "system_fingerprint": "fp_fake",
        "choices": [{"index": 0, "text": " Hi!", "finish_reason": "stop", "logprobs": None}],
        "usage": told(USAGE),
    }
    assert streamed(forms.TextForm(HEAD), events) == [
        {"index": 0, "text": " Hi", "finish_reason": None, "logprobs": None},
        {"index": 0, "text": "!", "finish_reason": None, "logprobs": None},
        {"index": 0, "text": "", "finish_reason": "stop", "logprobs": None},
    ]
    assert told(forms.TextForm(HEAD).empty())["choices"] == []


def test_an_echo_stands_before_each_choice() -> None:
    head = msgspec.structs.replace(HEAD, choices=2)
    events: list[Event] = [Delta(1, "content", "b"), Delta(0, "content", "a"), END, Finish(1, "length", Usage())]
    assert [choice["text"] for choice in whole(forms.TextForm(head, "1+1="), events)] == ["1+1=a", "1+1=b"]
    found = streamed(forms.TextForm(head, "1+1="), events)
    assert [(choice["index"], choice["text"]) for choice in found[:3]] == [(0, "1+1="), (1, "1+1="), (1, "b")]


def test_scores_of_a_completion() -> None:
    events: list[Event] = [
        Delta(0, "content", "é", (scored("é".encode(), -1.0, (b"e", -2.0)),)),
        Delta(0, "content", "", (scored(EMOJI[:2], -3.0, (EMOJI[:3], -4.0)),)),
        Delta(0, "content", "🙂!", (scored(EMOJI[2:], -5.0), scored(b"!", -6.0))),
        END,
    ]
    expected = {
        "tokens": ["é", "bytes:\\xf0\\x9f", "bytes:\\x99\\x82", "!"],
        "token_logprobs": [-1.0, -3.0, -5.0, -6.0],
        "top_logprobs": [
            {"e": -2.0, "é": -1.0},
            {"bytes:\\xf0\\x9f\\x99": -4.0, "bytes:\\xf0\\x9f": -3.0},
            {"bytes:\\x99\\x82": -5.0},
            {"!": -6.0},
        ],
        "text_offset": [0, 1, 1, 2],
    }
    assert whole(forms.TextForm(HEAD), events)[0]["logprobs"] == expected
    parts = [choice["logprobs"] for choice in streamed(forms.TextForm(HEAD), events) if choice["logprobs"]]
    assert {key: [one for part in parts for one in part[key]] for key in expected} == expected


tokens = st.binary(min_size=1, max_size=4)
scores = st.builds(Scored, tokens, st.floats(), st.lists(st.builds(Alternative, tokens, st.floats()), max_size=2).map(tuple))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=4), st.lists(scores, max_size=3).map(tuple)), max_size=6))
def test_streamed_scores_are_the_answers(pieces: list[tuple[str, tuple[Scored, ...]]]) -> None:
    events: list[Event] = [Delta(0, "content", text, several) for text, several in pieces]
    events += [CallDelta(0, 0, "{}", "call_1", "f"), END]
    for make, key in ((forms.ChatForm, "content"), (forms.TextForm, "text_offset")):
        answer = whole(make(HEAD), events)[0]["logprobs"]
        parts = [choice["logprobs"] for choice in streamed(make(HEAD), events) if choice["logprobs"]]
        assert [one for part in parts for one in part[key]] == (answer[key] if answer else [])
        assert (answer is None) == (not any(several for _, several in pieces))
