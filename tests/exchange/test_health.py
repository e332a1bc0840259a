"""What attempts teach of a deployment, and what that does to a decision."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import FailureKind
from entrepot.exchange.health import HALF_LIFE_S, MOST_WAIT_S, Board, Health, demote, split_slow
from entrepot.exchange.records import AttemptRecord
from entrepot.routing.utility import Decision, Weighed
from tests.exchange.things import a_deployment


def attempt(failure: FailureKind | None = None, **more: Any) -> AttemptRecord:
    return AttemptRecord(
        0, "a/m", "m", "a", 200, **{"duration_ms": 10.0, "failure": failure, "answered": not failure, **more}
    )


def after(*attempts: AttemptRecord, every_s: float = 1.0) -> Health:
    health = Health()
    for number, each in enumerate(attempts):
        health = health.after(each, 1000.0 + number * every_s)
    return health


DOWN = attempt("server_error")
UP = attempt()


def test_one_failure_is_no_trouble_and_two_are_for_a_while() -> None:
    assert after(DOWN).trouble(1000.0) is None
    twice = after(DOWN, DOWN)
    assert twice.trouble(1001.0) == "failed lately more often than not"
    assert twice.trouble(1001.0 + HALF_LIFE_S) is None


def test_failures_among_many_answers_are_no_trouble() -> None:
    assert after(DOWN, *[UP] * 5, DOWN, *[UP] * 5, DOWN).trouble(1012.0) is None
    assert after(*[UP] * 3, *[DOWN] * 4).trouble(1006.0) is not None


def test_an_answer_after_an_outage_does_not_make_it_forgotten_but_several_do() -> None:
    assert after(*[DOWN] * 4, UP).trouble(1004.0) is not None
    assert after(*[DOWN] * 4, *[UP] * 5).trouble(1008.0) is None


@pytest.mark.parametrize("kind", ["bad_request", "context_length", "content_filter", "our_limit", "our_budget"])
def test_what_the_caller_did_wrong_says_nothing_of_a_deployment(kind: FailureKind) -> None:
    assert after(*[attempt(kind)] * 10) == Health()


def test_a_client_that_left_says_nothing_of_a_deployment() -> None:
    assert after(*[attempt(answered=False)] * 10) == Health()


def test_a_deployment_is_left_alone_as_long_as_it_asks() -> None:
    limited = after(attempt("rate_limit", retry_after_s=30.0))
    assert limited.trouble(1029.0) == "asked to be left alone for a while"
    assert limited.trouble(1031.0) is None
    assert after(attempt("rate_limit", retry_after_s=1e9)).wait_until_s == 1000.0 + MOST_WAIT_S
    assert after(attempt("quota")).trouble(1059.0) is not None
    assert after(attempt("server_error", retry_after_s=30.0)).trouble(1001.0) is None
    longer = after(attempt("rate_limit", retry_after_s=30.0), attempt("rate_limit", retry_after_s=1.0))
    assert longer.wait_until_s == 1030.0
    assert after(attempt("rate_limit", retry_after_s=30.0), UP).trouble(1002.0) is None


def stream(first_ms: float, whole_ms: float, tokens: int) -> AttemptRecord:
    return attempt(first_byte_ms=first_ms, duration_ms=whole_ms, usage=Usage(output_tokens=tokens))


def test_the_pace_is_the_time_to_the_first_content_and_that_of_each_token() -> None:
    health = after(stream(500.0, 2500.0, 100))
    assert (health.first_content_s, health.token_s) == (0.5, 0.02)
    assert health.latency_s(200.0) == pytest.approx(4.5)
    assert not Health().has_pace
    faster = after(stream(500.0, 2500.0, 100), stream(100.0, 1100.0, 100))
    assert 0.1 < (faster.first_content_s or 0) < 0.5
    assert 0.01 < (faster.token_s or 0) < 0.02


def test_an_answer_that_came_whole_tells_how_long_all_of_it_took() -> None:
    whole = attempt(first_byte_ms=3000.0, duration_ms=3000.0, usage=Usage(output_tokens=100))
    assert after(whole).latency_s(100.0) == pytest.approx(3.0)
    both = after(stream(1000.0, 3000.0, 100), whole)
    assert both.first_content_s == 1.0
    assert both.latency_s(100.0) == pytest.approx(3.0)
    assert after(attempt(first_byte_ms=1.0, duration_ms=1.0, usage=None)).token_s is None


times = st.floats(0, 1e6)
attempts = st.builds(
    attempt,
    st.sampled_from([None, "rate_limit", "timeout", "bad_request"]),
    retry_after_s=st.none() | times,
    duration_ms=times,
    first_byte_ms=st.none() | times,
    usage=st.none() | st.builds(Usage, output_tokens=st.integers(0, 10**6)),
)


@given(st.lists(st.tuples(attempts, times), max_size=12), times)
def test_whatever_happened_numbers_stay_numbers_and_a_clock_set_back_harms_nothing(
    seen: list[tuple[AttemptRecord, float]], now_s: float
) -> None:
    health = Health()
    for each, at_s in seen:
        health = health.after(each, at_s)
    assert 0 <= health.failed <= len(seen)
    assert health.latency_s(100.0) >= 0
    assert health.trouble(now_s) in (None, "asked to be left alone for a while", "failed lately more often than not")
    assert health.trouble(health.at_s + MOST_WAIT_S + 40 * HALF_LIFE_S) is None


def test_a_board_knows_each_deployment_by_itself() -> None:
    board = Board()
    board.learn(DOWN, 1000.0)
    board.learn(DOWN, 1001.0)
    assert board.of("b/m") == Health()
    assert board.unhealthy(["a/m", "b/m"], 1001.0) == {"a/m": "failed lately more often than not"}
    assert board.unhealthy(["a/m"], 2000.0) == {}


def decision(*propensities: float) -> Decision:
    ids = ("a", "b", "c")
    return Decision(ids, tuple(Weighed(id_, id_, propensity=p) for id_, p in zip(ids, propensities, strict=True)), "so")


def test_the_unhealthy_go_last_and_their_propensity_to_the_first_who_is_well() -> None:
    found = demote(decision(0.7, 0.2, 0.1), {"a": "is down"})
    assert found.order == ("b", "c", "a")
    assert [each.propensity for each in found.candidates] == pytest.approx([0.0, 0.9, 0.1])
    assert found.candidates[0].unhealthy == "is down"
    assert found.reason == "a is down, so b goes first; otherwise: so"


def test_where_all_are_unhealthy_the_order_stays_and_each_says_so() -> None:
    ill = {"a": "is down", "b": "is down", "c": "is down"}
    found = demote(decision(1.0, 0.0, 0.0), ill)
    assert (found.order, found.reason) == (("a", "b", "c"), "so")
    assert [each.propensity for each in found.candidates] == [1.0, 0.0, 0.0]
    assert {each.unhealthy for each in found.candidates} == {"is down"}


def test_an_unhealthy_candidate_that_nobody_chose_is_marked_only() -> None:
    found = demote(decision(1.0, 0.0, 0.0), {"b": "is down"})
    assert (found.order, found.reason) == (("a", "c", "b"), "so")
    assert [each.propensity for each in found.candidates] == [1.0, 0.0, 0.0]
    assert demote(decision(1, 0, 0), {}) == decision(1, 0, 0)


def test_the_slow_are_set_apart_unless_all_are_slow_or_nothing_is_known() -> None:
    one, other = a_deployment("a/m"), a_deployment("b/m")
    assert split_slow((one, other), {"a/m": 9.0}, 5.0, None)[0] == [other]
    assert split_slow((one, other), {"a/m": 9.0}, 5.0, "a/m") == ((one, other), ())
    assert split_slow((one, other), {"a/m": 9.0, "b/m": 9.0}, 5.0, None) == ((one, other), ())
    assert split_slow((one, other), {"a/m": 9.0}, None, None) == ((one, other), ())


def test_nothing_is_promised_of_a_choice_that_is_ill() -> None:
    promised = msgspec.structs.replace(decision(1.0, 0.0, 0.0), promise="at most 2 points")
    assert demote(promised, {"a": "is down"}).promise == "nothing: a is down, so b goes first"
    assert demote(promised, {"b": "is down"}).promise == "at most 2 points"
    assert demote(decision(1.0, 0.0, 0.0), {"a": "is down"}).promise is None
