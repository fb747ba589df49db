"""A browser as a caller: its session cookie, and whether the request is of our own pages. Knows no accounts and no routes.

Cookies go along with requests that other sites cause, and every port of one host shares them. So a cookie counts only where the
browser says that the request comes from our own origin.
"""

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from reckon.errors import NotPermitted

COOKIE = "reckon_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def session_of(headers: Headers) -> str:
    """The session's secret; empty when there is none."""
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE, "")


def check_origin(headers: Headers, method: str) -> None:
    """Raises NotPermitted for a request that another site caused, and for one that may change something and says no origin.

    Browsers send Sec-Fetch-Site to https and to this machine, and Origin with every POST; neither can be set by a page.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        ours = site == "same-origin" or (site == "none" and method in SAFE)
    elif origin is not None:
        ours = origin.partition("://")[2] == headers.get("host", "nowhere")
    else:
        ours = method in SAFE
    if not ours:
        raise NotPermitted("This request does not come from a page of this server. Programs send a key instead of a cookie.")
