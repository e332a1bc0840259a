"""Our errors in the dialect's shape: that of all of OpenAI's addresses."""

from __future__ import annotations

from typing import Any

from entrepot.errors import EntrepotError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    402: "insufficient_quota",
}


def error_body(error: EntrepotError) -> dict[str, Any]:
    """The dialect's error object; only `error.public` is shown."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    param = getattr(error, "param", None)
    return {"error": {"message": error.public, "type": kind, "param": param, "code": error.code}}
