"""Errors between the wire and ours, both ways.

Source: Anthropic API reference, Errors: `{"type": "error", "error": {"type", "message"}}`, also as an event of a stream that
began with status 200.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.stream import Failure
from entrepot.dialects.failure import failure_of
from entrepot.errors import EntrepotError

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPES = {**{status: word for word, status in _STATUS.items()}, 503: "overloaded_error", 408: "timeout_error"}


def failure_of_error(event: object) -> Failure:
    """An error event, classified as the status that its type would have had."""
    error = event.get("error") if isinstance(event, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return failure_of(event, _STATUS.get(str(kind), 0))


def error_body(error: EntrepotError) -> dict[str, Any]:
    """The dialect's error object; only `error.public` is shown."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.public}}
