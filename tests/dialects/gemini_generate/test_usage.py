from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from google.genai import types

from entrepot.canonical.response import FinishReason, Usage
from entrepot.dialects.gemini_generate.usage import (
    FINISH_REASONS,
    WIRE_REASONS,
    finish_reason_of,
    render_usage,
    usage_of,
)
from entrepot.dialects.gemini_generate.wire import WireUsage


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("ESCALATION", "content_filter"),
        ("PUP_LIMITED_DISABLED", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("CONTINUATION", "pause"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("TOO_MANY_TOOL_CALLS", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
        ("MALFORMED_RESPONSE", "error"),
        ("NO_IMAGE", "error"),
        ("OTHER", "unknown"),
        ("IMAGE_OTHER", "unknown"),
        ("FINISH_REASON_UNSPECIFIED", "unknown"),
    ],
)
def test_every_finish_reason_has_its_meaning(word: str, reason: FinishReason) -> None:
    assert finish_reason_of(word, called=False) == reason
    assert finish_reason_of(word, called=True) == ("tool_calls" if reason == "stop" else reason)


def test_a_call_is_not_missed_for_a_word_that_nobody_knows() -> None:
    assert finish_reason_of("FUNCTION_CALL", called=True) == "tool_calls"
    assert finish_reason_of("FUNCTION_CALL", called=False) == "unknown"


def test_every_finish_reason_that_googles_client_knows_is_in_the_table() -> None:
    assert {reason.value for reason in types.FinishReason} <= set(FINISH_REASONS)


def test_every_canonical_reason_has_a_word_that_googles_client_knows() -> None:
    assert set(WIRE_REASONS) == set(get_args(FinishReason))
    assert set(WIRE_REASONS.values()) <= set(FINISH_REASONS)


def counted(**counts: Any) -> Usage:
    return usage_of(msgspec.convert(counts, WireUsage), counts)


def test_thoughts_are_outside_the_candidates_count() -> None:
    usage = counted(promptTokenCount=5, candidatesTokenCount=2, thoughtsTokenCount=30, totalTokenCount=37)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.all_output) == (2, 30, 32)


def test_cached_content_is_inside_the_prompt_count_and_absent_is_nothing_known() -> None:
    usage = counted(promptTokenCount=100, cachedContentTokenCount=60)
    assert (usage.input_tokens, usage.cache_read_tokens, usage.all_input) == (40, 60, 100)
    assert counted(promptTokenCount=100).input_tokens == 100


def test_what_googles_own_tools_read_is_input_beside_the_prompt() -> None:
    usage = counted(promptTokenCount=10, toolUsePromptTokenCount=7, totalTokenCount=17)
    assert usage.input_tokens == 17
    assert render_usage(usage, own=True) == {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 17,
    }


@pytest.mark.parametrize("counts", [{}, {"promptTokenCount": -4, "cachedContentTokenCount": 9}])
def test_counts_that_make_no_sense_are_never_negative(counts: dict[str, int]) -> None:
    usage = counted(**counts)
    assert min(usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == 0


def test_counts_of_another_dialect_are_said_without_its_words() -> None:
    usage = Usage(3, 4, 5, 6, 7, extra={"prompt_tokens": 12})
    assert render_usage(usage, own=False) == {
        "promptTokenCount": 12,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 6,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 25,
    }


def test_sound_that_was_not_cached_is_counted_apart() -> None:
    details = [{"modality": "TEXT", "tokenCount": 40}, {"modality": "AUDIO", "tokenCount": 60}]
    usage = counted(
        promptTokenCount=100,
        promptTokensDetails=details,
        cachedContentTokenCount=50,
        cacheTokensDetails=[{"modality": "AUDIO", "tokenCount": 20}],
        candidatesTokenCount=9,
        candidatesTokensDetails=[{"modality": "AUDIO", "tokenCount": 90}, "?"],
    )
    assert (usage.audio_input_tokens, usage.audio_output_tokens) == (40, 9)


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"trafficType": "ON_DEMAND"}, "on_demand"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
        ({"serviceTier": "standard"}, "standard"),
        ({"serviceTier": "FLEX"}, "flex"),
        ({"serviceTier": 3}, None),
        ({}, None),
    ],
)
def test_the_service_billed_is_a_word_in_lower_case(said: dict[str, Any], tier: str | None) -> None:
    assert counted(promptTokenCount=1, **said).service_tier == tier
