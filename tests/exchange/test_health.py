"""What attempts teach of a deployment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import FailureKind
from entrepot.exchange.circuit import DEFAULT_CIRCUIT, CircuitSettings, State
from entrepot.exchange.health import HALF_LIFE_S, MOST_WAIT_S, TYPICAL_TOKENS, Health
from entrepot.exchange.records import AttemptRecord


def attempt(failure: FailureKind | None = None, **more: Any) -> AttemptRecord:
    return AttemptRecord(
        0, "a/m", "m", "a", 200, **{"duration_ms": 10.0, "failure": failure, "answered": not failure, **more}
    )


def after(*attempts: AttemptRecord, every_s: float = 1.0, settings: CircuitSettings = DEFAULT_CIRCUIT) -> Health:
    health = Health()
    for number, each in enumerate(attempts):
        health = health.after(each, 1000.0 + number * every_s, settings)
    return health


def state(health: Health, at_s: float) -> State:
    return health.circuit.state(DEFAULT_CIRCUIT, at_s)


DOWN = attempt("server_error")
UP = attempt()


def test_one_failure_opens_nothing_and_two_of_two_do() -> None:
    assert state(after(DOWN), 1000.0) == "closed"
    twice = after(DOWN, DOWN)
    assert (state(twice, 1001.0), twice.circuit.why) == ("open", "failed lately more often than not")
    assert state(after(DOWN, DOWN, every_s=2 * HALF_LIFE_S), 1000.0 + 2 * HALF_LIFE_S) == "closed"


def test_failures_among_many_answers_open_nothing() -> None:
    assert state(after(DOWN, *[UP] * 5, DOWN, *[UP] * 5, DOWN), 1012.0) == "closed"
    assert state(after(*[UP] * 3, *[DOWN] * 4), 1006.0) == "open"


def test_five_in_a_row_open_it_however_many_answers_there_were_before() -> None:
    busy = after(*[UP] * 1000, *[DOWN] * 4, every_s=0.001)
    assert state(busy, 1001.004) == "closed"
    assert state(busy.after(DOWN, 1001.005), 1001.005) == "open"


def test_failures_of_trials_keep_it_open_and_answers_close_it() -> None:
    health = after(DOWN, DOWN)
    health = health.after(DOWN, 1007.0)
    assert state(health, 1007.0 + 9.0) == "open"  # twice as long as the first time
    health = health.after(UP, 1018.0).after(UP, 1019.0)
    assert state(health, 1019.0) == "returning"


@pytest.mark.parametrize("kind", ["rate_limit", "quota"])
def test_who_is_merely_busy_is_waited_for_and_opens_no_circuit(kind: FailureKind) -> None:
    health = after(*[attempt(kind)] * 20)
    assert state(health, 1019.0) == "closed"
    assert health.wait_until_s > 1019.0


@pytest.mark.parametrize("kind", ["bad_request", "context_length", "content_filter", "our_limit", "our_budget"])
def test_what_the_caller_did_wrong_says_nothing_of_a_deployment(kind: FailureKind) -> None:
    assert after(*[attempt(kind)] * 10) == Health()


def test_a_client_that_left_says_nothing_of_a_deployment() -> None:
    assert after(*[attempt(answered=False)] * 10) == Health()


def test_a_deployment_is_left_alone_as_long_as_it_asks() -> None:
    assert after(attempt("rate_limit", retry_after_s=30.0)).wait_until_s == 1030.0
    assert after(attempt("rate_limit", retry_after_s=1e9)).wait_until_s == 1000.0 + MOST_WAIT_S
    assert after(attempt("quota")).wait_until_s == 1060.0
    assert after(attempt("server_error", retry_after_s=30.0)).wait_until_s == 0.0


def test_a_later_failure_never_shortens_the_wait() -> None:
    longer = after(attempt("rate_limit", retry_after_s=30.0), attempt("rate_limit", retry_after_s=1.0))
    assert longer.wait_until_s == 1030.0


def test_only_an_answer_to_what_was_asked_after_it_was_told_ends_the_wait() -> None:
    limited = after(attempt("rate_limit", retry_after_s=30.0))
    assert limited.after(UP, 1002.0).wait_until_s == 0.0
    assert limited.after(attempt(duration_ms=5000.0), 1002.0).wait_until_s == 1030.0


def test_an_answer_that_says_the_limit_is_used_up_is_believed() -> None:
    health = after(attempt(retry_after_s=12.0))
    assert health.wait_until_s == 1012.0
    assert state(health, 1000.0) == "closed"


def test_slow_first_tokens_count_as_failures_where_the_operator_says_what_is_slow() -> None:
    crawling = attempt(first_byte_ms=9000.0, duration_ms=20_000.0)
    assert state(after(crawling, crawling), 1001.0) == "closed"
    strict = CircuitSettings(slow_first_token_s=8.0)
    health = after(crawling, crawling, settings=strict)
    assert (state(health, 1001.0), health.circuit.why) == ("open", "was slow to begin lately")
    assert health.first_content_s == 9.0
    whole = attempt(first_byte_ms=20_000.0, duration_ms=20_000.0)
    assert state(after(whole, whole, settings=strict), 1001.0) == "closed"


def test_a_slow_answer_counts_at_once_and_fades() -> None:
    quick = stream(100.0, 1100.0, 100)
    health = after(*[quick] * 5, stream(5000.0, 25_000.0, 100))
    peak = health.peak_now_s(1005.0) or 0.0
    assert peak == pytest.approx(5.0 + TYPICAL_TOKENS * 0.2)
    usual = health.latency_s(TYPICAL_TOKENS)
    assert health.peak_now_s(1015.0) == pytest.approx(usual + (peak - usual) / 2)
    assert Health().peak_now_s(0.0) is None


def test_the_95th_percentile_of_the_first_content_is_followed() -> None:
    seen = [stream(1000.0 if n % 20 == 0 else 100.0, 5000.0, 10) for n in range(400)]
    slowest = after(*seen, every_s=0.01).slowest_first_s or 0.0
    assert 0.1 <= slowest <= 1.1
    censored = after(stream(100.0, 5000.0, 10), attempt(answered=False, duration_ms=900.0))
    assert (censored.slowest_first_s or 0.0) > 0.1


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
    assert 0 <= health.failing_share(now_s)[0] <= 1
    assert health.wait_until_s <= max([at_s for _, at_s in seen], default=0.0) + MOST_WAIT_S
    assert state(health, health.at_s + DEFAULT_CIRCUIT.longest_open_s) != "open"
