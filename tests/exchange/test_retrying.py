"""Which failures let the same deployment be asked again, and after how long."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.exchange.retrying import NEVER, Retries, is_safe, pause_s

RETRIES = Retries(first_pause_s=0.5, longest_pause_s=4.0)


@pytest.mark.parametrize("kind", ["connect", "overloaded", "server_error"])
def test_what_a_provider_cannot_have_answered_may_be_sent_again(kind: FailureKind) -> None:
    assert is_safe(Failure(kind, ""))


@pytest.mark.parametrize(
    "kind",
    sorted(set(get_args(FailureKind)) - {"connect", "overloaded", "server_error", "cut_off"}),
)
def test_a_bill_a_key_a_refusal_and_what_timed_out_stay_what_they_are(kind: FailureKind) -> None:
    assert not is_safe(Failure(kind, "", status=400))
    assert pause_s(RETRIES, Failure(kind, "", status=402), 0, 0.5) is None


def test_a_connection_that_broke_is_safe_only_where_no_head_had_come() -> None:
    assert is_safe(Failure("cut_off", ""))
    assert not is_safe(Failure("cut_off", "", status=200))


@pytest.mark.parametrize("status", [408, 409, 425])
def test_a_status_that_says_it_was_not_taken_up_lets_it_be_sent_again(status: int) -> None:
    assert is_safe(Failure("timeout", "", status=status))


def test_a_rate_limit_is_waited_for_only_as_long_as_it_says_and_not_too_long() -> None:
    assert pause_s(RETRIES, Failure("rate_limit", "", 429), 0, 0.5) is None
    waited = pause_s(RETRIES, Failure("rate_limit", "", 429, retry_after_s=3.0), 0, 0.5)
    assert waited is not None
    assert 3.0 < waited <= 3.5
    assert pause_s(RETRIES, Failure("rate_limit", "", 429, retry_after_s=4.1), 0, 0.5) is None
    assert pause_s(RETRIES, Failure("quota", "", 429, retry_after_s=1.0), 0, 0.5) is None
    assert pause_s(RETRIES, Failure("overloaded", "", 503, retry_after_s=60.0), 0, 0.5) is None


@given(retried=st.integers(0, 10_000), lot=st.floats(0, 1, exclude_max=True))
def test_pauses_are_drawn_evenly_below_a_bound_that_doubles(retried: int, lot: float) -> None:
    bound = min(4.0, 0.5 * 2 ** min(retried, 30))
    assert pause_s(RETRIES, Failure("server_error", ""), retried, lot) == lot * bound


def test_a_deployment_may_have_a_number_of_its_own() -> None:
    retries = Retries(most=1, each={"a/m": 0})
    assert (retries.most_of("a/m"), retries.most_of("b/m"), NEVER.most_of("b/m")) == (0, 1, 0)
