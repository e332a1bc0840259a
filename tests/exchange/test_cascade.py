"""Stories of exchanges that ask several models for one answer: what happens, and what they must do about it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.stream import Failure
from entrepot.dialects.sse import COMMENT
from entrepot.exchange import cascade as course
from entrepot.exchange.commands import AskLeave, CallUpstream, CancelUpstream, Record, SendHead, SendToClient
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    LeaveGiven,
    LeaveRefused,
    UpstreamChunk,
    UpstreamFailed,
)
from entrepot.exchange.plan import Deadlines
from entrepot.routing.ballot import Compare
from tests.exchange.deliberations import (
    CHEAP,
    DEAR,
    FORTY_TWO,
    LARGE,
    LITTLE,
    SMALL,
    P,
    deliberate,
    deliberation,
    fails,
    frame,
    outcome,
    said_whole,
    says,
    tell,
    votes,
)
from tests.exchange.transcript import Story


def test_two_cheap_models_that_agree_are_believed_and_nobody_else_is_asked() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    assert story.called == ["a/small"]
    story.happens(*says(0, "The answer is 42."))
    assert story.called == ["a/small", "b/little"]
    assert story.heads == []  # nothing has left yet
    story.happens(*says(1, "**Answer: 42**"))
    assert story.over
    assert outcome(story) == (["a/small", "b/little"], "a/small", 2 * CHEAP)
    assert b"The answer is 42." in story.sent
    assert story.sent.endswith(b"data: [DONE]\n\n")
    assert b"usage" not in story.sent  # the client did not ask for it
    assert dict(story.heads[0].headers)[b"x-entrepot-deployment"] == b"a/small"
    told = deliberation(story)
    assert (told.strategy, told.accepted, told.kind) == ("agreement", 0, "number")
    assert told.reason == "2 of 2 answers agree (a/small, b/little); that of a/small was sent"
    assert told.p_correct is not None
    assert told.p_correct > 0.8
    assert [vote.answer for vote in votes(story)] == [0, 0]
    assert [attempt.answered for attempt in story.entry.attempts] == [True, False]


def test_where_they_differ_the_reference_is_asked_and_all_votes_are_weighed() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*says(0, "41"), *says(1, "42"))
    assert story.called == ["a/small", "b/little", "r/large"]
    story.happens(*says(2, "42"))
    # the reference's own words are not needed: but it is the best of those who gave the accepted answer
    assert outcome(story) == (["a/small", "b/little", "r/large"], "r/large", 2 * CHEAP + DEAR)
    assert [vote.answer for vote in votes(story)] == [0, 1, 1]
    p_correct = [vote.p_correct or 0 for vote in votes(story)]
    assert p_correct[0] < 0.2 < 0.6 < p_correct[1] == p_correct[2] == deliberation(story).p_correct


def test_where_all_differ_the_likeliest_is_taken_and_said_to_be_unlikely() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    tell(story, {"a/small": partial(says, content="41"), "b/little": FORTY_TWO, "r/large": partial(says, content="17")})
    assert outcome(story) == (["a/small", "b/little", "r/large"], "r/large", 2 * CHEAP + DEAR)
    assert (deliberation(story).p_correct or 1) < P["r/large"]


def test_a_client_of_whole_answers_gets_one_with_what_all_of_it_cost() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, stream=False))
    story.happens(*said_whole(0, "42"), *said_whole(1, "42.0"))
    record, head, sent = [c for c in story.commands if isinstance(c, Record | SendHead | SendToClient)]
    assert isinstance(record, Record)
    assert isinstance(head, SendHead)
    assert isinstance(sent, SendToClient)
    assert sent.end
    assert json.loads(sent.data)["choices"][0]["message"]["content"] == "42"
    headers = dict(head.headers)
    assert headers[b"content-length"] == str(len(sent.data)).encode()
    assert headers[b"x-entrepot-cost-usd"] == b"0.000400000"


def test_the_first_two_may_be_asked_at_once() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, parallel=2))
    assert story.called == ["a/small", "b/little"]
    first, second = says(0, "42"), says(1, "42")
    both = [event for pair in zip(first, second, strict=True) for event in pair]
    story.happens(*both[:-1])
    assert story.over is False  # a provider's message has to end yet
    story.happens(both[-1], after_s=0.5)
    assert outcome(story) == (["a/small", "b/little"], "a/small", 2 * CHEAP)
    assert story.entry.added_ms == 0
    assert story.entry.duration_ms == 0  # the client had its answer before


def test_time_in_which_two_run_at_once_is_counted_once() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, parallel=2))
    story.happens(*says(0, "42"), after_s=3.0)
    story.happens(*says(1, "42"), after_s=1.0)
    assert [attempt.duration_ms for attempt in story.entry.attempts] == pytest.approx([3000, 4000])
    assert (story.entry.duration_ms, story.entry.added_ms) == pytest.approx((4000, 0))


def test_a_failure_of_one_lets_the_next_one_vote() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    tell(story, {"a/small": partial(fails, status=500), "b/little": FORTY_TWO, "r/large": FORTY_TWO})
    assert outcome(story)[0][0] == "a/small"
    assert outcome(story)[1:] == ("r/large", DEAR + CHEAP * ("b/little" in story.called))
    assert [attempt.failure for attempt in story.entry.attempts if attempt.failure] == ["server_error"]


def test_what_breaks_off_is_no_vote_and_nobody_sees_it() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*says(0, "4")[:2], UpstreamFailed(0, "cut_off", "closed"))
    story.happens(*says(1, "42"))
    assert b'"4"' not in story.sent
    assert story.entry.state == "completed"
    first = story.entry.attempts[0]
    assert first.usage is not None
    assert (first.failure, first.usage.estimated) == ("cut_off", True)


def test_one_that_hangs_is_given_up_and_the_answer_in_hand_is_sent() -> None:
    deadlines = Deadlines(first_byte_s=10, idle_s=5, total_s=60, keep_alive_s=0)
    story = Story(deliberate(SMALL, LITTLE, LARGE, deadlines=deadlines))
    story.happens(*says(0, "42"))
    while not story.over:
        story.happens(DeadlinePassed(), after_s=story.waiting_until_s - story.now_s)
    assert CancelUpstream(1) in story.commands
    assert outcome(story)[1] == "a/small"
    assert story.entry.state == "completed"
    assert story.entry.cost_nano_usd is None  # nobody knows what the one that hung will bill


def test_when_the_time_for_all_has_run_out_nobody_else_is_asked() -> None:
    deadlines = Deadlines(first_byte_s=10, idle_s=30, total_s=20, keep_alive_s=0)
    story = Story(deliberate(SMALL, LITTLE, LARGE, deadlines=deadlines))
    story.happens(*says(0, "41"))
    story.happens(*says(1, "42")[:2], after_s=9)
    story.happens(DeadlinePassed(), after_s=11)
    assert outcome(story)[:2] == (["a/small", "b/little"], "a/small")


def test_a_truncated_answer_is_no_vote() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    tell(
        story,
        {"a/small": partial(says, content="It is 42", reason="length"), "b/little": FORTY_TWO, "r/large": FORTY_TWO},
    )
    assert outcome(story)[1] == "r/large"
    assert [vote.abstained for vote in votes(story)][:2] == ["truncated", None]


def test_where_all_are_truncated_the_best_of_them_is_sent_as_it_would_have_been() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    tell(story, dict.fromkeys(P, partial(says, content="It is", reason="length")))
    assert len(story.called) == 3
    assert outcome(story)[1] == "r/large"
    assert deliberation(story).reason == "the answer of r/large was sent uncompared (cut short)"
    assert deliberation(story).p_correct is None


def test_a_refusal_is_no_vote_and_another_is_asked() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, stream=False))
    whole = partial(said_whole, content="42")
    declines = partial(said_whole, content=None, refusal="I would rather not.")
    tell(story, {"a/small": declines, "b/little": whole, "r/large": whole})
    assert [vote.abstained for vote in votes(story)][:2] == ["refused", None]
    assert outcome(story)[1] == "r/large"


def test_what_a_filter_stopped_is_not_asked_of_the_next_maker() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    story.happens(*says(0, "I", "content_filter"))
    assert outcome(story)[:2] == (["a/small"], "a/small")
    refused = Story(deliberate(SMALL, LITTLE, LARGE))
    refused.happens(*fails(0, 400, code="content_filter"))
    assert (refused.called, refused.entry.state, refused.entry.error_code) == (["a/small"], "failed", "content_filter")


def test_prose_cannot_be_compared_so_the_choice_before_the_call_stands() -> None:
    letter = "Dear customer, " + "we are sorry to hear that. " * 20
    story = Story(deliberate(LARGE, SMALL, LITTLE))  # the decision was for the large one
    assert story.called == ["a/small"]
    story.happens(*says(0, letter))
    assert story.called == ["a/small", "r/large"]
    story.happens(*says(1, letter + "Yours"))
    assert outcome(story)[1] == "r/large"
    already = Story(deliberate(SMALL, LITTLE, LARGE))
    already.happens(*says(0, letter))
    assert outcome(already)[:2] == (["a/small"], "a/small")
    assert deliberation(already).reason == "the answer of a/small was sent uncompared (no final answer to compare)"


def test_tool_calls_are_compared_by_name_and_arguments() -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    story = Story(deliberate(SMALL, LITTLE, LARGE, stream=False, tools=tools))

    def call(arguments: str) -> dict[str, Any]:
        function = {"name": "weather", "arguments": arguments}
        return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}

    story.happens(*said_whole(0, None, "tool_calls", **call('{"city": "上海", "days": 2}')))
    story.happens(*said_whole(1, None, "tool_calls", **call('{ "days": 2.0, "city": "上海" }')))
    assert outcome(story)[:2] == (["a/small", "b/little"], "a/small")
    assert deliberation(story).kind == "tool_call"


def test_a_client_that_leaves_cancels_all_and_all_is_written_down() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, parallel=2))
    story.happens(*says(0, "42"))
    commands = story.happens(ClientGone())
    assert CancelUpstream(1) in commands
    assert story.over
    entry = story.entry
    assert (entry.state, entry.status) == ("client_gone", 499)
    assert [attempt.answered for attempt in entry.attempts] == [False, False]
    assert entry.attempts[0].cost_nano_usd == CHEAP
    usage = entry.attempts[1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.estimated) == (10, True)
    assert story.sent == b""


def test_a_client_of_a_stream_is_sent_signs_of_life_while_answers_are_held_back() -> None:
    deadlines = Deadlines(first_byte_s=60, idle_s=30, total_s=120, keep_alive_s=15)
    story = Story(deliberate(SMALL, LITTLE, LARGE, deadlines=deadlines))
    story.happens(*says(0, "42")[:3], after_s=10)
    assert story.waiting_until_s == 115
    story.happens(DeadlinePassed(), after_s=5)
    assert story.sent == COMMENT
    assert b"x-entrepot-deployment" not in dict(story.heads[0].headers)
    story.happens(*says(0, "42")[3:], *says(1, "42"))
    assert story.sent.startswith(COMMENT)
    assert story.sent.endswith(b"data: [DONE]\n\n")
    assert len(story.heads) == 1


def test_an_answer_too_long_to_be_held_goes_straight_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MAX_HELD_BYTES", 1000)
    story = Story(deliberate(SMALL, LITTLE, LARGE, parallel=2))
    head, *_ = says(0, "")
    long = UpstreamChunk(0, frame({"choices": [{"index": 0, "delta": {"content": "x" * 900}}]}))
    commands = story.happens(head, long, long)
    assert CancelUpstream(1) in commands
    assert story.sent == long.data * 2
    story.happens(*says(0, "end")[1:])
    assert story.sent.endswith(b"data: [DONE]\n\n")
    assert outcome(story)[1] == "a/small"
    assert "too long" in deliberation(story).reason
    assert len(story.entry.attempts) == 2


def test_an_overlong_answer_that_breaks_off_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MAX_HELD_BYTES", 1000)
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    long = UpstreamChunk(0, frame({"choices": [{"index": 0, "delta": {"content": "x" * 1500}}]}))
    story.happens(says(0, "")[0], long, UpstreamFailed(0, "cut_off", "closed"))
    assert story.over
    assert story.entry.state == "broken"
    assert b"error" in story.sent
    assert story.called == ["a/small"]


def test_an_overlong_second_opinion_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MAX_HELD_BYTES", 1000)
    story = Story(deliberate(SMALL, LITTLE, LARGE))

    def endless(attempt: int) -> list[Event]:
        long = frame({"choices": [{"index": 0, "delta": {"content": "x" * 1500}}]})
        return [says(attempt, "")[0], UpstreamChunk(attempt, long)]

    tell(story, {"a/small": FORTY_TWO, "b/little": endless, "r/large": endless})
    assert CancelUpstream(1) in story.commands
    assert outcome(story)[1] == "a/small"
    assert b"xxx" not in story.sent


def test_a_second_opinion_asks_for_leave_with_what_the_first_cost() -> None:
    plan = msgspec.structs.replace(deliberate(SMALL, LITTLE, LARGE), metered=True)
    story = Story(plan)
    assert isinstance(story.begun[-1], AskLeave)
    story.happens(LeaveGiven(0), *says(0, "42"))
    (asking,) = [c for c in story.commands if isinstance(c, AskLeave) and c.attempt == 1]
    assert [(before.number, before.cost_nano_usd) for before in asking.before] == [(0, CHEAP)]
    story.happens(LeaveRefused(1, Failure("our_budget", "no room")))
    while not story.over:
        story.happens(
            LeaveRefused(sum(isinstance(c, AskLeave) for c in story.commands) - 1, Failure("our_budget", "no room"))
        )
    assert outcome(story)[1] == "a/small"
    assert story.called == ["a/small"]


def test_several_answers_at_once_are_asked_of_one_model() -> None:
    assert deliberate(SMALL, LITTLE, LARGE, n=2).cascade is None


def test_without_any_answer_the_client_is_told_why() -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE))
    tell(story, dict.fromkeys(P, partial(fails, status=500)))
    assert sorted(story.called) == ["a/small", "b/little", "r/large"]
    assert story.entry.state == "failed"
    assert deliberation(story).reason == "nobody that was asked answered"
    assert b"no candidate answered" in story.sent


def test_json_is_compared_at_the_place_that_the_route_names() -> None:
    compare = Compare("json", field="/total")
    story = Story(deliberate(SMALL, LITTLE, LARGE, stream=False, compare=compare))
    story.happens(*said_whole(0, '{"total": 42, "note": "a"}'), *said_whole(1, '```json\n{"total": 42.0}\n```'))
    assert outcome(story)[:2] == (["a/small", "b/little"], "a/small")


EVENTS = st.sampled_from(["41", "42", "prose", "length", "500", "400", "cut", "hang", "gone"])


@given(st.lists(EVENTS, min_size=1, max_size=8), st.booleans(), st.sampled_from([1, 2]))
def test_no_attempt_is_outside_the_plan_or_made_twice_and_every_exchange_is_written_down_once(
    happenings: list[str], stream: bool, parallel: int
) -> None:
    story = Story(deliberate(SMALL, LITTLE, LARGE, stream=stream, parallel=parallel))
    answer = says if stream else said_whole
    done = 0
    for happening in happenings:
        if story.over or done >= len(story.called):
            break
        attempt, done = done, done + 1
        fixed: dict[str, list[Event]] = {
            "prose": answer(attempt, "word " * 100),
            "length": answer(attempt, "42", "length"),
            "500": fails(attempt, 500),
            "400": fails(attempt, 400),
            "cut": [*answer(attempt, "42")[:2], UpstreamFailed(attempt, "cut_off", "closed")],
            "hang": [],
            "gone": [ClientGone()],
        }
        events = fixed[happening] if happening in fixed else answer(attempt, happening)
        for event in events:
            if not story.over:
                story.happens(event)
    while not story.over:
        story.happens(DeadlinePassed(), after_s=max(0.0, story.waiting_until_s - story.now_s))
    assert set(story.called) <= {"a/small", "b/little", "r/large"}
    assert len(set(story.called)) == len(story.called) == len(story.entry.attempts)
    assert len([c for c in story.commands if isinstance(c, SendHead)]) <= 1
    ends = [c for c in story.commands if isinstance(c, SendToClient) and c.end]
    assert len(ends) == (story.entry.state != "client_gone")
    cancelled = [c.attempt for c in story.commands if isinstance(c, CancelUpstream)]
    assert len(cancelled) == len(set(cancelled))
    assert [c.attempt for c in story.commands if isinstance(c, CallUpstream)] == [*range(len(story.called))]
