"""Stories of an exchange whose deployment is asked again."""

from __future__ import annotations

import json

import msgspec
import pytest

from entrepot.dialects.sse import COMMENT
from entrepot.exchange.allowance import Allowances
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event, UpstreamChunk, UpstreamEnded, UpstreamFailed
from entrepot.exchange.plan import Candidate, Deadlines
from entrepot.exchange.retrying import Retries
from tests.exchange.frames import DONE, STOP, USAGE, chunk, end, error, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B = candidate("a/m"), candidate("b/other")
SIBLING = candidate("b/m")


def persistent(
    *candidates: Candidate, share: float = 0.1, most: int = 2, keep_alive_s: float = 0.0, total_s: float = 60.0
) -> Story:
    plan = plan_for(*candidates, deadlines=Deadlines(1, 10, 5, total_s, keep_alive_s))
    retries = Retries(most=most, first_pause_s=1.0, longest_pause_s=4.0)
    return Story(msgspec.structs.replace(plan, retries=retries, allowances=Allowances(share)))


def rested(story: Story) -> list[str]:
    """Let the pause pass."""
    return kinds(story.happens(DeadlinePassed(), after_s=story.waiting_until_s - story.now_s))


@pytest.mark.parametrize("fault", [[UpstreamFailed(0, "connect", "refused")], error(0, 500), error(0, 529)])
def test_after_a_passing_fault_the_same_deployment_is_asked_again(fault: list[Event]) -> None:
    story = persistent(A, B)
    assert story.happens(*fault) == []
    assert 0 <= story.waiting_until_s - story.now_s < 1.0
    assert rested(story) == ["CallUpstream"]
    story.happens(ok(1), chunk("hi", 1), end(1), UpstreamEnded(1))
    assert story.called == ["a/m", "a/m"]
    assert [(each.number, each.answered) for each in story.entry.attempts] == [(0, False), (1, True)]


@pytest.mark.parametrize("fault", [error(0, 401), error(0, 402), error(0, 429, "slow down"), error(0, 404)])
def test_a_fault_that_stays_is_left_to_the_next_candidate(fault: list[Event]) -> None:
    story = persistent(A, B)
    story.happens(*fault)
    assert story.called == ["a/m", "b/other"]


def test_another_host_of_the_same_model_is_asked_at_once_instead() -> None:
    story = persistent(A, SIBLING)
    story.happens(*error(0, 500))
    assert story.called == ["a/m", "b/m"]


def test_it_is_asked_again_only_so_often_and_then_the_next() -> None:
    story = persistent(A, B)
    for number in range(3):
        story.happens(*error(number, 500))
        if number < 2:
            rested(story)
    assert story.called == ["a/m", "a/m", "a/m", "b/other"]


def test_nobody_is_asked_again_once_the_allowance_is_used_up() -> None:
    story = persistent(A, B, share=0.0)
    story.happens(*error(0, 500))
    assert story.called == ["a/m", "b/other"]


def test_never_asked_again_after_a_byte_of_the_answer() -> None:
    story = persistent(A, B)
    story.happens(ok(), chunk("begun"), UpstreamFailed(0, "connect", "reset"))
    assert story.over
    assert story.called == ["a/m"]
    assert story.entry.state == "broken"


def test_what_the_provider_asks_to_wait_is_waited() -> None:
    story = persistent(A)
    limited = error(0, 429, "slow down, try again in 3s")
    story.happens(*limited)
    assert 3.0 <= story.waiting_until_s - story.now_s <= 4.0
    assert rested(story) == ["CallUpstream"]


def test_a_pause_beyond_the_deadline_of_the_exchange_is_not_begun() -> None:
    story = persistent(A, total_s=6.0)
    story.happens(*error(0, 429, "try again in 3s"))
    rested(story)
    story.happens(*error(1, 429, "try again in 3s"))
    assert story.over
    assert (story.entry.state, story.entry.status) == ("failed", 429)
    assert story.called == ["a/m", "a/m"]


def test_a_client_that_leaves_during_a_pause_is_written_down() -> None:
    story = persistent(A)
    story.happens(*error(0, 500))
    story.happens(ClientGone())
    assert story.over
    assert story.entry.state == "client_gone"
    assert story.entry.cost_nano_usd == 0


def test_a_client_that_waits_through_a_pause_is_sent_signs_of_life() -> None:
    story = persistent(A, keep_alive_s=2.0)
    story.happens(*error(0, 429, "try again in 3s"))
    assert kinds(story.happens(DeadlinePassed(), after_s=2.0)) == ["SendHead", "SendToClient"]
    assert story.sent == COMMENT
    assert rested(story) == ["CallUpstream"]
    story.happens(ok(1), chunk("hi", 1), UpstreamChunk(1, STOP + USAGE + DONE), UpstreamEnded(1))
    assert story.entry.state == "completed"


def test_the_client_is_told_once_of_a_deployment_that_failed_twice() -> None:
    story = persistent(A, most=1)
    story.happens(*error(0, 500))
    rested(story)
    story.happens(*error(1, 500))
    assert story.over
    assert json.loads(story.sent)["error"]["message"].count("a/m") == 1
