"""Stories of conversations that something is wrong with, or that are drawn by lot: who answers the next turn, and why."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Text
from entrepot.canonical.response import Usage
from entrepot.exchange.planning import Considered
from entrepot.exchange.records import AttemptRecord, CheckResult
from entrepot.exchange.sessions import LIFETIME_S, remember
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.routing.session import MOST_REPEATS, REPEATED_WITHIN_S
from entrepot.routing.utility import Goal
from tests.exchange.talks import CHEAP, DEAR, LONG, THREE, Talk, shown, told
from tests.exchange.things import a_deployment, a_price


@pytest.mark.parametrize("question", ["easy", "hard"])
@pytest.mark.parametrize("first", [each.id for each in THREE])
def test_a_tool_loop_never_changes(first: str, question: str) -> None:
    talk = Talk()
    talk.turn("hard question", by=first)
    for text in ("easy", "hard", f"{question} {LONG}"):
        talk.calls()
        found = talk.returns(text)
        assert told(found) == (first, "must stay")
        assert [each.propensity for each in found.decision.candidates if each.deployment == first] == [1.0]
    talk.now_s += 10 * LIFETIME_S  # somebody had to approve the tool
    talk.calls()
    assert told(talk.returns()) == (first, "must stay")


def test_a_tool_loop_that_fails_stays_and_the_next_question_escalates() -> None:
    talk = Talk()
    talk.turn("easy question")
    for _ in range(3):
        talk.calls()
        assert told(talk.returns("no such file", is_error=True)) == ("cheap/small", "must stay")
    assert told(talk.turn("easy again")) == ("mid/middle", "escalated")
    assert told(talk.turn("easy once more")) == ("mid/middle", "stayed")


def test_a_rule_is_stronger_than_a_tool_loop() -> None:
    rules = [Rule("no cheap", When(tags=("secret",)), deny=Facts(provider=("cheap",)))]
    talk = Talk(rules=rules)
    talk.turn("easy question")
    talk.calls()
    talk.principal = Principal(key="alice", tags=frozenset({"secret"}))
    found = talk.returns()
    assert told(found) == ("mid/middle", "moved")
    assert found.decision.session is not None
    assert "no candidate for this request" in found.decision.session.reason


def test_a_deployment_that_asked_to_be_left_alone_is_left_alone_even_inside_a_tool_loop() -> None:
    talk = Talk()
    talk.turn("easy question")
    limited = AttemptRecord(0, "cheap/small", "small", "cheap", 429, 10.0, failure="rate_limit", retry_after_s=60.0)
    talk.board.learn(limited, talk.now_s)
    talk.calls()
    found = talk.returns()
    assert told(found) == ("mid/middle", "moved")
    assert found.decision.order[-1] == "cheap/small"
    assert found.decision.session is not None
    assert "left alone" in found.decision.session.reason
    talk.calls()
    talk.now_s += 120
    assert told(talk.returns()) == ("mid/middle", "must stay")  # the answer is under way there now


def test_regenerating_twice_escalates_one_step_and_does_not_go_back() -> None:
    talk = Talk()
    assert told(talk.turn("easy question")) == ("cheap/small", None)
    assert told(talk.again()) == ("cheap/small", "stayed")
    second = talk.again()
    assert told(second) == ("mid/middle", "escalated")
    assert second.decision.session is not None
    assert second.decision.session.failures == 2
    assert told(talk.again()) == ("mid/middle", "stayed")
    assert told(talk.again()) == ("dear/large", "escalated")
    assert told(talk.turn("easy question")) == ("dear/large", "stayed")
    assert told(talk.turn("easy question", after_s=LIFETIME_S + 1)) == ("dear/large", "stayed")


def test_regenerating_in_the_middle_of_a_conversation_escalates_too() -> None:
    talk = Talk()
    talk.turn("easy question")
    talk.turn("easy again")
    talk.again()
    assert told(talk.again()) == ("mid/middle", "escalated")


def test_a_program_that_asks_the_same_on_schedule_is_not_dissatisfied() -> None:
    talk = Talk()
    talk.turn("easy ping")
    verdicts = [told(talk.again(after_s=30)) for _ in range(MOST_REPEATS + 20)]
    assert verdicts[-1] == ("cheap/small", None)
    slow = Talk()
    slow.turn("easy ping")
    assert {told(slow.again(after_s=REPEATED_WITHIN_S + 1))[0] for _ in range(10)} == {"cheap/small"}


def test_the_same_words_with_other_settings_are_not_dissatisfaction() -> None:
    talk = Talk()
    talk.messages.append(Message("user", (Text("easy question"),)))
    for seed in range(5):
        found = talk.considered(seed=seed)
        talk.answered(found)
        assert told(found) == ("cheap/small", None)


def test_the_same_words_with_another_wish_for_quality_are_not_dissatisfaction() -> None:
    talk = Talk()
    talk.messages.append(Message("user", (Text("easy question"),)))
    for number in range(1, 6):
        found = talk.considered(wish=number / 100)
        talk.answered(found)
        assert told(found)[1] is None


def test_answers_that_do_not_validate_escalate() -> None:
    talk = Talk()
    talk.turn("easy question")
    talk.turn("easy. 1 validation error for Answer")
    assert told(talk.turn("easy. 1 validation error for Answer")) == ("mid/middle", "escalated")
    assert told(talk.turn("easy. 1 validation error for Answer")) == ("mid/middle", "stayed")
    assert told(talk.turn("easy. 1 validation error for Answer")) == ("dear/large", "escalated")
    last = talk.turn("easy. 1 validation error for Answer", after_s=1)
    assert told(last) == ("dear/large", "stayed")


def test_where_nobody_better_may_be_asked_a_failing_session_stays_and_says_so() -> None:
    talk = Talk((CHEAP,))
    talk.turn("easy question")
    talk.again()
    found = talk.again()
    assert told(found) == ("cheap/small", "stayed")
    assert found.decision.session is not None
    assert "nobody better" in found.decision.session.reason


def test_an_escalation_stays_under_the_cost_allowed() -> None:
    talk = Talk(goal=Goal("best_under", max_cost_usd=0.00055))
    talk.turn("easy question", by="cheap/small")
    talk.again(by="cheap/small")
    assert told(talk.again()) == ("mid/middle", "escalated")
    talk.again()
    assert told(talk.again())[0] == "mid/middle"


def test_a_session_is_drawn_for_the_holdout_from_its_first_turn_to_its_last() -> None:
    drawn = 0
    for number in range(40):
        talk = Talk((CHEAP, DEAR), baseline="dear/large", holdout=0.5)
        talk.principal = Principal(key=f"alice-{number}")
        talk._numbers = itertools.count(1000 * number)
        first = talk.turn("easy question")
        talk.calls()
        rest = [talk.returns(), talk.turn("easy again"), talk.again(), talk.again()]
        chosen = {one.decision.chosen for one in (first, *rest)}
        assert len(chosen) == 1 or first.decision.displaced is None  # only the router's arm escalates
        if first.decision.displaced is not None:
            drawn += 1
            assert [one.decision.displaced for one in rest] == ["cheap/small"] * 4
    assert 8 <= drawn <= 32


def test_slow_candidates_are_asked_only_if_all_are() -> None:
    talk = Talk(max_latency_s=2.0)
    for id_, whole_ms in (("cheap/small", 10_000.0), ("mid/middle", 1_000.0)):
        answer = AttemptRecord(
            0, id_, "m", "p", 200, whole_ms, first_byte_ms=500.0, usage=Usage(output_tokens=100), answered=True
        )
        talk.board.learn(answer, talk.now_s)
    found = talk.turn("easy question")
    assert told(found) == ("mid/middle", None)
    shown = {each.deployment: each for each in found.decision.candidates}
    assert shown["cheap/small"].rejected is not None
    assert "10.0 s" in shown["cheap/small"].rejected
    assert shown["mid/middle"].latency_s == pytest.approx(1.0)
    assert shown["dear/large"].latency_s is None
    only = Talk((CHEAP,), max_latency_s=2.0)
    only.board.learn(
        AttemptRecord(0, "cheap/small", "m", "p", 200, 9_000.0, usage=Usage(output_tokens=1), answered=True), 1
    )
    assert told(only.turn("easy")) == ("cheap/small", None)


def test_a_tool_loop_goes_on_where_it_is_however_slow_that_has_become() -> None:
    talk = Talk(max_latency_s=2.0)
    talk.turn("easy question")
    slow = AttemptRecord(0, "cheap/small", "m", "p", 200, 60_000.0, usage=Usage(output_tokens=100), answered=True)
    talk.board.learn(slow, talk.now_s)
    talk.calls()
    assert told(talk.returns()) == ("cheap/small", "must stay")


@given(st.lists(st.sampled_from(["easy", "hard", "again", "tool", "bad tool"]), max_size=12), st.integers(0, 2**32))
def test_whatever_happens_a_loop_keeps_its_model_and_propensities_are_those_of_a_lot(
    events: list[str], seed: int
) -> None:
    talk = Talk(THREE, baseline="dear/large", holdout=0.3)
    talk.principal = Principal(key=f"k{seed}")
    before = talk.turn("easy question")
    for event in events:
        if event in ("tool", "bad tool"):
            talk.calls()
            found = talk.returns(is_error=event == "bad tool")
            assert found.decision.chosen == before.decision.chosen
        else:
            found = talk.again() if event == "again" else talk.turn(f"{event} question")
        eligible = [each for each in found.decision.candidates if each.rejected is None]
        assert sum(each.propensity for each in eligible) == pytest.approx(1.0)
        assert sorted(found.decision.order) == sorted(each.id for each in THREE)
        assert shown(found, found.decision.chosen).propensity > 0
        before = found


def test_a_broken_answer_is_no_answer_to_be_dissatisfied_with() -> None:
    talk = Talk()
    talk.messages.append(Message("user", (Text("easy question"),)))
    for _ in range(4):
        found = talk.considered()
        assert found.session is not None
        attempt = AttemptRecord(0, "cheap/small", "small", "p", 200, 10.0, failure="cut_off")
        kept = remember(found.session, attempt, found.decision.session, None, talk.now_s, completed=False)
        assert kept.repeats == 0
        talk.memory.keep(found.session.keys[0], kept)
    assert msgspec.structs.replace(kept, at_s=0).forgiven == 0


def test_a_tool_loop_stays_with_its_host_though_its_model_was_asked_for_by_name() -> None:
    hosts = (a_deployment("near/large", price=a_price("1", "2")), a_deployment("far/large", price=a_price("3", "6")))
    talk = Talk(hosts)
    talk.model = "large"
    talk.turn("easy question", by="far/large")
    talk.calls()
    assert told(talk.returns(by="far/large")) == ("far/large", "must stay")
    assert told(talk.turn("easy question")) == ("near/large", None)
    down = AttemptRecord(0, "near/large", "large", "near", 429, 10.0, failure="rate_limit", retry_after_s=60.0)
    talk.board.learn(down, talk.now_s)
    assert talk.turn("easy question").decision.order == ("far/large", "near/large")


def test_where_nothing_is_known_of_the_models_an_escalation_is_to_the_reference() -> None:
    deployments = (
        a_deployment("cheap/who", price=a_price("1", "2")),
        a_deployment("dear/knows", price=a_price("5", "9")),
    )
    talk = Talk(deployments, goal=Goal(max_loss=1.0))
    assert told(talk.turn("unknown question")) == ("cheap/who", None)
    talk.again()
    assert told(talk.again()) == ("dear/knows", "escalated")


def failed_check(talk: Talk, question: str, check: CheckResult = "failed") -> Considered:
    """A turn whose answer was sent though it failed the route's check."""
    return talk.turn(question, check=check)


def test_answers_that_failed_the_routes_own_check_escalate() -> None:
    talk = Talk()
    assert told(failed_check(talk, "easy question")) == ("cheap/small", None)
    assert told(failed_check(talk, "easy question, another")) == ("cheap/small", "stayed")
    third = failed_check(talk, "easy question, a third")
    assert told(third) == ("mid/middle", "escalated")
    assert third.decision.session is not None
    assert "seen to fail 2 times in a row" in third.decision.session.reason
    assert told(failed_check(talk, "easy question, a fourth")) == ("mid/middle", "stayed")
    assert told(talk.turn("easy question, a fifth")) == ("dear/large", "escalated")


def test_an_answer_that_passed_the_check_clears_what_failed_before() -> None:
    talk = Talk()
    for number in range(6):
        failed_check(talk, f"easy question {number}", "passed" if number % 2 else "failed")
    assert told(talk.turn("easy question at last")) == ("cheap/small", "stayed")


def test_a_check_that_could_not_be_made_says_nothing() -> None:
    talk = Talk()
    for number in range(4):
        failed_check(talk, f"easy question {number}", "inconclusive")
    assert told(talk.turn("easy question at last")) == ("cheap/small", "stayed")
