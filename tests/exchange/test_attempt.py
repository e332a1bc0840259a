"""What an attempt comes to in tokens and money, however it ended; its deadlines are told in test_course.py."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure, FailureKind
from entrepot.dialects.registry import open_relay
from entrepot.exchange.attempt import MAX_ERROR_BYTES, Ending, Progress
from entrepot.exchange.commands import AskLeave, CancelUpstream
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    LeaveGiven,
    LeaveRefused,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)
from entrepot.exchange.plan import Candidate
from entrepot.exchange.records import AttemptRecord
from tests.exchange.frames import STOP, USAGE, chunk, ok
from tests.exchange.transcript import Story, candidate, plan_for

A = candidate("a/m", "1", "2")
B = candidate("b/m", "1", "2")
PLAN = plan_for(A)


def attempt(*events: Event, ending: Ending) -> AttemptRecord:
    progress = Progress(
        0, A, partial(open_relay, PLAN.client, A.dialect, PLAN.asked, A.target, 0), True, started_s=100.0, called=True
    )
    for number, event in enumerate(events, 101):
        relayed = progress.take(event, float(number), 0)
        progress.ended_s = float(number)
        if relayed is not None and relayed.content and progress.content_s is None:
            progress.content_s = float(number)
    record, _ = progress.record(PLAN, ending)
    return record


def test_what_the_provider_counted_is_billed() -> None:
    record = attempt(ok(), chunk("hi"), UpstreamChunk(0, STOP + USAGE), ending="answered")
    assert record.usage is not None
    assert msgspec.structs.replace(record.usage, extra={}) == Usage(input_tokens=1000, output_tokens=500)
    assert (record.cost_nano_usd, record.cost_nano, record.currency) == (2_000_000, 2_000_000, "USD")
    assert (record.first_byte_ms, record.duration_ms) == (2000.0, 3000.0)
    assert record.answered


def test_what_a_client_took_before_it_left_is_billed_as_we_count_it() -> None:
    record = attempt(ok(), chunk("x" * 40), ending="client_gone")
    assert record.usage == Usage(input_tokens=10, output_tokens=10, estimated=True)
    assert record.cost_nano_usd == 10 * 1000 + 10 * 2000


def test_a_client_that_left_before_any_answer_is_billed_for_what_was_read() -> None:
    record = attempt(ending="client_gone")
    assert record.usage == Usage(input_tokens=10, estimated=True)
    assert record.first_byte_ms is None


@pytest.mark.parametrize("kind", ["connect", "auth"])
def test_what_never_reached_the_provider_costs_nothing(kind: FailureKind) -> None:
    record = attempt(UpstreamFailed(0, kind, "no"), ending="failed")
    assert (record.usage, record.cost_nano_usd, record.failure) == (Usage(), 0, kind)


@pytest.mark.parametrize(
    "last", [UpstreamFailed(0, "cut_off", ""), UpstreamFailed(0, "protocol", ""), DeadlinePassed()]
)
def test_what_the_provider_may_have_worked_on_in_vain_costs_nobody_knows_what(last: Event) -> None:
    record = attempt(ok(), last, ending="failed")
    assert (record.usage, record.cost_nano_usd) == (None, None)


def test_a_refusal_of_the_providers_costs_nothing_and_keeps_its_code() -> None:
    body = UpstreamChunk(0, b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}')
    record = attempt(UpstreamHead(0, 429, ()), body, UpstreamEnded(0), ending="failed")
    assert (record.status, record.failure, record.failure_code) == (429, "rate_limit", "rate_limit_exceeded")
    assert record.cost_nano_usd == 0


def test_what_broke_off_is_billed_as_we_count_it() -> None:
    record = attempt(ok(), chunk("x" * 40), UpstreamFailed(0, "cut_off", ""), ending="broken")
    assert record.usage == Usage(input_tokens=10, output_tokens=10, estimated=True)
    assert record.failure == "cut_off"


def test_an_error_without_end_does_not_fill_the_memory() -> None:
    progress = Progress(
        0, A, partial(open_relay, PLAN.client, A.dialect, PLAN.asked, A.target, 0), True, started_s=100.0
    )
    progress.take(UpstreamHead(0, 500, ()), 100.0, 0)
    for _ in range(10):
        progress.take(UpstreamChunk(0, b"x" * MAX_ERROR_BYTES), 100.0, 0)
    assert len(progress.error_body) == MAX_ERROR_BYTES


def test_the_failure_code_of_a_provider_is_kept_short() -> None:
    body = UpstreamChunk(0, b'{"error": {"code": "' + b"c" * 10_000 + b'"}}')
    record = attempt(UpstreamHead(0, 500, ()), body, UpstreamEnded(0), ending="failed")
    assert record.failure_code == "c" * 100


def metered(*candidates: Candidate) -> Story:
    return Story(msgspec.structs.replace(plan_for(*candidates), metered=True))


def test_under_a_budget_every_attempt_asks_for_leave_and_says_what_came_before() -> None:
    story = metered(A, B)
    (asking,) = [command for command in story.commands if isinstance(command, AskLeave)]
    assert (asking.attempt, asking.candidate, asking.before) == (0, A, ())
    assert asking.body_bytes > 20
    assert story.called == []
    story.happens(LeaveGiven(0))
    assert story.called == ["a/m"]
    story.happens(UpstreamFailed(0, "connect", "refused"))
    asking = [command for command in story.commands if isinstance(command, AskLeave)][-1]
    assert (asking.attempt, asking.candidate) == (1, B)
    assert [attempt.failure for attempt in asking.before] == ["connect"]


def test_whoever_is_refused_leave_is_passed_over_and_nothing_is_sent() -> None:
    story = metered(A, B)
    story.happens(LeaveRefused(0, Failure("our_limit", "full", retry_after_s=7.0)), LeaveGiven(1))
    assert story.called == ["b/m"]


def test_if_everybody_is_full_the_client_is_told_when_to_come_back() -> None:
    story = metered(A)
    story.happens(LeaveRefused(0, Failure("our_limit", "full", retry_after_s=7.0)))
    assert story.called == []
    assert story.heads[0].status == 429
    assert (b"retry-after", b"7") in story.heads[0].headers
    assert story.entry.error_code == "our_limit"
    assert story.entry.cost_nano_usd == 0


def test_a_budget_without_room_for_the_last_candidate_is_a_402() -> None:
    story = metered(A)
    story.happens(LeaveRefused(0, Failure("our_budget", "no room")))
    assert story.heads[0].status == 402
    assert story.entry.error_code == "our_budget"


def test_a_client_that_leaves_while_an_attempt_waits_for_leave_costs_nothing() -> None:
    story = metered(A)
    commands = story.happens(ClientGone())
    assert CancelUpstream(0) in commands
    assert story.entry.state == "client_gone"
    assert story.entry.cost_nano_usd == 0
    assert story.over


def test_a_client_of_a_stream_hears_signs_of_life_while_its_attempt_waits_for_leave() -> None:
    story = metered(A)
    story.happens(DeadlinePassed(), after_s=story.waiting_until_s - story.now_s)
    assert story.sent
    story.happens(LeaveGiven(0))
    assert story.called == ["a/m"]


def test_the_time_for_the_exchange_ends_the_waiting_too() -> None:
    story = metered(A)
    story.happens(DeadlinePassed(), after_s=1000)
    assert story.over
    assert story.called == []
    assert story.entry.state == "failed"
