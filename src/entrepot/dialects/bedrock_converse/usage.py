"""Tokens and stop reasons from the wire to the canonical form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entrepot.canonical.response import FinishReason, Usage
from entrepot.dialects.answer_body import object_or_empty

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


def finish_reason_of(word: object, *, calls: bool) -> FinishReason:
    """The canonical reason; a word we do not know is `unknown`. Some makers' models call tools and say `end_turn`."""
    reason = FINISH_REASONS.get(word, "unknown") if isinstance(word, str) else "unknown"
    return "tool_calls" if calls and reason == "stop" else reason


def usage_of(value: object, service_tier: object = None) -> Usage | None:
    """The wire's kinds, which are disjoint: `inputTokens` leaves out what the cache gave and took. None if it is no report.

    Reasoning is inside `outputTokens`, uncounted. `service_tier` stands beside them: `{"type": "flex"}`.
    """
    if not isinstance(value, dict) or "inputTokens" not in value:
        return None
    details = value.get("cacheDetails")
    by_ttl = [(each.get("ttl"), _count(each, "inputTokens")) for each in details or () if isinstance(each, dict)]
    tier = object_or_empty(service_tier).get("type")
    hour = sum(tokens for ttl, tokens in by_ttl if ttl == "1h")
    return Usage(
        input_tokens=_count(value, "inputTokens"),
        cache_read_tokens=_count(value, "cacheReadInputTokens"),
        cache_write_tokens=max(_count(value, "cacheWriteInputTokens"), sum(tokens for _, tokens in by_ttl)),
        output_tokens=_count(value, "outputTokens"),
        extra=value,
        cache_write_1h_tokens=hour,
        service_tier=tier if isinstance(tier, str) else None,
    )


def notes_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says beside its message and its tokens: a guardrail's trace, the service tier. Metrics are left out."""
    return {name: value[name] for name in ("trace", "performanceConfig", "serviceTier") if value.get(name)}


def stop_sequence_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The stop text that ended the answer, where it was asked for and is said."""
    said = object_or_empty(value.get("additionalModelResponseFields")).get("stop_sequence")
    return {"stop_sequence": said} if isinstance(said, str) else {}


def _count(wire: Mapping[str, Any], name: str) -> int:
    value = wire.get(name)
    return max(0, value) if isinstance(value, int) else 0
