"""Tokens and finish reasons between the wire and the canonical form."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.response import FinishReason, Usage
from entrepot.dialects.gemini_generate.wire import WireUsage, rest

FINISH_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "CONTINUATION": "pause",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "MALFORMED_RESPONSE": "error",
    "NO_IMAGE": "error",
    "OTHER": "unknown",
    "IMAGE_OTHER": "unknown",
    "FINISH_REASON_UNSPECIFIED": "unknown",
}
"""Every reason of google-genai 3.4.0 (`types.FinishReason`). A call that the model got wrong is an error, not a tool call."""

WIRE_REASONS: dict[FinishReason, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
    "pause": "CONTINUATION",
    "error": "MALFORMED_RESPONSE",
    "unknown": "OTHER",
}
"""The word for each canonical reason. The wire has none of its own for a call: it stops."""


def finish_reason_of(word: str, *, called: bool) -> FinishReason:
    """The canonical reason; `called` says that a function call is anywhere in the choice.

    A word we do not know is `unknown`, unless there is a call: whoever waits for one must not miss it. Some that imitate this
    dialect say FUNCTION_CALL.
    """
    reason = FINISH_REASONS.get(word, "stop" if called else "unknown")
    return "tool_calls" if reason == "stop" and called else reason


def usage_of(wire: WireUsage, raw: dict[str, Any]) -> Usage:
    """Disjoint kinds from the wire's.

    `promptTokenCount` includes what was cached; what the API's own tools read is counted beside it, and is input too. Thoughts
    are outside `candidatesTokenCount`. No `cachedContentTokenCount` means that nothing is known of the cache, not that nothing
    was cached: it is then billed as plain input, as Google's own bill does.
    """
    prompt = max(0, wire.prompt_token_count or 0)
    cached = min(max(0, wire.cached_content_token_count or 0), prompt)
    tool_use = max(0, wire.tool_use_prompt_token_count or 0)
    extra = rest(raw, WireUsage)
    if tool_use:
        extra["toolUsePromptTokenCount"] = tool_use
    heard = _sound(raw, "promptTokensDetails") - _sound(raw, "cacheTokensDetails")
    written = max(0, wire.candidates_token_count or 0)
    return Usage(
        input_tokens=prompt - cached + tool_use,
        cache_read_tokens=cached,
        output_tokens=written,
        reasoning_tokens=max(0, wire.thoughts_token_count or 0),
        extra=extra,
        audio_input_tokens=min(max(0, heard), prompt - cached),
        audio_output_tokens=min(_sound(raw, "candidatesTokensDetails"), written),
        service_tier=_service(raw),
    )


def _sound(raw: dict[str, Any], name: str) -> int:
    """How many of the tokens that a list of modalities counts are audio."""
    details = raw.get(name)
    counts = [
        each.get("tokenCount")
        for each in (details if isinstance(details, list) else ())
        if isinstance(each, dict) and each.get("modality") == "AUDIO"
    ]
    return sum(count for count in counts if isinstance(count, int) and count > 0)


def _service(raw: dict[str, Any]) -> str | None:
    """The service billed: Vertex says it as `trafficType` (ON_DEMAND, ON_DEMAND_FLEX, …), the Gemini API as `serviceTier`."""
    word = raw.get("serviceTier") or raw.get("trafficType")
    if not isinstance(word, str):
        return None
    tier = word.lower()
    return tier if tier == "on_demand" else tier.removeprefix("on_demand_")


def render_usage(usage: Usage, *, own: bool) -> dict[str, Any]:
    """The wire's counts; zeros are left out, as the wire does. `own`: `usage.extra` is in this dialect's words."""
    extra = dict(usage.extra) if own else {}
    tool_use = int(extra.pop("toolUsePromptTokenCount", 0))
    counts = {
        "promptTokenCount": usage.all_input - tool_use,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": usage.output_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "toolUsePromptTokenCount": tool_use,
        "totalTokenCount": usage.all_input + usage.all_output,
    }
    return {name: count for name, count in counts.items() if count} | extra
