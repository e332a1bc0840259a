"""Tokens and finish reasons between the wire and the canonical form."""

from __future__ import annotations

from entrepot.canonical.response import FinishReason, Usage
from entrepot.dialects.openai_chat.wire import WireUsage

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "network_error": "error",
    "error": "error",
    "insufficient_system_resource": "error",
}
"""Finish reasons seen on the wire; `sensitive`, `network_error` and `model_context_window_exceeded` are GLM's,
`insufficient_system_resource` DeepSeek's, `model_length` Mistral's, `eos_token` TGI's, `eos` Together's."""


def finish_reason_of(word: str | None) -> FinishReason:
    """The canonical reason; a word we do not know is `unknown`, never taken for success."""
    return FINISH_REASONS.get(word or "", "unknown")


def usage_of(wire: WireUsage, cached_beside: int = 0, service_tier: str | None = None) -> Usage:
    """Disjoint kinds from the wire's overlapping ones; `cached_beside` is what a host says of the cache elsewhere.

    `prompt_tokens` includes cache reads and writes; DeepSeek reports hits as `prompt_cache_hit_tokens`, Moonshot as
    `cached_tokens`. Reasoning is inside `completion_tokens`, except at hosts (xAI) where `total_tokens` shows that it is not:
    prompt + completion + reasoning.
    """
    prompt = max(0, wire.prompt_tokens or 0)
    completion = max(0, wire.completion_tokens or 0)
    details = wire.prompt_tokens_details
    read = (details.cached_tokens if details else None) or wire.prompt_cache_hit_tokens or wire.cached_tokens
    write = (details.cache_write_tokens if details else None) or 0
    read = min(max(0, read or cached_beside), prompt)
    write = min(max(0, write), prompt - read)
    reasoning = (wire.completion_tokens_details.reasoning_tokens if wire.completion_tokens_details else None) or 0
    outside = reasoning > 0 and wire.total_tokens == prompt + completion + reasoning
    written = completion if outside else max(0, completion - reasoning)
    heard = (details.audio_tokens if details else None) or 0
    said = (wire.completion_tokens_details.audio_tokens if wire.completion_tokens_details else None) or 0
    return Usage(
        input_tokens=prompt - read - write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=written,
        reasoning_tokens=reasoning if outside else min(max(0, reasoning), completion),
        audio_input_tokens=min(max(0, heard), prompt - read - write),
        audio_output_tokens=min(max(0, said), written),
        service_tier=service_tier or None,
    )
