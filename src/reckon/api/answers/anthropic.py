"""Anthropic's form of an answer: a message of blocks, whole and as a stream of typed events. Knows no request, no engine.

``messages.py`` has ``answering.py`` speak it.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from reckon.api.answers.forms import Head
from reckon.api.answers.sse import AnswerEvent, Settled, SoFar
from reckon.errors import ApiError
from reckon.job import CallDelta, Delta, Finish, Usage
from reckon.ledger.prices import usd

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class Text(msgspec.Struct, tag_field="type", tag="text"):
    text: str


class ToolUse(msgspec.Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]


class UsageBody(msgspec.Struct):
    """``input_tokens`` are those that were computed; with those read from the cache they are the whole prompt."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    estimated_cost: float
    cache_creation_input_tokens: int = 0


class Message(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[Text | ToolUse]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: UsageBody


class Anthropic:
    """answering.py's Dialect, for one choice."""

    end = b""

    def __init__(self, head: Head) -> None:
        self._message = Message(id=head.id, model=head.model, content=[], usage=_usage(Settled(Usage(), 0)))
        self._opened = False
        self._fragments: list[str] = []  # of the last block's text or arguments

    def frames(self, event: AnswerEvent, so_far: SoFar) -> bytes:
        opening = b""
        if not self._opened:
            self._opened = True
            self._message.usage = _usage(so_far())
            opening = _frame("message_start", message=self._message)
        return opening + b"".join(self._frames(event))

    def keep(self, event: AnswerEvent) -> None:
        for _ in self._frames(event):
            pass

    def whole(self) -> Message:
        """What the stream's frames have made of the message."""
        return self._message

    def failure(self, error: ApiError) -> bytes:
        return _frame("error", **error.envelope())

    def _frames(self, event: AnswerEvent) -> Iterator[bytes]:
        message = self._message
        match event:
            case Settled():
                message.usage = _usage(event)
            case Delta(text=text) if text:
                if not message.content or not isinstance(message.content[-1], Text):
                    yield from self._begin(Text(""))
                self._fragments.append(text)
                yield self._more({"type": "text_delta", "text": text})
            case CallDelta():
                if event.id is not None:
                    yield from self._begin(ToolUse(event.id, event.name or "", {}))
                self._fragments.append(event.arguments)
                yield self._more({"type": "input_json_delta", "partial_json": event.arguments})
            case Finish():
                yield from self._close()
                stopped = event.reason == "stop" and event.stop is not None
                message.stop_reason, message.stop_sequence = "stop_sequence" if stopped else REASONS[event.reason], event.stop
                ending = {"stop_reason": message.stop_reason, "stop_sequence": event.stop}
                yield _frame("message_delta", delta=ending, usage=message.usage)
                yield _frame("message_stop")

    def _begin(self, block: Text | ToolUse) -> Iterator[bytes]:
        yield from self._close()
        self._message.content.append(block)
        yield _frame("content_block_start", index=len(self._message.content) - 1, content_block=block)

    def _more(self, delta: dict[str, str]) -> bytes:
        return _frame("content_block_delta", index=len(self._message.content) - 1, delta=delta)

    def _close(self) -> Iterator[bytes]:
        """A call that ``max_tokens`` cut keeps the empty input: half of JSON is none, and the stop reason says it."""
        if self._message.content:
            block, said = self._message.content[-1], "".join(self._fragments)
            self._fragments.clear()
            if isinstance(block, Text):
                block.text = said
            elif _is_object(said):
                block.input = msgspec.json.decode(said)
            yield _frame("content_block_stop", index=len(self._message.content) - 1)


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


def _usage(bill: Settled) -> UsageBody:
    usage = bill.usage
    computed = usage.prompt_tokens - usage.cached_tokens
    return UsageBody(computed, usage.completion_tokens, usage.cached_tokens, usd(bill.cost_nano))


def _frame(event: str, **keys: Any) -> bytes:
    return f"event: {event}\ndata: ".encode() + msgspec.json.encode({"type": event, **keys}) + b"\n\n"
