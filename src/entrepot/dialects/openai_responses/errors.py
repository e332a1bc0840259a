"""Our errors in the dialect's shape: that of all of OpenAI's addresses."""

from __future__ import annotations

from typing import Any

from entrepot.dialects.base import Answer, HeaderPairs
from entrepot.dialects.openai_responses.wire import encode
from entrepot.errors import EntrepotError

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def error_fields(error: EntrepotError) -> dict[str, Any]:
    """What the dialect says of an error; only `error.public` is shown."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"message": error.public, "type": kind, "param": getattr(error, "param", None), "code": error.code}


def error_body(error: EntrepotError) -> dict[str, Any]:
    """The dialect's error object."""
    return {"error": error_fields(error)}


def render_error(error: EntrepotError) -> Answer:
    """An error as a whole answer."""
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        # Whole seconds, rounded up: a client that waits them is never early.
        headers.append((b"retry-after", str(max(1, -int(-retry_after_s // 1))).encode()))
    pairs: HeaderPairs = tuple(headers)
    return Answer(error.status, pairs, encode(error_body(error)))
