"""Our errors in the dialect's shape."""

from __future__ import annotations

from typing import Any

from entrepot.errors import EntrepotError


def error_body(error: EntrepotError) -> dict[str, Any]:
    """The dialect's error object; only `error.public` is shown."""
    return {
        "error": {
            "message": error.public,
            "type": _type(error.status),
            "param": getattr(error, "param", None),
            "code": error.code,
        }
    }


def _type(status: int) -> str:
    """The dialect's word for a class of status."""
    named = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        402: "insufficient_quota",
    }
    return named.get(status, "invalid_request_error" if status < 500 else "server_error")
