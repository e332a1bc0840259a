"""Our own errors as whole answers: the status and headers that every dialect shares around a body of its own."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from entrepot.dialects.base import Answer
from entrepot.errors import EntrepotError


def error_answer(error: EntrepotError, body: dict[str, Any], content_type: bytes = b"application/json") -> Answer:
    """The error's status over `body`, and when to come back where the error says it."""
    headers = [(b"content-type", content_type)]
    if (delay_s := getattr(error, "retry_after_s", None)) is not None:
        headers.append((b"retry-after", str(whole_seconds(delay_s)).encode()))
    headers += getattr(error, "announced", ())
    return Answer(error.status, tuple(headers), msgspec.json.encode(body))


def whole_seconds(delay_s: float) -> int:
    """Rounded up: a client that waits them is never early."""
    return max(1, math.ceil(delay_s))
