"""Reads one JSON value into a type, strictly, and says in words what is wrong with it. Knows no field; ``fields.py`` calls it.

msgspec finds the fault; here it becomes a refusal that names the place as a dotted path, the rule and the value.
"""

import re
from typing import Any

import msgspec

from reckon.errors import InvalidField, InvalidRequest

SHOWN = 80
"""Characters of a refused value that are repeated to its sender."""
_PLACE = re.compile(r" - at `\$(.*)`$")
_EXPECTED = re.compile(r"Expected `(.*)`, got")
_NAMED = re.compile(r"Object (contains unknown|missing required) field `(.*)`")
_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """The top level of a JSON object, its values still as they were sent. Raises InvalidRequest."""
    try:
        body.decode()
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not valid UTF-8: byte {error.start} is 0x{body[error.start]:02x}.") from None
    except msgspec.ValidationError:
        raise InvalidRequest("The body must be a JSON object.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None


def read(raw: msgspec.Raw, kind: Any, name: str, what: str) -> Any:
    """The value of the field ``name`` as ``kind``. ``what`` says what the field must be.

    Raises InvalidField, or InvalidRequest for what is not JSON at all (half a surrogate pair, a thousand brackets).
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _refused(raw, name, what, str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON in {name}: {error}.", param=name) from None


def invalid(param: str, what: str, value: Any) -> InvalidField:
    """The refusal of ``value`` because ``param`` must be ``what``."""
    return InvalidField(f"{param} must be {what}, not {shown(value)}.", param=param)


def shown(value: Any) -> str:
    """A value as JSON, cut when it is long."""
    try:
        text = (bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)).decode()
    except (RecursionError, OverflowError):
        return "what was sent"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _refused(raw: msgspec.Raw, name: str, what: str, fault: str) -> InvalidField:
    place = _PLACE.search(fault)
    steps = re.findall(r"\w+", place[1]) if place else []
    fault = fault[: place.start()] if place else fault
    param = ".".join([name, *steps])
    if named := _NAMED.fullmatch(fault):
        param = f"{param}.{named[2][:SHOWN]}"
        return InvalidField(f"{param} is {'required' if named[1] == 'missing required' else 'not a known field'}.", param=param)
    if steps:
        expected = _EXPECTED.match(fault)
        what = _in_words(expected[1]) if expected else "a number that is not so large"
    return invalid(param, what, _inner(raw, steps))


def _in_words(expected: str) -> str:
    """msgspec's ``str | null`` as "a string": that null is the same as absent goes without saying."""
    words = [_WORDS[word] for word in expected.split(" | ") if word != "null"]
    return " or ".join(words) or "null"


def _inner(raw: msgspec.Raw, steps: list[str]) -> Any:
    """The value at a path, or the whole when the path leads through a key that msgspec does not tell."""
    inner = raw
    for step in steps:
        kind: Any = list[msgspec.Raw] if step.isdecimal() else dict[str, msgspec.Raw]
        try:
            level = msgspec.json.decode(inner, type=kind)
            inner = level[int(step)] if step.isdecimal() else level[step]
        except (msgspec.DecodeError, KeyError, RecursionError):
            return inner
    return inner
