import json
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from reckon.api.answers import forms, sse
from reckon.errors import EngineFailed
from reckon.job import CallDelta, Delta, Event, Finish, FinishReason, Usage

HEAD = forms.Head("chatcmpl-1", 1700000000, "fake/model", "fp_fake", 1)
BILL = sse.Settled(Usage(15, 3, 16), 4680)
BILL_BODY = {
    "prompt_tokens": 15,
    "completion_tokens": 16,
    "total_tokens": 31,
    "prompt_tokens_details": {"cached_tokens": 3},
    "estimated_cost": 4.68e-06,
}


def billed(*events: Event) -> list[sse.AnswerEvent]:
    return [*events[:-1], BILL, events[-1]]


def nothing_yet() -> sse.Settled:
    return sse.Settled(Usage(), 0)


def frames(
    events: Sequence[sse.AnswerEvent], head: forms.Head = HEAD, so_far: sse.SoFar = nothing_yet, **options: Any
) -> list[Any]:
    answer = sse.OpenAI(forms.ChatForm(head), **options)
    came = b"".join([answer.frames(event, so_far) for event in events])
    found = [frame + b"\n\n" for frame in came.split(b"\n\n")[:-1]]
    assert all(frame.startswith(b"data: {") and frame.endswith(b"}\n\n") and frame.count(b"\n") == 2 for frame in found)
    return [json.loads(frame[6:]) for frame in found]


def folded(events: Sequence[sse.AnswerEvent], head: forms.Head = HEAD) -> Any:
    answer = sse.OpenAI(forms.ChatForm(head))
    for event in events:
        answer.keep(event)
    return json.loads(msgspec.json.encode(answer.whole()))


def end(reason: FinishReason = "stop", choice: int = 0) -> Finish:
    return Finish(choice, reason, Usage())


def test_the_stream_of_the_page() -> None:
    common = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake/model",
        "system_fingerprint": "fp_fake",
    }

    def chunk(delta: Any, reason: str | None = None, **more: Any) -> Any:
        return {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}], **more}

    assert frames(billed(Delta(0, "content", " Hi"), Delta(0, "content", "!\n"), end())) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": " Hi"}),
        chunk({"content": "!\n"}),
        chunk({}, "stop", usage=BILL_BODY),
    ]


def test_the_answer_of_the_page() -> None:
    assert folded(billed(Delta(0, "content", " Hi"), Delta(0, "content", "!"), end("length"))) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "fake/model",
        "system_fingerprint": "fp_fake",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": " Hi!", "refusal": None},
                "finish_reason": "length",
                "logprobs": None,
            }
        ],
        "usage": BILL_BODY,
    }


def test_usage_apart_is_null_until_its_own_chunk() -> None:
    found = frames(billed(Delta(0, "content", "a"), end()), include_usage=True)
    assert [chunk["usage"] for chunk in found] == [None, None, None, BILL_BODY]
    assert [len(chunk["choices"]) for chunk in found] == [1, 1, 1, 0]


def test_usage_can_be_left_out() -> None:
    assert not any("usage" in chunk for chunk in frames(billed(end()), include_usage=False))


def test_usage_so_far_is_in_every_chunk() -> None:
    counts = iter(range(100))

    def so_far() -> sse.Settled:
        return sse.Settled(Usage(1, 0, next(counts)), 0)

    found = frames(billed(Delta(0, "content", "a"), end()), so_far=so_far, continuous=True)
    assert [chunk["usage"]["completion_tokens"] for chunk in found] == [0, 1, 16]
    found = frames(billed(Delta(0, "content", "a"), end()), so_far=so_far, include_usage=True, continuous=True)
    assert [chunk["usage"]["completion_tokens"] for chunk in found] == [2, 3, 16, 16]


