import re
from pathlib import Path

import openai
import pytest

from reckon.errors import ApiError, Failure, Refusal

DOC = Path(__file__).parents[2] / "docs" / "errors.md"


def concrete(root: type[ApiError] = ApiError) -> list[type[ApiError]]:
    found = []
    for kind in root.__subclasses__():
        if kind in (Refusal, Failure):
            found += concrete(kind)
        elif kind.__module__ == "reckon.errors":
            found.append(kind)
    return found


def documented() -> dict[str, list[str]]:
    rows = [re.split(r" *\| *", line.strip("|\n ")) for line in DOC.read_text().splitlines() if re.match(r"\| \d", line)]
    return {row[1].strip("`"): [cell.strip("`") for cell in row] for row in rows}


def test_each_error_is_documented_and_nothing_else() -> None:
    assert sorted(documented()) == sorted(kind.code for kind in concrete())


@pytest.mark.parametrize("kind", concrete())
def test_what_is_documented_is_so(kind: type[ApiError]) -> None:
    status, _, type_, _, client_class, retried = documented()[kind.code]
    assert (status, type_) == (str(kind.status), kind.type)
    by_status = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError"}
    by_status |= {
        422: "UnprocessableEntityError",
        429: "RateLimitError",
        500: "InternalServerError",
        503: "InternalServerError",
    }
    assert client_class == by_status.get(kind.status, "APIStatusError")
    assert issubclass(getattr(openai, client_class), openai.APIStatusError)
    assert retried == ("yes" if kind.status in (408, 409, 429) or kind.status >= 500 else "no")
