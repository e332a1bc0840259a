"""What an error answer of Gemini means, and our own errors in its shape.

Rules of this file: the body is `{"error": {"code", "message", "status", "details"}}`, sometimes inside a one-element array. The
machine-readable details come first, then `status`, then the HTTP status. The message of every 429 speaks of quota, plan and
billing, so it is the violated quota's id that tells a day's allowance from a minute's. Source: google.rpc `code.proto` and
`error_details.proto`; Gemini API, "Troubleshooting".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.dialects.error_answer import whole_seconds
from entrepot.dialects.failure import parse_failure as parse_any_failure
from entrepot.dialects.gemini_generate.wire import decode_value
from entrepot.errors import EntrepotError

_MAX_MESSAGE = 500
_BY_REASON: dict[str, FailureKind] = {
    "API_KEY_INVALID": "auth",
    "API_KEY_SERVICE_BLOCKED": "auth",
    "API_KEY_EXPIRED": "auth",
    "ACCESS_TOKEN_EXPIRED": "auth",
    "SERVICE_DISABLED": "auth",
    "CONSUMER_SUSPENDED": "auth",
    "CONSUMER_INVALID": "auth",
    "BILLING_DISABLED": "quota",
    "RATE_LIMIT_EXCEEDED": "rate_limit",
}
_BY_STATUS_WORD: dict[str, FailureKind] = {
    "INVALID_ARGUMENT": "bad_request",
    "FAILED_PRECONDITION": "bad_request",
    "OUT_OF_RANGE": "bad_request",
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "NOT_FOUND": "model_gone",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "ABORTED": "overloaded",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
    "CANCELLED": "timeout",
    "INTERNAL": "server_error",
    "UNKNOWN": "server_error",
    "DATA_LOSS": "server_error",
}
# Words of a message that say more than its status; the first match decides.
_BY_WORD: tuple[tuple[str, FailureKind], ...] = (
    ("exceeds the maximum number of tokens", "context_length"),
    ("token count exceeds", "context_length"),
    ("api key not valid", "auth"),
    ("api key expired", "auth"),
    ("cachedcontent not found", "bad_request"),  # said with status 403 of what the client named, not of the key
    ("permission to access the file", "bad_request"),
    ("user location is not supported", "region"),
    ("enable billing", "quota"),
    ("is not found for api version", "model_gone"),
    ("no longer available", "model_gone"),
)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d+)?)s")
_WORDS_FOR_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def parse_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None = None) -> Failure:
    """Classify an error answer. `now_s` (Unix seconds) resolves a Retry-After date; a delay in the body comes first."""
    plain = parse_any_failure(status, headers, body, now_s)
    try:
        error = error_of(decode_value(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = None
    return plain if error is None else failure_of(error, status, plain.retry_after_s)


def error_of(value: object) -> dict[str, Any] | None:
    """The error object inside a body, None if there is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else None


def failure_of(error: dict[str, Any], status: int, retry_after_s: float | None = None) -> Failure:
    """Classify a decoded error object. `status` is the HTTP status, 0 for an error inside a stream."""
    details = [each for each in error.get("details") or () if isinstance(each, dict)]
    word = str(error.get("status") or "")
    message = str(error.get("message") or word or f"the provider answered {status} without a message")
    code = error.get("code")
    delay_s = next((found for each in details if (found := _delay_s(each)) is not None), retry_after_s)
    return Failure(
        kind=_kind(details, message.lower(), word, status or (code if isinstance(code, int) else 0)),
        message=message[:_MAX_MESSAGE],
        status=status,
        code=word or (None if code is None else str(code)),
        retry_after_s=delay_s,
    )


def _kind(details: list[dict[str, Any]], message: str, word: str, status: int) -> FailureKind:
    for detail in details:
        if (known := _BY_REASON.get(str(detail.get("reason")))) is not None:
            return known
    quotas = [
        str(violation.get("quotaId") or "")
        for detail in details
        for violation in detail.get("violations") or ()
        if isinstance(violation, dict)
    ]
    if any("PerDay" in quota for quota in quotas) or "limit: 0" in message:
        return "quota"
    if status < 500:
        for text, kind in _BY_WORD:
            if text in message:
                return kind
    if word in _BY_STATUS_WORD:
        return _BY_STATUS_WORD[word]
    return parse_any_failure(status, {}, b"{}").kind


def _delay_s(detail: dict[str, Any]) -> float | None:
    """google.rpc.RetryInfo: `"37s"`, or seconds and nanoseconds."""
    delay = detail.get("retryDelay")
    if isinstance(delay, str) and (found := _DURATION.fullmatch(delay)) is not None:
        return float(found[1])
    if isinstance(delay, dict):
        seconds, nanos = delay.get("seconds", 0), delay.get("nanos", 0)
        try:
            total = float(seconds) + float(nanos) / 1e9
        except (TypeError, ValueError):
            return None
        return total if 0 <= total < 1e9 else None
    return None


def error_body(error: EntrepotError) -> dict[str, Any]:
    """Our error as the dialect's object; only `error.public` is shown."""
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code.upper(), "domain": "entrepot"}
    ]
    if (param := getattr(error, "param", None)) is not None:
        violation = {"field": param, "description": error.public}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    if (delay_s := getattr(error, "retry_after_s", None)) is not None:
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{whole_seconds(delay_s)}s"}
        details.append(retry)
    word = _WORDS_FOR_STATUS.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    return {"error": {"code": error.status, "message": error.public, "status": word, "details": details}}
