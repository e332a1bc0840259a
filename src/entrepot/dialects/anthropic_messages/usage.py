"""Tokens and stop reasons between the wire and the canonical form."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.response import FinishReason, Usage

FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "pause",
}

STOP_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "error": "end_turn",
    "unknown": "end_turn",
}


_NOT_DEARER = frozenset({"", "standard", "global", "not_available"})


def finish_reason_of(word: str | None) -> FinishReason:
    """The canonical reason; a word we do not know is `unknown`, never taken for success."""
    return FINISH_REASONS.get(word or "", "unknown")


def usage_of(wire: dict[str, Any]) -> Usage:
    """The wire's kinds, which are disjoint already but for reasoning: it is inside `output_tokens`.

    `input_tokens` leaves out what the cache gave and took, unlike OpenAI's `prompt_tokens`. What else the price depends on,
    `speed` and `inference_geo`, is part of the service: `fast+us`.
    """
    creation, details = wire.get("cache_creation"), wire.get("output_tokens_details")
    written = _count(wire, "cache_creation_input_tokens")
    hour = _count(creation, "ephemeral_1h_input_tokens")
    minutes = _count(creation, "ephemeral_5m_input_tokens")
    output = _count(wire, "output_tokens")
    reasoning = min(output, _count(details, "thinking_tokens"))
    written = max(written, hour + minutes)
    return Usage(
        input_tokens=_count(wire, "input_tokens"),
        cache_read_tokens=_count(wire, "cache_read_input_tokens"),
        cache_write_tokens=written,
        output_tokens=output - reasoning,
        reasoning_tokens=reasoning,
        extra=wire,
        cache_write_1h_tokens=hour,
        service_tier=_service(wire),
    )


def _service(wire: dict[str, Any]) -> str | None:
    tier, speed, place = (wire.get(name) for name in ("service_tier", "speed", "inference_geo"))
    words = [word for word in (tier, speed, place) if isinstance(word, str) and word not in _NOT_DEARER]
    return "+".join(words) or (tier if isinstance(tier, str) else None)


def _count(wire: object, name: str) -> int:
    value = wire.get(name) if isinstance(wire, dict) else None
    return max(0, value) if isinstance(value, int) else 0


def usage_fields(usage: Usage, own: bool) -> dict[str, Any]:
    """Tokens as this dialect counts them."""
    if own and usage.extra:
        return usage.extra
    fields: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.all_output,
    }
    if usage.reasoning_tokens:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return fields
