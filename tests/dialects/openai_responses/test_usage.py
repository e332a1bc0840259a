from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.response import Usage
from entrepot.dialects.openai_responses.usage import usage_fields, usage_of


def wire(
    all_input: int, output: int, total: int, cached: int = 0, written: int = 0, reasoning: int = 0
) -> dict[str, Any]:
    return {
        "input_tokens": all_input,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": total,
    }


def kinds(usage: Usage) -> tuple[int, ...]:
    return (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )


def test_what_the_wire_counts_together_is_taken_apart() -> None:
    assert kinds(usage_of(wire(100, 30, 130, cached=60, written=10, reasoning=20))) == (30, 60, 10, 10, 20)


def test_reasoning_outside_the_output_is_seen_by_the_total() -> None:
    assert kinds(usage_of(wire(100, 30, 150, reasoning=20))) == (100, 0, 0, 30, 20)


@pytest.mark.parametrize("given", [{}, {"input_tokens": None, "output_tokens": "3"}, {"input_tokens_details": []}])
def test_what_is_no_number_counts_as_none(given: dict[str, Any]) -> None:
    assert kinds(usage_of(given)) == (0, 0, 0, 0, 0)


def test_more_cached_than_read_is_no_negative_input() -> None:
    assert kinds(usage_of(wire(10, 1, 11, cached=15, written=5))) == (0, 10, 0, 1, 0)


def test_counts_of_another_dialect_are_put_together_again() -> None:
    assert usage_fields(Usage(30, 60, 10, 10, 20), own=False) == wire(100, 30, 130, 60, 10, 20)
    assert usage_fields(Usage(1, extra={"cost": 3}), own=True) == {"cost": 3}


def test_sound_and_the_tier_that_was_billed_are_part_of_the_count() -> None:
    given = wire(100, 30, 130, cached=60, written=10, reasoning=20)
    given["input_tokens_details"]["audio_tokens"] = 7
    given["output_tokens_details"]["audio_tokens"] = 99
    usage = usage_of(given, "flex")
    assert (usage.audio_input_tokens, usage.audio_output_tokens, usage.service_tier) == (7, 10, "flex")
    assert usage_of(given, {"flex": 1}).service_tier is None
