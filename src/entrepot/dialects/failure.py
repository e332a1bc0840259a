"""What a provider's error answer means, by its body first and its status second.

Source: facts on billing states under 429 and 403 (Moonshot, Z.AI, DashScope, Volcengine), DeepSeek's 402, and the error
shapes of hosts that speak this dialect: nested `{"error": {...}}`, flat `{"message": …}`, `{"error": "text"}`,
`{"detail": …}`, a one-element array, a bare string, or HTML from a proxy on the way.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from typing import Any

import msgspec

from entrepot.canonical.stream import Failure, FailureKind

_MAX_MESSAGE = 500

# Lower-case words in a code, type or message, the first match decides.
_BY_WORD: tuple[tuple[str, FailureKind], ...] = (
    ("insufficient_quota", "quota"),
    ("exceeded_current_quota", "quota"),
    ("insufficient balance", "quota"),
    ("insufficient_balance", "quota"),
    ("overdue", "quota"),
    ("arrearage", "quota"),
    ("commoditynotpurchased", "quota"),
    ("billoverdue", "quota"),
    ("budgetlimitexceeded", "quota"),
    ("billing", "quota"),
    ("credit balance", "quota"),
    ("context_length", "context_length"),
    ("maximum context", "context_length"),
    ("exceed_context_size", "context_length"),
    ("prompt is too long", "context_length"),
    ("context length", "context_length"),
    ("content_filter", "content_filter"),
    ("content filter", "content_filter"),
    ("data_inspection_failed", "content_filter"),
    ("content_policy", "content_filter"),
    ("contentfilter", "content_filter"),
    ("invalid_api_key", "auth"),
    ("incorrect api key", "auth"),
    ("model_not_found", "model_gone"),
    ("model not found", "model_gone"),
    ("model_not_exist", "model_gone"),
    ("model not exist", "model_gone"),
    ("does not exist", "model_gone"),
    ("deprecated", "model_gone"),
    ("rate_limit", "rate_limit"),
    ("rate limit", "rate_limit"),
    ("overloaded", "overloaded"),
)
_ZAI_QUOTA_CODES = frozenset({"1113", "1121"})
_BY_STATUS: dict[int, FailureKind] = {
    400: "bad_request",
    401: "auth",
    402: "quota",
    403: "auth",
    404: "model_gone",
    408: "timeout",
    409: "overloaded",
    413: "context_length",
    422: "bad_request",
    429: "rate_limit",
    498: "overloaded",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


def parse_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None = None) -> Failure:
    """Classify an error answer. `now_s` (Unix seconds) resolves a Retry-After date; without it a date is not used."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = "" if body.lstrip()[:1] == b"<" else body[:_MAX_MESSAGE].decode("utf-8", "replace")
        value = text or f"the provider answered {status} without a readable error"
    return failure_of(value, status, _retry_after_s(headers, now_s))


def failure_of(value: object, status: int, retry_after_s: float | None = None) -> Failure:
    """Classify a decoded error: a whole body, or the `error` inside one."""
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(error, dict):
        message = _first_text(error, "message", "msg", "detail", "error_msg") or encode_text(error)
        code = _first_text(error, "code", "type", "error_type", "error_code", "status")
        kind_text = " ".join(str(error.get(name, "")) for name in ("code", "type", "error_type", "status"))
    else:
        message, code, kind_text = str(error), None, ""
    return Failure(
        kind=_kind(f"{kind_text} {message}".lower(), code, status),
        message=message[:_MAX_MESSAGE],
        status=status,
        code=code,
        retry_after_s=retry_after_s,
    )


def encode_text(value: object) -> str:
    """A value as JSON text, for a message that has no words of its own."""
    return msgspec.json.encode(value).decode()


def _first_text(error: dict[str, Any], *names: str) -> str | None:
    for name in names:
        given = error.get(name)
        if given is not None and not isinstance(given, dict | list):
            return str(given)
    return None


def _kind(text: str, code: str | None, status: int) -> FailureKind:
    if code in _ZAI_QUOTA_CODES:
        return "quota"
    for word, kind in _BY_WORD:
        # A server's own fault stays one, whatever its text mentions in passing.
        if word in text and (status < 500 or kind == "overloaded"):
            return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "bad_request" if 400 <= status < 500 else "server_error"


def _retry_after_s(headers: Mapping[bytes, bytes], now_s: float | None) -> float | None:
    for name in (b"retry-after-ms", b"x-ms-retry-after-ms"):
        if (given := _number(headers.get(name))) is not None:
            return given / 1000
    plain = headers.get(b"retry-after")
    if plain is None or (given := _number(plain)) is not None:
        return given if plain is not None else None
    if now_s is None:
        return None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(plain.decode("latin-1")).timestamp() - now_s)
    except ValueError:
        return None


def _number(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None
