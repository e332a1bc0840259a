"""What both ways of reading an answer (`answer.py`, `relay.py`) ask of an object of it: an error in it, its count of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_chat.usage import finish_reason_of, usage_of
from entrepot.dialects.openai_chat.wire import WireUsage
from entrepot.dialects.tally import MAX_TOKENS

_CACHED_HEADERS = (b"fireworks-cached-prompt-tokens",)


def failure_in(completion: dict[str, Any]) -> Failure | None:
    """The error that a host reports under status 200: as `error`, flat, or in an envelope of its own (MiniMax)."""
    if completion.get("error"):
        # OpenRouter and SGLang say beside or inside it which status it would have had.
        return failure_of(completion, _status_in(completion["error"]))
    envelope = completion.get("base_resp")
    if isinstance(envelope, dict) and envelope.get("status_code"):
        named = {"code": envelope["status_code"], "message": envelope.get("status_msg")}
        return failure_of(named, 0)
    if completion.get("choices") or completion.get("usage"):
        return None
    said = any(isinstance(completion.get(name), str) and completion[name] for name in ("message", "msg", "error_msg"))
    if said or completion.get("detail"):
        return failure_of(completion, _status_in(completion))
    return None


def failure_of_choice(choice: dict[str, Any], word: str) -> Failure:
    """The failure that a finish reason tells of: the host's own network or machine, so another candidate may do better."""
    if isinstance(error := choice.get("error"), dict | str) and error:
        return failure_of(error, _status_in(error))
    return Failure("server_error", f"the provider ended the answer with '{word[:100]}'", code=word[:100])


def is_failure(word: str) -> bool:
    """Whether this finish reason tells of a failure."""
    return finish_reason_of(word) == "error"


def counted(usage: object, headers: Mapping[bytes, bytes], service_tier: object = None) -> Usage | None:
    """The host's count; None where it cannot be read, and our own estimate stands. `service_tier` stands beside it.

    Fireworks says in a header how much of the prompt was cached, and nowhere else.
    """
    if not isinstance(usage, dict):
        return None
    try:
        wire = msgspec.convert(usage, WireUsage, strict=False)
    except msgspec.ValidationError:
        return None
    details = wire.completion_tokens_details
    if details is not None and (details.reasoning_tokens or 0) > MAX_TOKENS:
        return None
    in_header = next((headers[name] for name in _CACHED_HEADERS if name in headers), b"")
    cached = int(in_header) if in_header.isdigit() and len(in_header) < 12 else 0
    tier = service_tier if isinstance(service_tier, str) else None
    return msgspec.structs.replace(usage_of(wire, cached, tier), extra=usage)


def _status_in(error: object) -> int:
    """The HTTP status that an error says it would have had; 0 where it says none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 0
