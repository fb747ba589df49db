"""Whether an answer is right. Pure functions of a message as the API sends it; called by ``playing.py``."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reckon.evals.suite import Expect

BOX = "\\boxed{"


def right(expect: Expect, answer: str | None) -> bool:
    """Whether an answer, as ``answer_of`` reads it, is the expected one."""
    return answer is not None and answer == wanted(expect)


def wanted(expect: Expect) -> str:
    """The right answer in the form of ``answer_of``."""
    if expect.boxed is not None:
        return squeezed(expect.boxed)
    if expect.json is not None:
        return canonical(expect.json)
    return canonical(expect.call) if expect.call is not None else "said"


def answer_of(expect: Expect, message: dict[str, Any]) -> str | None:
    """What a message answers, in one comparable string; None where it does not answer in the form asked for."""
    calls = message.get("tool_calls") or []
    text = message.get("content") or ""
    if expect.call is not None:
        return called(calls)
    if calls:
        return None
    if expect.boxed is not None:
        return boxed(text)
    if expect.json is not None:
        return keys_of(text, expect.json)
    return "said" if any(all(word.casefold() in text.casefold() for word in words) for words in expect.says or []) else None


def majority(answers: Sequence[str | None]) -> str | None:
    """The answer given most often, the earliest of those that are level; no answer counts for nothing."""
    counts = Counter(answer for answer in answers if answer is not None)
    return counts.most_common(1)[0][0] if counts else None


def boxed(text: str) -> str | None:
    """The content of the last box, braces inside it included."""
    start = text.rfind(BOX)
    if start < 0:
        return None
    depth, inside = 1, text[start + len(BOX) :]
    for place, character in enumerate(inside):
        depth += (character == "{") - (character == "}")
        if not depth:
            return squeezed(inside[:place])
    return None


def called(calls: Sequence[dict[str, Any]]) -> str | None:
    """The one call made."""
    if len(calls) != 1:
        return None
    function = calls[0]["function"]
    try:
        return canonical({"name": function["name"], "arguments": json.loads(function["arguments"])})
    except ValueError:
        return None


def keys_of(text: str, keys: dict[str, Any]) -> str | None:
    """The values of the wanted keys in a text that is a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or not keys.keys() <= value.keys():
        return None
    return canonical({key: value[key] for key in keys})


def canonical(value: object) -> str:
    """JSON with sorted keys: equal values, equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def squeezed(text: str) -> str:
    """Without white space and ``\\text{}``: ``1, 2`` and ``1,2`` are one answer."""
    return re.sub(r"\s|\\,|~", "", re.sub(r"\\text\{([^{}]*)\}", r"\1", text))
