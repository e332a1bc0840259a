"""Stories of an exchange: what happens, and what it must do about it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.sse import COMMENT
from entrepot.exchange.commands import CallUpstream, CancelUpstream, Record, SendHead, SendToClient
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)
from entrepot.exchange.plan import BaselinePlan
from tests.exchange.frames import DONE, STOP, WHOLE, chunk, end, error, frame, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B, C = candidate("a/m"), candidate("b/m"), candidate("c/m")


def test_a_stream_from_beginning_to_end() -> None:
    story = Story(plan_for(A, B))
    assert kinds(story.begun) == ["CallUpstream"]
    assert story.happens(ok()) == []
    assert kinds(story.happens(chunk("he"), after_s=0.5)) == ["SendHead", "SendToClient"]
    assert kinds(story.happens(chunk("llo"))) == ["SendToClient"]
    assert kinds(story.happens(end(), after_s=1.0)) == ["Record", "SendToClient"]
    assert story.happens(UpstreamEnded(0)) == []  # it waited for the provider's message to end
    assert story.over
    assert story.sent == chunk("he").data + chunk("llo").data + STOP + DONE
    entry = story.entry
    assert (entry.state, entry.status, entry.route, entry.key, entry.tags) == (
        "completed",
        200,
        "auto",
        "k",
        ("a", "b"),
    )
    assert entry.usage is not None
    assert msgspec.structs.replace(entry.usage, extra={}) == Usage(input_tokens=1000, output_tokens=500)
    assert entry.cost_nano_usd == 2_000_000  # 1000 tokens at 1 $/M and 500 at 2 $/M
    assert entry.first_token_ms == pytest.approx(500)
    assert entry.duration_ms == pytest.approx(1500)
    assert entry.served is not None
    assert (entry.served.deployment, entry.served.region) == ("a/m", "EU")


def test_the_head_names_route_model_and_deployment() -> None:
    story = Story(plan_for(A))
    story.happens(ok(), chunk("x"))
    names = dict(story.heads[0].headers)
    assert names[b"x-entrepot-exchange"] == b"0197-id"
    assert names[b"x-entrepot-route"] == b"auto"
    assert names[b"x-entrepot-model"] == b"m"
    assert names[b"x-entrepot-deployment"] == b"a/m"
    assert names[b"content-type"].startswith(b"text/event-stream")


def test_the_entry_is_written_before_the_end_marker_leaves() -> None:
    story = Story(plan_for(A))
    story.happens(ok(), chunk("x"))
    record, sent = story.happens(end())
    assert isinstance(record, Record)
    assert isinstance(sent, SendToClient)
    assert sent.data.endswith(DONE)
    assert sent.end


def test_a_whole_answer_carries_its_cost_and_its_baselines() -> None:
    dear = candidate("dear/m", "10", "40")
    story = Story(plan_for(A, stream=False, baseline=BaselinePlan(dear, output_tokens=250.0, log_error=0.5)))
    assert story.happens(ok(), UpstreamChunk(0, WHOLE)) == []
    assert kinds(story.happens(UpstreamEnded(0))) == ["Record", "SendHead", "SendToClient"]
    assert story.over
    assert story.sent == WHOLE
    head = dict(story.heads[0].headers)
    assert head[b"x-entrepot-cost-usd"] == b"0.002000000"
    assert head[b"x-entrepot-baseline-usd"] == b"0.020000000"  # 1000 at 10 $/M, 250 at 40 $/M
    assert head[b"content-length"] == str(len(WHOLE)).encode()
    assert story.entry.baseline is not None
    assert not story.entry.baseline.measured
    assert story.entry.baseline.error_nano_usd == pytest.approx(5_329_000, rel=1e-3)  # 0.01 $ * sqrt(exp(0.25) - 1)


def test_the_baseline_is_measured_where_it_answered_itself() -> None:
    story = Story(plan_for(A, stream=False, baseline=BaselinePlan(A, output_tokens=250.0, log_error=0.5)))
    story.happens(ok(), UpstreamChunk(0, WHOLE), UpstreamEnded(0))
    baseline = story.entry.baseline
    assert baseline is not None
    assert (baseline.cost_nano_usd, baseline.error_nano_usd, baseline.measured) == (2_000_000, 0, True)
    # 1000 at 1 $/M, 250 at 2 $/M: the savings report learns from the gap
    assert baseline.predicted_nano_usd == 1_500_000


@pytest.mark.parametrize(
    "fault",
    [
        [UpstreamFailed(0, "connect", "refused")],
        [UpstreamHead(0, 200, ()), UpstreamFailed(0, "cut_off", "closed")],
        error(0, 500),
        error(0, 429, "slow down"),
        error(0, 401, "bad key"),
        error(0, 402, "Insufficient Balance"),
        error(0, 404, "no such model"),
        [UpstreamHead(0, 200, ()), UpstreamChunk(0, frame({"error": {"message": "overloaded"}}))],
        [UpstreamHead(0, 200, ()), UpstreamChunk(0, b"data: {oops\n\n")],
        [UpstreamHead(0, 200, ()), UpstreamEnded(0)],
        [DeadlinePassed()],
        [UpstreamHead(0, 200, ()), DeadlinePassed()],
    ],
)
def test_fails_over_before_the_first_byte(fault: list[Event]) -> None:
    story = Story(plan_for(A, B))
    assert "CallUpstream" in kinds(story.happens(*fault))
    assert story.called == ["a/m", "b/m"]
    assert story.sent == b""
    story.happens(ok(1), chunk("from b", 1), end(1), UpstreamEnded(1))
    assert story.over
    assert b"from b" in story.sent
    assert story.entry.state == "completed"
    assert [a.failure is None for a in story.entry.attempts] == [False, True]
    assert dict(story.heads[0].headers)[b"x-entrepot-deployment"] == b"b/m"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (UpstreamFailed(0, "cut_off", "closed"), "cut_off"),
        (UpstreamEnded(0), "cut_off"),
        (DeadlinePassed(), "timeout"),
        (UpstreamChunk(0, frame({"error": {"message": "overloaded"}})), "overloaded"),
        (UpstreamChunk(0, b"data: {oops\n\n"), "protocol"),
    ],
)
def test_never_fails_over_after_the_first_byte(fault: Event, code: str) -> None:
    story = Story(plan_for(A, B))
    story.happens(ok(), chunk("begun"), fault)
    assert story.over
    assert story.called == ["a/m"]
    assert len(story.heads) == 1
    last = story.sent.removeprefix(chunk("begun").data)
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == code
    assert b"[DONE]" not in story.sent
    assert story.entry.state == "broken"
    assert story.entry.error_code == code
    assert story.entry.usage is not None
    assert story.entry.usage.estimated
    assert story.entry.usage.output_tokens > 0


def test_a_client_that_leaves_frees_the_provider_and_is_written_down() -> None:
    story = Story(plan_for(A, B))
    story.happens(ok(), chunk("some words that were delivered"))
    assert story.happens(ClientGone()) == [CancelUpstream(0), Record(story.entry)]
    assert story.over
    assert story.entry.state == "client_gone"
    assert story.entry.usage is not None
    assert story.entry.usage.estimated
    assert (story.entry.cost_nano_usd or 0) > 0


def test_a_client_that_leaves_before_the_answer_is_charged_what_was_read() -> None:
    story = Story(plan_for(A, B))
    story.happens(ClientGone())
    assert story.over
    assert story.called == ["a/m"]
    assert story.entry.usage == Usage(input_tokens=10, estimated=True)


def test_the_connection_is_given_up_if_its_message_does_not_end() -> None:
    story = Story(plan_for(A))
    story.happens(ok(), chunk("x"), end())
    assert story.happens(DeadlinePassed(), after_s=1.0) == [CancelUpstream(0)]
    assert story.over


def test_waiting_is_bounded_by_first_byte_then_idle_then_whole() -> None:
    story = Story(plan_for(A))
    assert story.waiting_until_s == 110  # first byte
    story.happens(ok(), after_s=4)
    assert story.waiting_until_s == 110  # a head is no byte of the answer
    story.happens(chunk("x"), after_s=4)
    assert story.waiting_until_s == 113  # idle
    story.happens(chunk("x"), after_s=4.5)
    for _ in range(10):
        story.happens(chunk("x"), after_s=4.5)
    assert story.waiting_until_s == 160  # the whole


def test_no_candidate_is_asked_after_the_whole_has_run_out() -> None:
    story = Story(plan_for(A, B))
    story.happens(UpstreamFailed(0, "connect", "x"), after_s=61)
    assert story.over
    assert story.called == ["a/m"]


def test_when_none_answers_the_client_is_told_why_and_no_providers_words_are_quoted() -> None:
    story = Story(plan_for(A, B))
    story.happens(*error(0, 401, "Incorrect API key provided: sk-secret"))
    story.happens(*error(1, 500, "boom at 10.0.0.1"))
    assert story.over
    (head,) = story.heads
    assert head.status == 502
    told = json.loads(story.sent)["error"]
    assert told["message"] == (
        "no candidate answered (a/m: it refused the operator's credentials; b/m: it failed with an error of its own)"
    )
    assert story.entry.state == "failed"
    assert story.entry.cost_nano_usd == 0
    assert story.entry.served is None


def test_a_request_that_two_providers_call_malformed_is_the_callers_to_mend() -> None:
    story = Story(plan_for(A, B, C))
    story.happens(*error(0, 400, "bad temperature"))
    story.happens(*error(1, 400, "temperature must be below 2"))
    assert story.called == ["a/m", "b/m"]
    assert story.heads[0].status == 400
    assert "bad temperature" in json.loads(story.sent)["error"]["message"]


def test_a_content_filters_refusal_is_not_gone_round() -> None:
    story = Story(plan_for(A, B))
    story.happens(*error(0, 400, "flagged", code="content_filter"))
    assert story.over
    assert story.called == ["a/m"]
    assert json.loads(story.sent)["error"]["code"] == "content_filter"


def test_rate_limits_everywhere_are_a_429_with_the_shortest_wait() -> None:
    story = Story(plan_for(A, B))
    body = b'{"error": {"message": "slow"}}'
    for attempt, wait in ((0, b"30"), (1, b"7.2")):
        story.happens(
            UpstreamHead(attempt, 429, ((b"retry-after", wait),)), UpstreamChunk(attempt, body), UpstreamEnded(attempt)
        )
    (head,) = story.heads
    assert head.status == 429
    assert dict(head.headers)[b"retry-after"] == b"8"


def test_a_timeout_leaves_the_cost_unknown_not_zero() -> None:
    story = Story(plan_for(A))
    story.happens(DeadlinePassed(), after_s=10)
    assert story.heads[0].status == 504
    assert story.entry.cost_nano_usd is None


def test_a_timeout_at_a_deployment_that_is_free_cost_nothing() -> None:
    story = Story(plan_for(candidate("home/m", "0", "0"), B))
    story.happens(DeadlinePassed(), after_s=10)
    story.happens(ok(1), chunk("x", 1), end(1), UpstreamEnded(1))
    assert [attempt.cost_nano_usd for attempt in story.entry.attempts] == [0, 2_000_000]
    assert story.entry.cost_nano_usd == 2_000_000
    assert story.entry.attempts[0].usage is None


def events_of_attempt(number: int) -> st.SearchStrategy[Event]:
    return st.sampled_from(
        [
            ok(number),
            UpstreamHead(number, 503, ()),
            chunk("x", number),
            UpstreamChunk(number, b"da"),
            end(number),
            UpstreamEnded(number),
            UpstreamFailed(number, "cut_off", "x"),
            DeadlinePassed(),
            ClientGone(),
        ]
    )


def answer_in(sent: bytes) -> int:
    """How many bytes of an answer were sent: neither signs of life nor an error are."""
    return len(sent.replace(COMMENT, b"").partition(b'data: {"error"')[0])


@given(st.data())
def test_whatever_happens_every_exchange_ends_once_and_is_written_down_once(data: st.DataObject) -> None:
    story = Story(plan_for(A, B, C))
    answered_by: set[int] = set()
    for _ in range(40):
        if story.over:
            break
        current = len(story.called) - 1
        before = answer_in(story.sent)
        story.happens(data.draw(events_of_attempt(current)), after_s=data.draw(st.sampled_from([0.0, 1.0, 6.0])))
        if answer_in(story.sent) > before and story.heads[0].status == 200:
            answered_by.add(current)
    while not story.over:
        story.happens(DeadlinePassed(), after_s=60.0)
    assert len(story.called) == len(set(story.called))  # failover never repeats a candidate
    assert len(answered_by) <= 1  # after one byte of an answer no other provider's byte follows
    assert len(story.heads) <= 1
    assert story.entry.state in ("completed", "failed", "broken", "client_gone")
    ends = [c for c in story.commands if isinstance(c, SendToClient) and c.end]
    assert len(ends) == (0 if story.entry.state == "client_gone" else 1)
    recorded = next(i for i, c in enumerate(story.commands) if isinstance(c, Record))
    assert all(recorded < i for i, c in enumerate(story.commands) if isinstance(c, SendToClient) and c.end)


def test_the_call_carries_the_request_for_its_target() -> None:
    story = Story(plan_for(A))
    (call,) = story.begun
    assert isinstance(call, CallUpstream)
    assert call.request.url == "https://a.example/v1/chat/completions"
    assert json.loads(call.request.body)["model"] == "m"
    assert not any(isinstance(command, SendHead) for command in story.begun)


# Its dialect asks for a limit on the answer; this plan has none, and neither has the model.
UNSAYABLE = msgspec.structs.replace(
    A, dialect=AnthropicMessages(), target=msgspec.structs.replace(A.target, max_output_tokens=None)
)


def test_a_provider_whose_dialect_cannot_say_what_is_asked_is_passed_over() -> None:
    story = Story(plan_for(UNSAYABLE, B))
    assert story.called == ["b/m"]
    story.happens(ok(1), chunk("hi", 1), end(1), UpstreamEnded(1))
    assert [(attempt.deployment, attempt.failure) for attempt in story.entry.attempts] == [
        ("a/m", "bad_request"),
        ("b/m", None),
    ]
    assert story.entry.attempts[0].cost_nano_usd == 0


def test_what_no_provider_can_say_is_the_callers_fault_and_is_written_down() -> None:
    story = Story(plan_for(UNSAYABLE))
    assert story.called == []
    assert (story.entry.state, story.entry.status) == ("failed", 400)
    assert "a limit on the answer is needed" in story.sent.decode()
