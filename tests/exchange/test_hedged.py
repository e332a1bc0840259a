"""Stories of an exchange that asks a second candidate where the first lets it wait."""

from __future__ import annotations

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.exchange.allowance import Allowances
from entrepot.exchange.commands import CancelUpstream
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    LeaveGiven,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
)
from entrepot.exchange.plan import Candidate, Deadlines
from tests.exchange.frames import WHOLE, chunk, end, error, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B, C = candidate("a/m"), candidate("b/m", "3", "6"), candidate("c/m")


def hedged(*candidates: Candidate, share: float = 0.05, stream: bool = True, keep_alive_s: float = 0.0) -> Story:
    plan = plan_for(*candidates, stream=stream, deadlines=Deadlines(1, 10, 5, 60, keep_alive_s))
    return Story(msgspec.structs.replace(plan, hedge_after_s=2.0, allowances=Allowances(hedges=share)))


def silence(story: Story) -> list[str]:
    """Nothing happens until it acts by itself."""
    return kinds(story.happens(DeadlinePassed(), after_s=story.waiting_until_s - story.now_s))


def test_a_first_that_answers_in_time_is_asked_alone() -> None:
    story = hedged(A, B)
    assert story.waiting_until_s == 102.0
    story.happens(ok(), chunk("hi"), after_s=1.0)
    story.happens(end(), UpstreamEnded(0), after_s=3.0)
    assert story.over
    assert story.called == ["a/m"]
    assert story.entry.state == "completed"


def test_a_second_is_asked_after_the_delay_and_whoever_has_content_first_answers() -> None:
    story = hedged(A, B, C)
    assert silence(story) == ["CallUpstream"]
    story.happens(ok(1), ok(0))
    told = story.happens(chunk("from b", 1), after_s=0.5)
    assert kinds(told) == ["CancelUpstream", "SendHead", "SendToClient"]
    assert told[0] == CancelUpstream(0)
    story.happens(end(1), UpstreamEnded(1), after_s=0.5)
    assert story.over
    assert story.called == ["a/m", "b/m"]
    assert b"from b" in story.sent
    assert dict(story.heads[0].headers)[b"x-entrepot-deployment"] == b"b/m"


def test_the_loser_is_billed_what_it_has_read_as_an_attempt_of_its_own() -> None:
    story = hedged(A, B)
    silence(story)
    story.happens(ok(1), chunk("from b", 1), end(1), UpstreamEnded(1))
    lost, won = story.entry.attempts
    assert (lost.deployment, lost.answered, lost.failure) == ("a/m", False, None)
    assert lost.usage is not None
    assert (lost.usage.input_tokens, lost.usage.estimated) == (10, True)
    assert lost.cost_nano_usd == 10_000  # ten tokens at 1 $/M
    assert won.cost_nano_usd == 6_000_000
    assert story.entry.cost_nano_usd == 6_010_000


def test_the_first_may_still_win() -> None:
    story = hedged(A, B)
    silence(story)
    assert CancelUpstream(1) in story.happens(ok(0), chunk("from a", 0))
    story.happens(end(0), UpstreamEnded(0))
    assert [attempt.answered for attempt in story.entry.attempts] == [True, False]


def test_at_most_one_is_asked_beside_the_first() -> None:
    story = hedged(A, B, C)
    silence(story)
    assert story.waiting_until_s == 110.0  # the first one's deadline for its first byte
    assert story.called == ["a/m", "b/m"]


def test_nobody_is_asked_beside_it_once_the_allowance_is_used_up() -> None:
    story = hedged(A, B, share=0.0)
    assert silence(story) == []
    assert story.called == ["a/m"]


def test_a_failure_before_the_delay_lets_the_next_try() -> None:
    story = hedged(A, B)
    story.happens(*error(0, 500))
    assert story.called == ["a/m", "b/m"]
    story.happens(ok(1), chunk("b", 1), end(1), UpstreamEnded(1))
    assert story.entry.state == "completed"


def test_where_one_of_two_fails_the_other_is_waited_for() -> None:
    story = hedged(A, B, C)
    silence(story)
    story.happens(*error(1, 500))
    assert story.called == ["a/m", "b/m"]
    story.happens(ok(0), chunk("a", 0), end(0), UpstreamEnded(0))
    assert [(a.deployment, a.failure, a.answered) for a in story.entry.attempts] == [
        ("a/m", None, True),
        ("b/m", "server_error", False),
    ]


def test_where_all_fail_the_client_is_told() -> None:
    story = hedged(A, B)
    silence(story)
    story.happens(*error(0, 500), *error(1, 503))
    assert story.over
    assert (story.entry.state, story.entry.status, len(story.entry.attempts)) == ("failed", 503, 2)


def test_an_answer_that_breaks_off_is_ended_and_nobody_else_follows() -> None:
    story = hedged(A, B, C)
    silence(story)
    story.happens(ok(1), chunk("begun", 1), UpstreamFailed(1, "cut_off", ""))
    assert story.over
    assert story.entry.state == "broken"
    assert story.called == ["a/m", "b/m"]
    assert story.sent.endswith(b"\n\n")
    assert b"[DONE]" not in story.sent


@pytest.mark.parametrize("both", [False, True])
def test_a_client_that_leaves_frees_everybody_and_is_written_down(both: bool) -> None:
    story = hedged(A, B)
    if both:
        silence(story)
    cancelled = [c for c in story.happens(ClientGone()) if isinstance(c, CancelUpstream)]
    assert len(cancelled) == 1 + both
    assert story.over
    assert story.entry.state == "client_gone"
    assert len(story.entry.attempts) == 1 + both
    assert all(attempt.usage is not None and attempt.usage.estimated for attempt in story.entry.attempts)


def test_a_whole_answer_is_hedged_too() -> None:
    story = hedged(A, B, stream=False)
    silence(story)
    story.happens(ok(1), UpstreamChunk(1, WHOLE), UpstreamEnded(1))
    assert story.over
    assert story.sent == WHOLE
    assert dict(story.heads[0].headers)[b"x-entrepot-cost-usd"] == b"0.006010000"


def test_a_client_that_waits_for_both_is_sent_signs_of_life() -> None:
    story = hedged(A, B, keep_alive_s=3.0)
    assert silence(story) == ["CallUpstream"]
    assert silence(story) == ["SendHead", "SendToClient"]
    story.happens(ok(1), chunk("b", 1), end(1), UpstreamEnded(1))
    assert story.entry.state == "completed"


def test_events_of_one_that_was_cancelled_are_never_sent() -> None:
    story = hedged(A, B)
    silence(story)
    story.happens(ok(1), chunk("b", 1), chunk("late", 0), end(1), UpstreamEnded(1))
    assert b"late" not in story.sent


def test_one_that_still_waits_for_leave_as_the_other_answers_was_never_called_and_costs_nothing() -> None:
    plan = plan_for(A, B, deadlines=Deadlines(1, 10, 5, 60, 0.0))
    story = Story(msgspec.structs.replace(plan, hedge_after_s=2.0, allowances=Allowances(), metered=True))
    story.happens(LeaveGiven(0))
    assert silence(story) == ["AskLeave"]
    assert CancelUpstream(1) in story.happens(ok(0), chunk("from a", 0))
    story.happens(end(0), UpstreamEnded(0))
    assert story.called == ["a/m"]
    won, waited = story.entry.attempts
    assert (waited.deployment, waited.cost_nano_usd) == ("b/m", 0)
    assert waited.usage == Usage()
    assert story.entry.cost_nano_usd == won.cost_nano_usd
