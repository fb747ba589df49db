"""The tree of errors: drawn as it is, complete, and the same four keys for everyone. docs/errors.md is held by tests/api."""

import re

import pytest

from reckon import errors
from reckon.errors import ApiError, BadSetting, Failure, QueueFull, ReckonError, Refusal, SetupError

CONCRETE = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")]


def descendants(kind: type[ReckonError], depth: int = 0) -> list[tuple[int, str, str]]:
    found = [(depth, kind.__name__, str(getattr(kind, "status", "")))]
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            # ApiError is how Refusals and Failures are alike, not a group of its own: it is not drawn.
            found += descendants(child, depth + 1) if child is not ApiError else descendants(child, depth)[1:]
    return found


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"^ {4}([│ ├└─]*)(\w+) *(\d{3})?", errors.__doc__ or "", re.MULTILINE)
    assert [(len(indent) // 4, name, status) for indent, name, status in drawn] == descendants(ReckonError)


@pytest.mark.parametrize("kind", CONCRETE)
def test_every_error_of_the_api_says_who_must_act(kind: type[ApiError]) -> None:
    assert issubclass(kind, Refusal if kind.status < 500 else Failure)
    assert 400 <= kind.status < 600
    assert re.fullmatch(r"[a-z_]+", kind.code) and re.fullmatch(r"[a-z_]+", kind.type)


def test_codes_are_unique() -> None:
    assert len({kind.code for kind in CONCRETE}) == len(CONCRETE) > 10


@pytest.mark.parametrize("kind", CONCRETE)
def test_the_envelope_always_has_four_keys(kind: type[ApiError]) -> None:
    error = kind("A sentence.", param="messages.0")
    assert error.envelope() == {
        "error": {"message": "A sentence.", "type": kind.type, "param": "messages.0", "code": kind.code}
    }
    assert kind("A sentence.").envelope()["error"]["param"] is None


def test_when_to_come_back_is_not_in_the_body() -> None:
    error = QueueFull("Full.", retry_after=3)
    assert error.retry_after == 3
    assert "retry" not in str(error.envelope())


def test_an_operators_mistake_never_travels_to_a_client() -> None:
    assert issubclass(BadSetting, SetupError) and not issubclass(SetupError, ApiError)
    assert str(BadSetting("A sentence.")) == BadSetting("A sentence.").message == "A sentence."
