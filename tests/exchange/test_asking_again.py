"""Stories of exchanges that ask several candidates, one of which failed in passing. The plain ones: `test_course_retrying.py`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.sse import COMMENT
from entrepot.exchange.allowance import Allowances
from entrepot.exchange.commands import CallUpstream, SendToClient
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event, UpstreamEnded, UpstreamFailed
from entrepot.exchange.plan import Candidate, Deadlines, Plan
from entrepot.exchange.retrying import Retries
from tests.exchange.deliberations import LARGE, LITTLE, SMALL, deliberate, says
from tests.exchange.frames import chunk, end, error, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B, SIBLING = candidate("a/m"), candidate("b/other"), candidate("b/m")
MOST = 2


def patient(plan: Plan, **more: Any) -> Story:
    retries = Retries(most=MOST, first_pause_s=1.0, longest_pause_s=4.0)
    return Story(msgspec.structs.replace(plan, **{"retries": retries, "allowances": Allowances(0.1, 1.0), **more}))


def hedged(*candidates: Candidate, after_s: float = 2.0, keep_alive_s: float = 0.0, **more: Any) -> Story:
    plan = plan_for(*candidates, deadlines=Deadlines(1, 10, 5, 60, keep_alive_s))
    return patient(plan, hedge_after_s=after_s, **more)


def pass_time(story: Story) -> list[str]:
    """Nothing happens until it acts by itself."""
    return kinds(story.happens(DeadlinePassed(), after_s=story.waiting_until_s - story.now_s))


PASSING = [[UpstreamFailed(0, "connect", "refused")], error(0, 503), error(0, 429, "try again in 1s")]
STAYING = [error(0, 401), error(0, 402), error(0, 429, "slow down"), error(0, 429, "", code="insufficient_quota")]


# ---- with a hedge ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PASSING)
def test_who_failed_in_passing_is_asked_again_where_a_route_hedges(fault: list[Event]) -> None:
    story = hedged(A, B, after_s=9.0)
    story.happens(*fault)
    assert story.called == ["a/m"]
    assert story.waiting_until_s < 109.0
    assert pass_time(story) == ["CallUpstream"]
    story.happens(ok(1), chunk("hi", 1), end(1), UpstreamEnded(1))
    assert story.called == ["a/m", "a/m"]
    assert [(each.number, each.answered) for each in story.entry.attempts] == [(0, False), (1, True)]


@pytest.mark.parametrize("fault", STAYING)
def test_a_fault_that_stays_is_left_to_the_next_where_a_route_hedges(fault: list[Event]) -> None:
    story = hedged(A, B)
    story.happens(*fault)
    assert story.called == ["a/m", "b/other"]


def test_a_pause_that_would_last_until_the_hedge_is_not_begun() -> None:
    story = hedged(A, B, after_s=2.0)
    story.happens(*error(0, 429, "try again in 3s"))
    assert story.called == ["a/m", "b/other"]


def test_another_host_of_the_model_is_asked_at_once_where_a_route_hedges() -> None:
    story = hedged(A, SIBLING, after_s=9.0)
    story.happens(*error(0, 503))
    assert story.called == ["a/m", "b/m"]


def test_nobody_is_asked_again_while_another_is_under_way_and_then_the_latest_that_failed() -> None:
    story = hedged(A, B)
    assert pass_time(story) == ["CallUpstream"]
    story.happens(*error(0, 503))
    assert story.called == ["a/m", "b/other"]
    story.happens(*error(1, 503))
    pass_time(story)
    assert story.called == ["a/m", "b/other", "b/other"]
    story.happens(*error(2, 401))  # not again: but the first may yet be
    pass_time(story)
    assert story.called[3:] == ["a/m"]


def test_a_client_that_waits_or_leaves_during_a_pause_where_a_route_hedges() -> None:
    story = hedged(A, B, after_s=30.0, keep_alive_s=2.0)
    story.happens(*error(0, 429, "try again in 3s"))
    assert kinds(story.happens(DeadlinePassed(), after_s=2.0)) == ["SendHead", "SendToClient"]
    assert story.sent == COMMENT
    story.happens(ClientGone())
    assert story.over
    assert (story.entry.state, story.called) == ("client_gone", ["a/m"])


# ---- with a strategy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PASSING)
def test_who_failed_in_passing_is_asked_again_where_models_vote(fault: list[Event]) -> None:
    story = patient(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*fault)
    assert story.called == ["a/small"]
    assert pass_time(story) == ["CallUpstream"]
    story.happens(*says(1, "42"), *says(2, "42"))
    assert story.called == ["a/small", "a/small", "b/little"]
    assert story.over
    assert [attempt.answered for attempt in story.entry.attempts] == [False, True, False]


@pytest.mark.parametrize("fault", STAYING)
def test_a_fault_that_stays_is_left_to_the_strategy(fault: list[Event]) -> None:
    story = patient(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*fault)
    assert len(story.called) == 2
    assert story.called[1] != "a/small"


def test_what_broke_off_is_not_asked_again_though_nobody_saw_it() -> None:
    story = patient(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*says(0, "4")[:2], UpstreamFailed(0, "connect", "reset"))
    assert story.called[1] != "a/small"


def test_another_that_was_asked_at_once_runs_on_during_a_pause() -> None:
    story = patient(deliberate(SMALL, LITTLE, LARGE, parallel=2, deadlines=Deadlines(1, 10, 5, 60, 0.0)))
    story.happens(*error(0, 429, "try again in 3s"))
    story.happens(*says(1, "42"), after_s=1.0)
    assert story.called == ["a/small", "b/little"]
    assert pass_time(story) == ["CallUpstream"]
    assert story.called == ["a/small", "b/little", "a/small"]
    story.happens(*says(2, "42"))
    assert [(a.deployment, a.failure) for a in story.entry.attempts] == [
        ("a/small", "rate_limit"),
        ("b/little", None),
        ("a/small", None),
    ]


def test_without_allowance_or_time_the_strategy_goes_on_at_once() -> None:
    spent = patient(deliberate(SMALL, LITTLE, LARGE), allowances=Allowances(0.0))
    spent.happens(*error(0, 503))
    late = patient(deliberate(SMALL, LITTLE, LARGE, deadlines=Deadlines(1, 10, 5, 4, 0.0)))
    late.happens(*error(0, 429, "try again in 4s"))
    for story in (spent, late):
        assert len(story.called) == 2
        assert story.called[1] != "a/small"


def test_a_client_that_leaves_during_a_pause_where_models_vote_is_written_down() -> None:
    story = patient(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*error(0, 503))
    story.happens(ClientGone())
    assert story.over
    assert (story.entry.state, len(story.entry.attempts)) == ("client_gone", 1)


# ---- whatever happens ------------------------------------------------------------------------------------------------

HAPPENINGS = st.lists(
    st.sampled_from(["503", "connect", "429", "402", "400", "cut", "wait", "gone", "42", "43"]), max_size=14
)


def fault(happening: str, attempt: int) -> list[Event]:
    if happening == "connect":
        return [UpstreamFailed(attempt, "connect", "refused")]
    if happening == "cut":
        return [*says(attempt, "4")[:2], UpstreamFailed(attempt, "cut_off", "closed")]
    if happening == "429":
        return error(attempt, 429, "try again in 1s")
    return error(attempt, int(happening))


@given(HAPPENINGS, st.sampled_from(["plain", "hedged", "agreement", "parallel"]))
def test_no_course_asks_more_often_than_it_may_nor_after_a_byte_of_an_answer(
    happenings: list[str], course: str
) -> None:
    if course == "plain":
        story = patient(plan_for(A, B, SIBLING))
    elif course == "hedged":
        story = hedged(A, B, SIBLING)
    else:
        story = patient(deliberate(SMALL, LITTLE, LARGE, parallel=2 if course == "parallel" else 1))
    done: set[int] = set()
    for happening in happenings:
        open_ = [number for number in range(len(story.called)) if number not in done]
        if story.over:
            break
        if happening == "gone":
            story.happens(ClientGone())
        elif happening == "wait" or not open_:
            story.happens(DeadlinePassed(), after_s=max(0.0, story.waiting_until_s - story.now_s))
        else:
            done.add(open_[0])
            for event in says(open_[0], happening) if happening in ("42", "43") else fault(happening, open_[0]):
                if not story.over:
                    story.happens(event)
    while not story.over:
        story.happens(DeadlinePassed(), after_s=max(0.0, story.waiting_until_s - story.now_s))
    assert max(story.called.count(one) for one in story.called) <= MOST + 1
    assert len(story.called) == len(story.entry.attempts)
    first = next((n for n, c in enumerate(story.commands) if isinstance(c, SendToClient) and c.data != COMMENT), None)
    assert first is None or not [c for c in story.commands[first:] if isinstance(c, CallUpstream)]
    for attempt in story.entry.attempts:  # what may be billed, or will not change, is asked of nobody again
        if attempt.failure in ("quota", "timeout", "bad_request", "cut_off"):
            later = [one for one in story.entry.attempts if one.number > attempt.number]
            assert attempt.deployment not in {one.deployment for one in later}
