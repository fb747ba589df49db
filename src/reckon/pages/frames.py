"""What every page has around its content, and the page that an error becomes. Knows no model."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from reckon.errors import ApiError, NotAuthenticated
from reckon.ledger.accounts import Account
from reckon.pages.rendering import page

TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not like that",
    429: "Too much at a time",
    500: "That went wrong",
    503: "Not ready",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """``visitor`` is the name of the key that is signed in; empty for nobody; None where it is not known."""

    visitor: str | None
    here: str = "/"


@dataclass(frozen=True, slots=True)
class ErrorPage:
    frame: Frame
    title: str
    status: int
    message: str
    sign_in: bool


def frame(account: Account, here: str = "/") -> Frame:
    """``here`` is the path to come back to after signing in."""
    return Frame(account.name if account.id else "", here)


def refused(request: Request, error: ApiError) -> Response | None:
    """The error as a page for a browser that asked for one; None for everybody else."""
    if "text/html" not in request.headers.get("accept", ""):
        return None
    title = TITLES.get(error.status, "This was refused" if error.status < 500 else "That went wrong")
    shown = ErrorPage(Frame(None), title, error.status, error.message, isinstance(error, NotAuthenticated))
    return page(request, "error.html", shown, status=error.status)
