from __future__ import annotations

import pytest

from entrepot.canonical.response import FinishReason
from entrepot.dialects.bedrock_converse.usage import finish_reason_of, notes_of, stop_sequence_of, usage_of


def test_input_leaves_out_what_the_cache_gave_and_took() -> None:
    # Quirks 26 and 63: cache tokens are beside inputTokens, not in it.
    wire = {
        "inputTokens": 3,
        "outputTokens": 61,
        "cacheReadInputTokens": 2074,
        "cacheWriteInputTokens": 297,
        "totalTokens": 2435,
    }
    usage = usage_of(wire)
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (3, 2074, 297)
    assert usage.all_input + usage.all_output == wire["totalTokens"]


def test_writes_that_are_kept_for_an_hour_are_told_apart() -> None:
    # Quirk 28: they cost more.
    details = [{"ttl": "5m", "inputTokens": 100}, {"ttl": "1h", "inputTokens": 40}]
    usage = usage_of({"inputTokens": 1, "outputTokens": 1, "cacheWriteInputTokens": 140, "cacheDetails": details})
    assert usage is not None
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (140, 40)


@pytest.mark.parametrize("wire", [None, [], {}, {"outputTokens": 3}, "x"])
def test_what_is_no_report_is_none(wire: object) -> None:
    assert usage_of(wire) is None


def test_counts_that_are_none_are_nothing() -> None:
    usage = usage_of({"inputTokens": "5", "outputTokens": -3, "cacheDetails": [1, {"ttl": "1h"}]})
    assert usage is not None
    assert (usage.all_input, usage.all_output, usage.cache_write_1h_tokens) == (0, 0, 0)


REASONS: list[tuple[object, FinishReason]] = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("tool_use", "tool_calls"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("guardrail_intervened", "content_filter"),
    ("content_filtered", "content_filter"),
    ("malformed_model_output", "error"),
    ("malformed_tool_use", "error"),
    ("of_a_later_version", "unknown"),
    (None, "unknown"),
    ([], "unknown"),
]


@pytest.mark.parametrize(("word", "reason"), REASONS)
def test_every_stop_reason_has_its_meaning(word: object, reason: FinishReason) -> None:
    assert finish_reason_of(word, calls=False) == reason


def test_an_answer_that_calls_tools_ended_for_them_whatever_it_says() -> None:
    assert finish_reason_of("end_turn", calls=True) == "tool_calls"
    assert finish_reason_of("max_tokens", calls=True) == "length"


def test_a_guardrails_trace_is_kept_and_metrics_are_not() -> None:
    answer = {
        "trace": {"guardrail": {}},
        "metrics": {"latencyMs": 1},
        "serviceTier": {"type": "flex"},
        "performanceConfig": None,
    }
    assert notes_of(answer) == {"trace": {"guardrail": {}}, "serviceTier": {"type": "flex"}}


def test_the_text_that_stopped_it_is_read() -> None:
    assert stop_sequence_of({"additionalModelResponseFields": {"stop_sequence": "停"}}) == {"stop_sequence": "停"}
    assert stop_sequence_of({"additionalModelResponseFields": {"stop_sequence": None}}) == {}
    assert stop_sequence_of({"additionalModelResponseFields": "x"}) == {}


def test_the_tier_that_was_billed_stands_beside_the_count() -> None:
    counts = {"inputTokens": 1, "outputTokens": 1}
    for tier, read in (({"type": "flex"}, "flex"), ("flex", None), ({"type": 1}, None), (None, None)):
        usage = usage_of(counts, tier)
        assert usage is not None
        assert usage.service_tier == read
