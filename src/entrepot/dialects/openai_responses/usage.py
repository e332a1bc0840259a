"""Tokens between the wire and the canonical form."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.response import Usage


def usage_of(wire: dict[str, Any], service_tier: object = None) -> Usage:
    """Disjoint kinds from the wire's overlapping ones. `service_tier` stands beside them.

    `input_tokens` includes what the cache gave and took, `output_tokens` the reasoning; except at hosts (xAI) where
    `total_tokens` shows that reasoning is outside: input + output + reasoning.
    """
    all_input, written = _count(wire, "input_tokens"), _count(wire, "output_tokens")
    details = wire.get("input_tokens_details")
    read = min(all_input, _count(details, "cached_tokens"))
    write = min(all_input - read, _count(details, "cache_write_tokens"))
    reasoning = _count(wire.get("output_tokens_details"), "reasoning_tokens")
    outside = reasoning > 0 and _count(wire, "total_tokens") == all_input + written + reasoning
    spoken = written if outside else max(0, written - reasoning)
    return Usage(
        input_tokens=all_input - read - write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=spoken,
        reasoning_tokens=reasoning if outside else min(reasoning, written),
        extra=wire,
        audio_input_tokens=min(all_input - read - write, _count(details, "audio_tokens")),
        audio_output_tokens=min(spoken, _count(wire.get("output_tokens_details"), "audio_tokens")),
        service_tier=(service_tier or None) if isinstance(service_tier, str) else None,
    )


def usage_fields(usage: Usage, own: bool) -> dict[str, Any]:
    """Tokens as this dialect counts them. `own` says that `usage.extra` is in its words."""
    if own and usage.extra:
        return usage.extra
    return {
        "input_tokens": usage.all_input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.all_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.all_input + usage.all_output,
    }


def _count(wire: object, name: str) -> int:
    value = wire.get(name) if isinstance(wire, dict) else None
    return max(0, value) if isinstance(value, int) else 0
