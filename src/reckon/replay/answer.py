"""What an answer says, whole or streamed, in any of the API's dialects, as one tree; and the part of it that is promised.

Pure functions over JSON. ``verdict.py`` compares two trees.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from reckon.errors import BadSetting

Tree: TypeAlias = dict[str, Any]
JOINED = {"content", "reasoning_content", "refusal", "arguments", "text", "partial_json"}
"""Strings of a stream that are pieces; the others come whole."""
INDEXED = {"choices", "tool_calls"}
"""Lists of a stream whose elements say their place."""
INCIDENTAL = {"id", "created", "system_fingerprint"}
INCIDENTAL_USAGE = {"prompt_tokens_details", "estimated_cost", "cache_creation_input_tokens"}
"""What was cached depends on the requests before, and a cost on the price of the day."""


def whole(response: Tree | str | list[Tree]) -> Tree:
    """One tree. Raises BadSetting for an answer that is an error, is not complete, or is none."""
    streamed = events(response) if isinstance(response, str) else response
    answer = streamed if isinstance(streamed, dict) else joined(streamed)
    if answer.get("error"):
        raise BadSetting(f"it is the error {_message(answer['error'])!r}")
    ends = [choice.get("finish_reason") for choice in answer.get("choices") or []] or [answer.get("stop_reason")]
    if not all(ends):
        raise BadSetting("it is not a complete answer: a choice has no finish_reason")
    return answer


def events(text: str) -> list[Tree]:
    """The JSON of each server-sent event. Raises BadSetting for one that has none."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:"))
        if not data or data == "[DONE]":
            continue
        try:
            found.append(msgspec.json.decode(data, type=dict[str, Any]))
        except msgspec.DecodeError as error:
            raise BadSetting(f"it has an event that is not a JSON object: {error}") from None
    return found


def joined(stream: Iterable[Tree]) -> Tree:
    """The sum of a stream's events."""
    answer: Tree = {}
    for event in stream:
        if "type" in event and "choices" not in event:
            _add_message_event(answer, event)
        else:
            _merge(answer, event)
    return answer


def promised(answer: Tree) -> Tree:
    """What has to be the same when the request is made again: everything but what a server makes up for each answer."""
    kept = {name: value for name, value in answer.items() if name not in INCIDENTAL}
    usage = {name: value for name, value in (kept.get("usage") or {}).items() if name not in INCIDENTAL_USAGE}
    if "cache_read_input_tokens" in usage:  # the messages API tells the prompt in two parts
        usage["input_tokens"] += usage.pop("cache_read_input_tokens")
    tree: Tree = without_nulls({**kept, "usage": usage})
    return tree


def without_nulls(value: Any) -> Any:
    """Clients that dump their own types write every key they know."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def _merge(into: Tree, piece: Tree) -> None:
    for key, value in piece.items():
        old = into.get(key)
        if value is None:
            into.setdefault(key, None)
        elif key in INDEXED and isinstance(value, list):
            into[key] = old or []
            for element in value:
                _merge(_at(into[key], element["index"]), element)
        elif isinstance(value, dict) and key != "usage":
            into[key] = old or {}
            _merge(into[key], value)
        elif isinstance(value, list):
            into[key] = (old or []) + value
        else:
            into[key] = (old or "") + value if key in JOINED else value


def _at(elements: list[Tree], index: int) -> Tree:
    found = next((element for element in elements if element["index"] == index), None)
    if found is None:
        found = {"index": index}
        elements.append(found)
        elements.sort(key=lambda element: int(element["index"]))
    return found


def _add_message_event(answer: Tree, event: Tree) -> None:
    """Anthropic's events, one type each."""
    match event["type"]:
        case "message_start":
            answer.update(event["message"], content=[])
        case "content_block_start":
            answer["content"].append(dict(event["content_block"]))
        case "content_block_delta":
            delta = {key: value for key, value in event["delta"].items() if key != "type"}
            _merge(answer["content"][event["index"]], delta)
        case "message_delta":
            answer.update(event["delta"])
            answer["usage"] = event["usage"]
        case "error":
            answer["error"] = event["error"]


def _message(error: Any) -> str:
    return str(error.get("message", error) if isinstance(error, dict) else error)
