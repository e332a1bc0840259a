"""Stories of exchanges whose answers are held to a check: what happens, and what they must do about it."""

from __future__ import annotations

from typing import Any

from entrepot.dialects.sse import COMMENT
from entrepot.exchange.commands import RunCheck
from entrepot.exchange.events import CheckEnded, ClientGone, DeadlinePassed, Event
from entrepot.exchange.plan import Deadlines, Plan
from entrepot.routing.validator import Validator, Verdict
from tests.exchange.deliberations import (
    CHEAP,
    DEAR,
    LARGE,
    LITTLE,
    SMALL,
    deliberate,
    deliberation,
    fails,
    outcome,
    said_whole,
    says,
    votes,
)
from tests.exchange.transcript import Story

A_CHECK = Validator(regex="^[0-9]+$")
PASSED, FAILED = (
    Verdict(True, "the regular expression matches"),
    Verdict(False, "the regular expression does not match"),
)
BROKEN = Verdict(False, "the command cannot be run", conclusive=False)


def plan_to_check(check: Validator | None = A_CHECK, **how: Any) -> Plan:
    return deliberate(SMALL, LITTLE, LARGE, name="check", check=check, **how)


def checked(story: Story) -> list[RunCheck]:
    return [command for command in story.commands if isinstance(command, RunCheck)]


def test_an_answer_that_passes_is_sent() -> None:
    story = Story(plan_to_check())
    assert story.called == ["a/small"]
    story.happens(*says(0, "42"))
    assert checked(story) == [RunCheck(0, A_CHECK, "42")]
    assert story.heads == []
    story.happens(CheckEnded(0, PASSED))
    assert story.over
    assert outcome(story) == (["a/small"], "a/small", CHEAP)
    assert dict(story.heads[0].headers)[b"x-entrepot-check"] == b"passed"
    told = deliberation(story)
    assert (told.strategy, told.check, told.p_correct) == ("check", "passed", None)
    assert told.reason == "the answer of a/small passed the check"
    (vote,) = votes(story)
    assert (vote.source, vote.check, vote.p_correct) == ("check", "passed", 1.0)


def test_an_answer_that_fails_lets_the_next_one_try() -> None:
    story = Story(plan_to_check())
    story.happens(*says(0, "forty-two"), CheckEnded(0, FAILED), *says(1, "42"), CheckEnded(1, PASSED))
    assert outcome(story) == (["a/small", "b/little"], "b/little", 2 * CHEAP)
    assert deliberation(story).reason == "the answer of b/little passed the check after 1 that failed"
    assert [vote.p_correct for vote in votes(story)] == [0.0, 1.0]


def test_where_all_fail_the_last_resorts_answer_is_sent_and_said_to_have_failed() -> None:
    story = Story(plan_to_check(stream=False))
    for attempt in range(3):
        story.happens(*said_whole(attempt, "no"), CheckEnded(attempt, FAILED))
    assert outcome(story) == (["a/small", "b/little", "r/large"], "r/large", 2 * CHEAP + DEAR)
    assert dict(story.heads[0].headers)[b"x-entrepot-check"] == b"failed"
    assert "no answer passed the check (the regular expression does not match)" in deliberation(story).reason


def test_the_last_call_that_is_allowed_is_the_references() -> None:
    story = Story(plan_to_check(max_calls=2))
    story.happens(*says(0, "no"), CheckEnded(0, FAILED))
    assert story.called == ["a/small", "r/large"]


def test_a_truncated_answer_has_failed_without_a_check() -> None:
    story = Story(plan_to_check())
    story.happens(*says(0, "4", "length"), *says(1, "42"), CheckEnded(1, PASSED))
    assert [check.attempt for check in checked(story)] == [1]
    assert [vote.abstained for vote in votes(story)] == ["truncated", None]


def test_a_provider_that_fails_lets_the_next_one_try() -> None:
    story = Story(plan_to_check())
    story.happens(*fails(0, 500), *says(1, "42"), CheckEnded(1, PASSED))
    assert outcome(story)[:2] == (["a/small", "b/little"], "b/little")


def test_where_the_check_cannot_be_made_the_choice_before_the_call_stands() -> None:
    story = Story(deliberate(LARGE, SMALL, LITTLE, name="check", check=A_CHECK))
    story.happens(*says(0, "42"), CheckEnded(0, BROKEN), *says(1, "43"))
    assert outcome(story)[:2] == (["a/small", "r/large"], "r/large")
    assert len(checked(story)) == 1
    told = deliberation(story)
    assert (told.check, "the command cannot be run" in told.reason) == ("inconclusive", True)
    assert [vote.p_correct for vote in votes(story)] == [None, None]


def test_without_a_check_of_the_route_the_requests_own_schema_is_held_to() -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "sum", "schema": schema}}
    story = Story(plan_to_check(None, response_format=wanted))
    story.happens(*says(0, '{"total": 42}'))
    assert checked(story) == [RunCheck(0, Validator(json_schema=schema), '{"total": 42}')]
    assert plan_to_check(None).cascade is None  # nothing to check by


def test_a_call_of_tools_is_no_answer_yet_and_is_not_checked() -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    called = {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}
    story = Story(plan_to_check(stream=False, tools=tools))
    story.happens(*said_whole(0, None, "tool_calls", **called))
    assert outcome(story)[:2] == (["a/small"], "a/small")
    assert (checked(story), deliberation(story).check) == ([], "inconclusive")


def test_a_client_that_leaves_while_an_answer_is_checked_is_written_down() -> None:
    story = Story(plan_to_check())
    story.happens(*says(0, "42"), ClientGone())
    assert (story.over, story.entry.state) == (True, "client_gone")
    assert story.entry.cost_nano_usd == CHEAP


def test_signs_of_life_are_sent_while_an_answer_is_checked() -> None:
    deadlines = Deadlines(first_byte_s=60, idle_s=30, total_s=120, keep_alive_s=15)
    story = Story(plan_to_check(deadlines=deadlines))
    story.happens(*says(0, "42"))
    story.happens(DeadlinePassed(), after_s=15)
    assert story.sent == COMMENT
    story.happens(CheckEnded(0, PASSED))
    assert story.sent.endswith(b"data: [DONE]\n\n")


def test_a_check_that_outlasts_the_time_for_all_is_not_waited_for() -> None:
    story = Story(plan_to_check(deadlines=Deadlines(first_byte_s=10, idle_s=5, total_s=20, keep_alive_s=0)))
    said: list[Event] = says(0, "42")
    story.happens(*said)
    assert story.waiting_until_s == 120
    story.happens(DeadlinePassed(), after_s=20)
    assert story.over
    assert (outcome(story)[1], deliberation(story).check) == ("a/small", "inconclusive")


def test_who_passes_for_least_goes_first() -> None:
    assert Story(plan_to_check()).called == ["a/small"]
    expected = plan_to_check().cascade
    assert expected is not None
    assert expected.rule.expected.p_correct > 0.85
    assert 1 < expected.rule.expected.calls < 2
