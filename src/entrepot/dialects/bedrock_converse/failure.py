"""Errors of Bedrock, as answers and inside streams, classified by their type first and their words second.

Source: Amazon Bedrock runtime's service model (each exception's status), API reference, "Common errors". The type stands in the
header `x-amzn-errortype`, at times with a namespace before a `#` and an address behind a `:`, or in the body's `__type`; the body
is `{"message": …}`. In a stream it is the frame's `:exception-type`, beginning with a small letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.dialects import failure

_KINDS: dict[str, tuple[FailureKind, int]] = {
    "AccessDeniedException": ("auth", 403),
    "ExpiredTokenException": ("auth", 403),
    "IncompleteSignatureException": ("auth", 400),
    "InternalServerException": ("server_error", 500),
    "InvalidSignatureException": ("auth", 403),
    "MissingAuthenticationTokenException": ("auth", 403),
    "ModelErrorException": ("server_error", 424),
    "ModelNotReadyException": ("overloaded", 429),
    "ModelStreamErrorException": ("server_error", 424),
    "ModelTimeoutException": ("timeout", 408),
    "OptInRequired": ("auth", 403),
    "ResourceNotFoundException": ("model_gone", 404),
    "ServiceQuotaExceededException": ("quota", 400),
    "ServiceUnavailableException": ("overloaded", 503),
    "ThrottlingException": ("rate_limit", 429),
    "UnknownOperationException": ("model_gone", 404),
    "UnrecognizedClientException": ("auth", 403),
    "ValidationException": ("bad_request", 400),
}
# Lower-case words in the text of a refusal, the first match decides.
_REFUSALS: tuple[tuple[str, FailureKind], ...] = (
    ("too long", "context_length"),
    ("too many input tokens", "context_length"),
    ("input tokens exceeded", "context_length"),
    ("exceed context limit", "context_length"),
    ("context length", "context_length"),
    ("context window", "context_length"),
    ("maximum context", "context_length"),
    ("model identifier is invalid", "model_gone"),
    ("on-demand throughput", "model_gone"),
    ("end of its life", "model_gone"),
    ("content filter", "content_filter"),
    ("operation not allowed", "auth"),
)
_DAILY = "per day"
_MAX_CODE = 100


def parse_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None = None) -> Failure:
    """An error answer, classified. `now_s` is Unix time, for Retry-After dates."""
    plain = failure.parse_failure(status, headers, body, now_s)
    named = headers.get(b"x-amzn-errortype", b"").decode("latin-1") or _type_in(body)
    return _refined(plain, named)


def failure_in_stream(named: str, payload: Any) -> Failure:  # noqa: ANN401 - whatever the frame holds
    """An exception inside a stream. `named` is its type, `payload` the decoded body of its frame."""
    kind = named[:1].upper() + named[1:]
    status = _KINDS.get(kind, ("server_error", 500))[1]
    return _refined(replace(failure.failure_of(payload, status), status=0), kind)


def _refined(plain: Failure, named: str) -> Failure:
    """What the error's type says of it, over what its status and words alone would."""
    kind = named.partition(":")[0].rpartition("#")[2].strip()
    text = plain.message.lower()
    if kind == "ValidationException" or (not kind and plain.status == 400):
        said = next((found for word, found in _REFUSALS if word in text), plain.kind)
    elif kind == "ThrottlingException" and _DAILY in text:
        said = "quota"  # waiting a minute is useless
    else:
        said = _KINDS[kind][0] if kind in _KINDS else plain.kind
    return replace(plain, kind=said, code=kind[:_MAX_CODE] or plain.code)


def _type_in(body: bytes) -> str:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    found = value.get("__type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