def test_only_the_last_finish_carries_the_usage() -> None:
    head = msgspec.structs.replace(HEAD, choices=2)
    found = frames(billed(end(choice=1), Delta(0, "content", "a"), end()), head)
    assert [chunk["choices"][0]["index"] for chunk in found] == [0, 1, 1, 0, 0]
    assert ["usage" in chunk for chunk in found] == [False, False, False, False, True]


def test_a_tool_call() -> None:
    events = billed(CallDelta(0, 0, '{"a"', "call_1", "add"), CallDelta(0, 0, ":1}"), end("tool_calls"))
    found = frames(events)
    assert [chunk["choices"][0]["delta"] for chunk in found[1:3]] == [
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    ]
    choice = (folded(events))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
    }


def test_a_failure_is_a_frame() -> None:
    assert sse.OpenAI(forms.ChatForm(HEAD)).failure(EngineFailed("lost")) == (
        b'data: {"error":{"message":"lost","type":"server_error","param":null,"code":"engine_failed"}}\n\n'
    )


def accumulated(chunks: list[Any], choices: int) -> list[Any]:
    """What a client makes of a stream."""
    messages: list[Any] = [{"content": "", "reasoning": "", "calls": {}, "finish": None} for _ in range(choices)]
    for chunk in chunks:
        for choice in chunk["choices"]:
            message, delta = messages[choice["index"]], choice["delta"]
            assert message["finish"] is None
            message["finish"] = choice["finish_reason"]
            message["content"] += delta.get("content", "")
            message["reasoning"] += delta.get("reasoning_content", "")
            for call in delta.get("tool_calls", ()):
                name = call["function"].get("name")
                known = message["calls"].setdefault(call["index"], [call.get("id"), name, ""])
                known[2] += call["function"]["arguments"]
    return messages


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def scripts(draw: st.DrawFn) -> tuple[int, list[Event]]:
    """Choices whose pieces come in any order, each ended once."""
    count = draw(st.integers(1, 4))
    lanes: list[list[Event]] = []
    for choice in range(count):
        lane: list[Event] = [
            Delta(choice, draw(st.sampled_from(["content", "reasoning"])), text) for text in draw(st.lists(texts, max_size=4))
        ]
        for index in range(draw(st.integers(0, 2))):
            first, *rest = draw(st.lists(texts, min_size=1, max_size=3))
            lane.append(CallDelta(choice, index, first, f"call_{choice}_{index}", f"name{index}"))
            lane += [CallDelta(choice, index, piece) for piece in rest]
        lanes.append([*lane, end(draw(st.sampled_from(["stop", "length", "tool_calls"])), choice)])
    events: list[Event] = []
    while any(lanes):
        lane = draw(st.sampled_from([lane for lane in lanes if lane]))
        events.append(lane.pop(0))
    return count, events


@settings(max_examples=80, deadline=None)
@given(scripts(), st.sampled_from([None, True]))
def test_the_answer_is_the_fold_of_the_stream(script: tuple[int, list[Event]], include_usage: bool | None) -> None:
    count, events = script
    head = msgspec.structs.replace(HEAD, choices=count)
    chunks = frames(billed(*events), head, include_usage=include_usage)
    answer = folded(billed(*events), head)
    roles = [choice["delta"].get("role") for chunk in chunks for choice in chunk["choices"]]
    assert roles.count("assistant") == count
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == [answer["usage"]]
    assert {key: chunks[0][key] for key in ("id", "created", "model")} == {
        key: answer[key] for key in ("id", "created", "model")
    }
    for streamed, choice in zip(accumulated(chunks, count), answer["choices"], strict=True):
        message = choice["message"]
        assert (message["content"] or "") == streamed["content"]
        assert message.get("reasoning_content", "") == streamed["reasoning"]
        assert choice["finish_reason"] == streamed["finish"]
        calls = [
            [call["id"], call["function"]["name"], call["function"]["arguments"]] for call in message.get("tool_calls", ())
        ]
        assert calls == [streamed["calls"][index] for index in sorted(streamed["calls"])]
