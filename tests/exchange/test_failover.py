from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.errors import AllCandidatesFailed, InvalidRequest
from entrepot.exchange.failover import describe, final_error, may_continue

KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
failures = st.lists(
    st.tuples(
        st.sampled_from(["a/m", "b/m"]),
        st.sampled_from(["a", "b"]),
        st.builds(Failure, st.sampled_from(KINDS), st.text(max_size=5), retry_after_s=st.none() | st.floats(0, 100)),
    ),
    min_size=1,
    max_size=4,
)


def failed(*kinds: FailureKind, wait_s: float | None = None) -> list[tuple[str, str, Failure]]:
    return [(f"p{n}/m", f"p{n}", Failure(kind, "sk-secret said", retry_after_s=wait_s)) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_has_words_that_show_nothing_of_the_providers(kind: FailureKind) -> None:
    assert "sk-secret" not in describe(failed(kind)[0][2])


def test_a_content_filter_is_not_gone_round() -> None:
    assert not may_continue(failed("server_error", "content_filter"))


def test_one_provider_may_be_stricter_than_others_two_may_not() -> None:
    assert may_continue(failed("bad_request"))
    assert not may_continue(failed("bad_request", "bad_request"))
    same = [("p/m", "p", Failure("bad_request", "")), ("p/n", "p", Failure("bad_request", ""))]
    assert may_continue(same)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"content_filter", "bad_request"}))
def test_after_anything_else_the_next_is_asked(kind: FailureKind) -> None:
    assert may_continue(failed(kind, kind, kind))


@pytest.mark.parametrize(
    ("kinds", "status", "code"),
    [
        (("rate_limit",), 429, "rate_limit"),
        (("rate_limit", "rate_limit"), 429, "rate_limit"),
        (("server_error", "rate_limit"), 502, "server_error"),
        (("overloaded", "rate_limit"), 503, "overloaded"),
        (("connect", "timeout"), 504, "timeout"),
        (("auth",), 502, "auth"),
        (("quota",), 502, "quota"),
    ],
)
def test_the_last_failure_decides_unless_it_is_a_rate_limit_among_others(
    kinds: tuple[FailureKind, ...], status: int, code: str
) -> None:
    error = final_error(failed(*kinds))
    assert (error.status, error.code) == (status, code)
    assert "sk-secret" not in error.public


@pytest.mark.parametrize("kind", ["bad_request", "context_length", "content_filter"])
def test_a_fault_of_the_callers_is_shown_in_the_providers_words(kind: FailureKind) -> None:
    error = final_error(failed("connect", kind))
    assert isinstance(error, InvalidRequest)
    assert (error.message, error.code) == ("p1/m: sk-secret said", kind)


def test_the_shortest_wait_is_told_and_only_where_waiting_helps() -> None:
    both = [*failed("rate_limit", wait_s=9.0), *failed("rate_limit", wait_s=3.0)]
    error = final_error(both)
    assert isinstance(error, AllCandidatesFailed)
    assert error.retry_after_s == 3.0
    broken = final_error(failed("rate_limit", "server_error", wait_s=3.0))
    assert isinstance(broken, AllCandidatesFailed)
    assert broken.retry_after_s is None


@given(failures)
def test_any_failures_make_an_error_of_the_callers_or_the_providers(told: list[tuple[str, str, Failure]]) -> None:
    error = final_error(told)
    assert error.status in (400, 402, 429, 502, 503, 504)
    assert error.public
