"""Whatever an engine says: the streamed answer adds up to the whole one, usage included, and text of every plane survives."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.desk import CHAT, Desk, chat_body, chunks
from reckon.job import CallDelta, Delta, Event, Finish, Usage

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The desk is shared by the examples of a test: what it keeps of one has no effect on the next."""

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
"""Every code point that is one, from NUL to the last plane; no halves of surrogate pairs."""
NAME = st.text("abcdefgh_-09", min_size=1, max_size=12)


@st.composite
def choice(draw: st.DrawFn, number: int) -> list[Event]:
    """Any order of text, reasoning and calls, and the end."""
    events: list[Event] = []
    for kind in draw(st.lists(st.sampled_from(["content", "reasoning", "call"]), max_size=6)):
        if kind == "call":
            index = sum(isinstance(event, CallDelta) and event.id is not None for event in events)
            events.append(CallDelta(number, index, draw(TEXT), f"call_{number}_{index}", draw(NAME)))
            events += [CallDelta(number, index, draw(TEXT)) for _ in range(draw(st.integers(0, 3)))]
        else:
            events.append(Delta(number, "content" if kind == "content" else "reasoning", draw(TEXT)))
    calls = any(isinstance(event, CallDelta) for event in events)
    reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    prompt = draw(st.integers(1, 10**6)) if number == 0 else 0
    cached = draw(st.integers(0, prompt))
    return [*events, Finish(number, reason, Usage(prompt, cached, draw(st.integers(1, 10**6))))]


@st.composite
def script(draw: st.DrawFn) -> list[Event]:
    """One to four choices, shuffled together as a batch would."""
    queues = [draw(choice(number)) for number in range(draw(st.integers(1, 4)))]
    events: list[Event] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        events.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    return events


def added_up(frames: list[Any]) -> tuple[list[Any], Any]:
    """What a client makes of a stream: the choices in order, each as (message, reason), and the usage."""
    messages: dict[int, dict[str, Any]] = {}
    reasons: dict[int, str] = {}
    usage = [frame["usage"] for frame in frames if frame.get("usage")]
    for part in (part for frame in frames for part in frame["choices"]):
        assert part["index"] not in reasons, "nothing comes after the end of a choice"
        message = messages.setdefault(part["index"], {"content": "", "reasoning_content": "", "tool_calls": []})
        for key in ("content", "reasoning_content"):
            message[key] += part["delta"].get(key) or ""
        for fragment in part["delta"].get("tool_calls") or ():
            if "id" in fragment:
                assert fragment["index"] == len(message["tool_calls"])
                message["tool_calls"].append([fragment["id"], fragment["function"]["name"], ""])
            message["tool_calls"][fragment["index"]][2] += fragment["function"].get("arguments") or ""
        if part["finish_reason"]:
            reasons[part["index"]] = part["finish_reason"]
    return [(messages[index], reasons[index]) for index in sorted(messages)], usage[-1] if usage else None


def whole(answer: Any) -> tuple[list[Any], Any]:
    """The same of an answer in one piece."""
    parts = []
    for part in answer["choices"]:
        message = part["message"]
        calls = [
            [each["id"], each["function"]["name"], each["function"]["arguments"]] for each in message.get("tool_calls") or ()
        ]
        texts = {key: message.get(key) or "" for key in ("content", "reasoning_content")}
        parts.append((texts | {"tool_calls": calls}, part["finish_reason"]))
    return parts, answer["usage"]


@SETTINGS
@given(events=script(), include_usage=st.sampled_from([None, True, False]))
async def test_a_stream_adds_up_to_the_whole_answer(desk: Desk, events: list[Event], include_usage: bool | None) -> None:
    n = len({event.choice for event in events})
    desk.engine.enqueue(*events)
    expected, usage = whole((await desk.chat(n=n)).json())
    options = {} if include_usage is None else {"stream_options": {"include_usage": include_usage}}
    desk.engine.enqueue(*events)
    frames = chunks((await desk.chat(n=n, stream=True, **options)).text)
    got, streamed_usage = added_up(frames)
    assert got == expected
    assert streamed_usage == (None if include_usage is False else usage)
    finished = sum((event.usage for event in events if isinstance(event, Finish)), Usage())
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (finished.prompt_tokens, finished.completion_tokens)
    billed = {(row.prompt_tokens, row.completion_tokens, row.cost_nano) for row in desk.rows()[:2]}
    assert billed == {(finished.prompt_tokens, finished.completion_tokens, round(usage["estimated_cost"] * 1e9))}


@SETTINGS
@given(question=TEXT, pieces=st.lists(TEXT, min_size=1, max_size=6), stream=st.booleans(), escaped=st.booleans())
async def test_text_of_every_plane_survives(desk: Desk, question: str, pieces: list[str], stream: bool, escaped: bool) -> None:
    """Also when the client escapes what is not ASCII, as Python's json does."""
    desk.engine.enqueue(*(Delta(0, "content", piece) for piece in pieces), Finish(0, "stop", Usage(1, 0, 1)))
    body = chat_body(stream=stream) | {"messages": [{"role": "user", "content": question}]}
    content = json.dumps(body).encode() if escaped else msgspec.json.encode(body)
    response = await desk.client().post(CHAT, content=content, headers={"content-type": "application/json"} | desk.headers)
    assert response.status_code == 200, response.text
    (message, _), *_ = (added_up(chunks(response.text)) if stream else whole(response.json()))[0]
    assert message["content"] == "".join(pieces)
    assert desk.engine.jobs[-1].messages[0].content == question


@pytest.mark.parametrize("plane", range(17))
async def test_each_plane(desk: Desk, plane: int) -> None:
    """The edges of a plane, its last two code points that are no characters, and one inside."""
    text = "".join(chr(plane << 16 | low) for low in (0, 1, 0x7FFF, 0xFFFD, 0xFFFE, 0xFFFF))
    desk.engine.enqueue(Delta(0, "content", text), Finish(0, "stop", Usage(1, 0, 1)))
    answer = await desk.chat(messages=[{"role": "user", "content": text}])
    assert answer.json()["choices"][0]["message"]["content"] == text
    assert desk.engine.jobs[-1].messages[0].content == text
