from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import UsageReported
from entrepot.dialects.base import Relay
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.relay import StreamRelay, WholeRelay
from entrepot.dialects.openai_chat.usage import finish_reason_of, usage_of
from entrepot.dialects.openai_chat.wire import WireInputDetails, WireOutputDetails, WireUsage, encode


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (WireUsage(10, 5, 15), Usage(10, output_tokens=5)),
        (WireUsage(10, 5, 15, WireInputDetails(4)), Usage(6, cache_read_tokens=4, output_tokens=5)),
        (WireUsage(10, 5, 15, WireInputDetails(4, 3)), Usage(3, 4, 3, 5)),
        (WireUsage(10, 5, 15, prompt_cache_hit_tokens=8), Usage(2, 8, 0, 5)),  # DeepSeek
        (WireUsage(10, 5, 15, cached_tokens=8), Usage(2, 8, 0, 5)),  # Moonshot
        (WireUsage(10, 5, 15, None, WireOutputDetails(3)), Usage(10, output_tokens=2, reasoning_tokens=3)),
        (WireUsage(10, 5, 18, None, WireOutputDetails(3)), Usage(10, output_tokens=5, reasoning_tokens=3)),  # xAI
        (WireUsage(-1, -2, 0, WireInputDetails(7)), Usage()),
    ],
)
def test_kinds_are_taken_apart(wire: WireUsage, usage: Usage) -> None:
    assert usage_of(wire) == usage


def test_what_a_host_says_of_its_cache_beside_the_usage_counts_where_the_usage_says_nothing() -> None:
    assert usage_of(WireUsage(10, 5, 15), 4) == Usage(6, cache_read_tokens=4, output_tokens=5)
    assert usage_of(WireUsage(10, 5, 15, WireInputDetails(3)), 4) == Usage(7, cache_read_tokens=3, output_tokens=5)
    assert usage_of(WireUsage(10, 5, 15), 400) == Usage(0, cache_read_tokens=10, output_tokens=5)


counts = st.none() | st.integers(-5, 10_000)


@given(counts, counts, counts, counts, counts, counts)
def test_no_kind_is_ever_negative_and_input_is_kept(
    prompt: int | None,
    completion: int | None,
    total: int | None,
    cached: int | None,
    written: int | None,
    reasoned: int | None,
) -> None:
    wire = WireUsage(prompt, completion, total, WireInputDetails(cached, written), WireOutputDetails(reasoned))
    usage = usage_of(wire)
    assert min(usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) >= 0
    assert min(usage.output_tokens, usage.reasoning_tokens) >= 0
    assert usage.all_input == max(0, prompt or 0)
    assert usage.all_output >= max(0, completion or 0)


def test_an_unknown_finish_reason_is_not_taken_for_success() -> None:
    assert finish_reason_of("stop") == "stop"
    assert finish_reason_of("network_error") == "error"
    assert finish_reason_of("something new") == "unknown"
    assert finish_reason_of(None) == "unknown"


def test_sound_and_the_tier_that_was_billed_are_part_of_the_count() -> None:
    wire = WireUsage(100, 50, 150, WireInputDetails(10, audio_tokens=30), WireOutputDetails(5, audio_tokens=40))
    usage = usage_of(wire, service_tier="priority")
    assert (usage.audio_input_tokens, usage.audio_output_tokens, usage.service_tier) == (30, 40, "priority")
    more = usage_of(WireUsage(10, 5, 15, WireInputDetails(4, audio_tokens=99), WireOutputDetails(audio_tokens=99)))
    assert (more.audio_input_tokens, more.audio_output_tokens, more.service_tier) == (6, 5, None)


def untranslated() -> Relay:
    raise AssertionError("an answer of the kind that was asked for needs no translation")


@pytest.mark.parametrize("streams", [False, True])
def test_the_tier_billed_is_counted_alike_where_an_answer_is_passed_on_and_where_it_is_translated(
    streams: bool,
) -> None:
    choice = {"index": 0, "finish_reason": "stop", ("delta" if streams else "message"): {"content": "好"}}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"audio_tokens": 2}}
    answer = {"id": "a", "object": "chat.completion", "model": "m", "service_tier": "flex", "choices": [choice]}
    last = {"id": "a", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": usage}
    whole = encode({**answer, "usage": usage})
    said = b"data: " + encode(answer) + b"\n\ndata: " + encode(last) + b"\n\ndata: [DONE]\n\n" if streams else whole
    parser = ChatParser()
    events = [*parser.feed(said), *parser.close()]
    (parsed,) = [event.usage for event in events if isinstance(event, UsageReported)]
    relay: Relay = StreamRelay(untranslated) if streams else WholeRelay(untranslated)
    relay.feed(said)
    relay.close()
    passed = relay.summary(0).usage
    assert (parsed.service_tier, parsed.audio_input_tokens) == ("flex", 2)
    assert passed is not None
    assert (passed.service_tier, passed.audio_input_tokens) == ("flex", 2)
