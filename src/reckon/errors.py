"""Everything that can go wrong, on one page. Knows nothing of HTTP libraries, engines or storage; everyone raises from here.

    ReckonError
    ├── Refusal                       the request cannot be served as it is; nothing was run, nothing is charged
    │   ├── InvalidRequest       400  the body is not what the route takes (not JSON, two system messages, ...)
    │   ├── InvalidGrammar       400  a schema or regex cannot be compiled, or (in mid-answer, charged) followed on
    │   ├── ContextLengthExceeded 400 the prompt does not fit into the model's context
    │   ├── NotAuthenticated     401  no key, or a key that is unknown or revoked
    │   ├── InsufficientFunds    402  the key's spending limit does not cover what this request may cost
    │   ├── NotPermitted         403  the key is good but may not do this
    │   ├── ModelNotFound        404  no model of that name is served here
    │   ├── RouteNotFound        404  no such path
    │   ├── MethodNotAllowed     405  the path exists, the method does not
    │   ├── BodyTooLarge         413  the body is over the limit
    │   ├── UnsupportedMediaType 415  the body is not declared as JSON
    │   ├── InvalidField         422  one field has the wrong type or is outside its range
    │   └── QueueFull            429  too much work is waiting; says when to come back
    ├── Failure                       the request was fine; we could not finish it
    │   ├── EngineFailed         500  the engine lost this request
    │   ├── InternalError        500  a defect of ours
    │   └── EngineUnavailable    503  the engine is not up (yet, or again)
    └── SetupError                    the server cannot start like this; printed by the command line
        ├── BadSetting
        └── UnsupportedModel

Refusals and Failures travel to clients in OpenAI's envelope: {"error": {message, type, param, code}}.
"""

from typing import Any, ClassVar


class ReckonError(Exception):
    """The root. ``message`` is a full sentence for the reader."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ApiError(ReckonError):
    """An error that has an HTTP status and OpenAI's four keys."""

    status: ClassVar[int]
    type: ClassVar[str]
    code: ClassVar[str]

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.retry_after = retry_after

    def envelope(self) -> dict[str, Any]:
        """OpenAI's error body; all four keys are always there."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}


class Refusal(ApiError):
    type = "invalid_request_error"


class InvalidRequest(Refusal):
    status = 400
    code = "invalid_request"


class InvalidGrammar(Refusal):
    status = 400
    code = "invalid_grammar"


class ContextLengthExceeded(Refusal):
    status = 400
    code = "context_length_exceeded"


class NotAuthenticated(Refusal):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class InsufficientFunds(Refusal):
    status = 402
    type = "insufficient_quota"
    code = "insufficient_quota"


class NotPermitted(Refusal):
    status = 403
    type = "permission_error"
    code = "not_permitted"


class ModelNotFound(Refusal):
    status = 404
    code = "model_not_found"


class RouteNotFound(Refusal):
    status = 404
    code = "not_found"


class MethodNotAllowed(Refusal):
    status = 405
    code = "method_not_allowed"


class BodyTooLarge(Refusal):
    status = 413
    code = "body_too_large"


class UnsupportedMediaType(Refusal):
    status = 415
    code = "unsupported_media_type"


class InvalidField(Refusal):
    status = 422
    code = "invalid_value"


class QueueFull(Refusal):
    status = 429
    type = "rate_limit_error"
    code = "queue_full"


class Failure(ApiError):
    type = "server_error"


class EngineFailed(Failure):
    status = 500
    code = "engine_failed"


class InternalError(Failure):
    status = 500
    code = "internal_error"


class EngineUnavailable(Failure):
    status = 503
    code = "engine_unavailable"


class SetupError(ReckonError):
    """The operator's mistake, found before anything is served."""


class BadSetting(SetupError):
    pass


class UnsupportedModel(SetupError):
    pass
