"""What a field of a request is, and how its JSON value is read: strictly, with every fault in words. Knows no field by name.

msgspec finds the fault; here it becomes a refusal that names the place as a dotted path, the rule and the value. The fields
themselves are in ``fields.py`` and ``completions.py``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
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


KINDS: dict[str, tuple[Any, str]] = {
    "string": (str, "a string"),
    "number": (float, "a number"),
    "integer": (int, "an integer"),
    "boolean": (bool, "true or false"),
    "array": (list[Any], "an array"),
    "object": (dict[str, Any], "an object"),
}
"""By the page's word for it: the type that is decoded, and how a refusal calls it."""


@dataclass(frozen=True, slots=True)
class Range:
    """Where a number may lie; an open end excludes its bound."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.low_open else self.low <= value
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def text(self, name: str) -> str:
        return f"{self.low} {'<' if self.low_open else '≤'} {name} {'<' if self.high_open else '≤'} {self.high}"


@dataclass(frozen=True, slots=True)
class Field:
    """One row. ``type`` and ``what`` replace those of the kind where it is not the whole story.

    ``allowed`` are the only words taken. ``make`` turns the decoded value into what the Job takes, or raises InvalidField.
    ``effect`` is False for a field that nothing here depends on: its value is checked, and the answer's headers say that
    it had no effect.
    """

    name: str
    kind: str
    description: str
    default: Any = None
    range: Range | None = None
    required: bool = False
    effect: bool = True
    type: Any = None
    what: str = ""
    make: Callable[[Any], Any] | None = None
    allowed: tuple[str, ...] = ()
    examples: tuple[Any, ...] = ()

    @property
    def rule(self) -> str:
        """What the value must be, as a refusal says it."""
        if self.allowed:
            return f"one of {', '.join(self.allowed)}"
        return (self.what or KINDS[self.kind][1]) + (f" with {self.range.text(self.name)}" if self.range else "")

    def read(self, raw: msgspec.Raw | None, default: Any) -> Any:
        """The value, or ``default`` when it is absent or null. Raises InvalidField."""
        if raw is None or bytes(raw) == b"null":
            if self.required:
                raise InvalidField(f"{self.name} is required: {self.rule}.", param=self.name)
            return default
        value = read(raw, self.type or KINDS[self.kind][0], self.name, self.rule)
        if (self.range is not None and value not in self.range) or (self.allowed and value not in self.allowed):
            raise invalid(self.name, self.rule, raw)
        return self.make(value) if self.make is not None else value


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
