"""What a provider's error answer means, by its body first and its status second.

Rules of this file: a code that means one thing decides; then a phrase of the message; then the status. A server's own fault (5xx)
stays one, whatever its text mentions in passing. Shapes that are understood: nested `{"error": {...}}`, flat `{"message": …}`,
`{"error": "text", "error_type": …}` (TGI), `{"detail": …}` (FastAPI, Mistral), `{"base_resp": …}` (MiniMax), `{"error_code": …}`
(Qianfan), AWS's type in a header, a one-element array, a bare string, and the web page of a proxy on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.dialects import retry_after
from entrepot.dialects.failure_words import (
    BY_CODE,
    BY_MINIMAX_NUMBER,
    BY_NUMBER,
    BY_PHRASE,
    BY_QIANFAN_NUMBER,
    BY_STATUS,
    TOO_LARGE_FOR_EVER,
)

_MAX_MESSAGE = 500
_MAX_CODE = 100
_MESSAGES = ("message", "msg", "detail", "error_msg", "status_msg", "Message", "error_message")
_CODES = ("code", "type", "error_type", "error_code", "status", "__type", "status_code")
_WAITS: frozenset[FailureKind] = frozenset({"rate_limit", "overloaded", "quota"})


def parse_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None = None) -> Failure:
    """Classify an error answer. `now_s` (Unix seconds) resolves a Retry-After date; without it a date is not used."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        page = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
        text = "" if page else body[:_MAX_MESSAGE].decode("utf-8", "replace")
        how = "with a web page" if page else "without a readable error"
        value = text or f"the provider answered {status} {how}"
    named = headers.get(b"x-amzn-errortype")
    if named is not None and isinstance(value, dict):
        value = {"__type": named.decode("latin-1").partition(":")[0], **value}
    failure = failure_of(value, status, retry_after.in_headers(headers, now_s))
    if failure.retry_after_s is None and failure.kind == "rate_limit":
        failure = msgspec.structs.replace(failure, retry_after_s=retry_after.of_reset(headers, now_s))
    return failure


def failure_of(value: object, status: int, retry_after_s: float | None = None) -> Failure:
    """Classify a decoded error: a whole body, or the `error` inside one. `status` is 0 where there was none."""
    if isinstance(value, list) and value:
        value = value[0]
    error, codes = _taken_apart(value)
    message = _message(error) or _message(value) or encode_text(value)
    kind = _kind(error, codes, message.lower(), status)
    if retry_after_s is None and kind in _WAITS:
        retry_after_s = retry_after.in_body(value)
        retry_after_s = retry_after.in_words(message) if retry_after_s is None else retry_after_s
    return Failure(
        kind=kind,
        message=message[:_MAX_MESSAGE],
        status=status,
        code=codes[0][:_MAX_CODE] if codes else None,
        retry_after_s=retry_after_s,
    )


def encode_text(value: object) -> str:
    """A value as JSON text, for a message that has no words of its own."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _taken_apart(value: object) -> tuple[object, list[str]]:
    """The innermost error, and all codes it and what wraps it are called by, the most telling first."""
    error = value
    codes: list[str] = []
    while isinstance(error, dict):
        beside = error.get("metadata")  # OpenRouter
        codes = [*(_codes(beside) if isinstance(beside, dict) else ()), *_codes(error), *codes]
        inner = next((error[name] for name in ("error", "base_resp", "innererror") if error.get(name)), None)
        if inner is None or (isinstance(inner, dict) and not (_codes(inner) or _message(inner))):
            break
        if not isinstance(inner, dict | list):  # {"error": "text", "error_type": "overloaded"}
            return inner, codes
        error = inner[0] if isinstance(inner, list) and inner else inner
    return error, codes


def _codes(error: dict[str, Any]) -> Iterator[str]:
    for name in _CODES:
        given = error.get(name)
        if isinstance(given, str | int) and not isinstance(given, bool) and given not in ("", "error"):
            yield str(given)


def _message(error: object) -> str | None:
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return None
    for name in _MESSAGES:
        given = error.get(name)
        if isinstance(given, str) and given:
            return given
        if isinstance(given, list) and (told := _validation(given)):
            return told
        if isinstance(given, dict) and (inner := _message(given)):
            return inner
    return None


def _validation(given: list[Any]) -> str:
    """FastAPI's list of what is wrong where."""
    told = []
    for each in given:
        if isinstance(each, dict) and isinstance(each.get("msg"), str):
            place = ".".join(str(step) for step in each.get("loc") or ()) if isinstance(each.get("loc"), list) else ""
            told.append(f"{place}: {each['msg']}" if place else each["msg"])
    return "; ".join(told)


def _kind(error: object, codes: list[str], message: str, status: int) -> FailureKind:
    if TOO_LARGE_FOR_EVER.search(message):
        return "context_length"
    by_number = _by_number(error)
    if by_number is not None:
        return by_number
    found = _by_codes(codes)
    # A code that says only how the refusal came about; the message may say why.
    if found is not None and found not in ("rate_limit", "auth", "model_gone"):
        return found
    for kind, phrase in BY_PHRASE:
        if (status < 500 or kind in ("overloaded", "rate_limit")) and phrase.search(message):
            return _narrowed(found, kind)
    if found is not None:
        return found
    if status in BY_STATUS:
        return BY_STATUS[status]
    return "bad_request" if 400 <= status < 500 else "server_error"


def _narrowed(by_code: FailureKind | None, by_phrase: FailureKind) -> FailureKind:
    """A phrase makes a code's meaning narrower, never another: a bill or a region behind a refusal, nothing else."""
    return by_phrase if by_code is None or by_phrase in ("quota", "region", "context_length") else by_code


def _by_number(error: object) -> FailureKind | None:
    if not isinstance(error, dict):
        return None
    if isinstance(number := error.get("status_code"), int) and "status_msg" in error:
        return BY_MINIMAX_NUMBER.get(number)
    if isinstance(number := error.get("error_code"), int) and "error_msg" in error:
        return BY_QIANFAN_NUMBER.get(number)
    number = error.get("code")
    return BY_NUMBER.get(number) if isinstance(number, str) else None


def _by_codes(codes: list[str]) -> FailureKind | None:
    for code in codes:
        whole = code.lower()
        # Ark and DashScope put the general before the special: RateLimitExceeded.EndpointRPMExceeded.
        for word in (whole, *reversed(whole.split("."))):
            if word in BY_CODE:
                return BY_CODE[word]
    return None
