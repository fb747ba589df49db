"""How answers and errors are put into HTTP: JSON bodies, OpenAI's error envelope, the request id. Knows no routes, no models.

``app.py`` calls it for every error that reaches the edge, ``answering.py`` for one in the middle of a stream.
"""

import logging
import math
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from reckon.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, NotAuthenticated, RouteNotFound

log = logging.getLogger("reckon.api")

LONGEST_WAIT = 120
"""Seconds: the official clients do not come back at all when they are told to wait longer."""


def stamp(scope: Scope) -> None:
    """Give the request its id: 32 hex digits, also those of the completion it may lead to. And note when it came."""
    scope["reckon.request"], scope["reckon.arrived"] = secrets.token_hex(16), time.monotonic()


def request_id(scope: Scope) -> str:
    return f"req_{scope['reckon.request']}"


def arrived(scope: Scope) -> float:
    """By the monotonic clock."""
    return float(scope["reckon.arrived"])


def completion_id(scope: Scope, prefix: str) -> str:
    return f"{prefix}-{scope['reckon.request']}"


def encoded(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Anything msgspec can encode, as JSON."""
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def refusal(error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as an answer of its status."""
    extra = dict(headers or {})
    if error.retry_after is not None:
        extra["retry-after"] = str(min(max(math.ceil(error.retry_after), 1), LONGEST_WAIT))
    if isinstance(error, NotAuthenticated):
        extra["www-authenticate"] = "Bearer"
    return encoded(error.envelope(), status=error.status, headers=extra)


def translated(error: Exception, scope: Scope) -> ApiError:
    """What the client is told. A defect of ours is logged in full here and named by the request's id only."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return _routing_error(error, scope)
    log.error("%s %s failed: %s", scope["method"], scope["path"], request_id(scope), exc_info=error)
    return InternalError(f"Something went wrong on our side. If you report it, give this id: {request_id(scope)}.")


def _routing_error(error: HTTPException, scope: Scope) -> ApiError:
    if error.status_code == RouteNotFound.status:
        return RouteNotFound(f"There is nothing at {scope['path']}.")
    if error.status_code == MethodNotAllowed.status:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(f"{scope['path']} does not take {scope['method']}; it takes {allowed}.")
    return InvalidRequest(str(error.detail))
