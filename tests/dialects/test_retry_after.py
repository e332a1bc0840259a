"""A provider's word on when to come back, in every spelling."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.failure import parse_failure
from entrepot.dialects.retry_after import in_body, in_headers, in_words, of_reset

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b" 0.5 "}, 0.5),
        ({b"retry-after-ms": b"1500", b"retry-after": b"9"}, 1.5),
        ({b"x-ms-retry-after-ms": b"250"}, 0.25),
        ({b"retry-after": b"Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        ({b"retry-after": b"Tue, 14 Nov 2023 22:13:10 GMT"}, 0.0),
        ({b"retry-after": b"2023-11-14T22:13:30Z"}, 10.0),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"-3"}, None),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"1e400"}, None),
        ({}, None),
    ],
)
def test_headers_that_say_it_outright(headers: dict[bytes, bytes], wait_s: float | None) -> None:
    assert in_headers(headers, NOW_S) == wait_s


def test_a_date_means_nothing_without_a_clock() -> None:
    assert in_headers({b"retry-after": b"Tue, 14 Nov 2023 22:13:30 GMT"}, None) is None
    assert of_reset({b"x-ratelimit-reset": b"1700000010"}, None) is None


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({b"x-ratelimit-reset-requests": b"1s", b"x-ratelimit-reset-tokens": b"6m0s"}, 1.0),
        (
            {
                b"x-ratelimit-reset-requests": b"20ms",
                b"x-ratelimit-reset-tokens": b"1m2.5s",
                b"x-ratelimit-remaining-requests": b"5",
                b"x-ratelimit-remaining-tokens": b"0",
            },
            62.5,
        ),
        (
            {
                b"anthropic-ratelimit-input-tokens-reset": b"2023-11-14T22:14:20Z",
                b"anthropic-ratelimit-input-tokens-remaining": b"0",
                b"anthropic-ratelimit-requests-reset": b"2023-11-14T22:13:21Z",
                b"anthropic-ratelimit-requests-remaining": b"9",
            },
            60.0,
        ),
        ({b"x-ratelimit-reset": b"1700000030000"}, 30.0),  # OpenRouter: Unix milliseconds
        ({b"x-ratelimit-reset": b"1700000030"}, 30.0),
        ({b"x-ratelimit-reset": b"12"}, 12.0),
        ({b"x-ratelimit-reset-requests": b"later"}, None),
        ({b"x-ratelimit-reset-requests": b"99999999999d"}, None),
        ({}, None),
    ],
)
def test_the_limit_that_is_used_up_says_when(headers: dict[bytes, bytes], wait_s: float | None) -> None:
    assert of_reset(headers, NOW_S) == wait_s


@pytest.mark.parametrize(
    ("body", "wait_s"),
    [
        ({"error": {"details": [{"@type": "x"}, {"retryDelay": "37s"}]}}, 37.0),
        ([{"error": {"details": [{"retryDelay": "1.5s"}]}}], 1.5),
        ({"error": {"details": [{"retryDelay": {"seconds": "2", "nanos": 500000000}}]}}, 2.5),
        ({"error": {"metadata": {"retry_after_seconds": 3}}}, 3.0),
        ({"retry_after": "4"}, 4.0),
        ({"error": {"details": "none"}}, None),
        ({"error": {"details": [{"retryDelay": "soon"}]}}, None),
        ("text", None),
        ([], None),
    ],
)
def test_the_body_may_say_it(body: Any, wait_s: float | None) -> None:
    assert in_body(body) == wait_s


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Rate limit reached. Please try again in 1m2.5s. Visit x", 62.5),
        ("Please try again in 20ms.", 0.02),
        ("Please retry after 6 seconds.", 6.0),
        ("retry in 2 minutes 5 seconds", 125.0),
        ("请求过于频繁，请在 20 秒后重试", 20.0),
        ("10秒之后再试", 10.0),
        ("try again in a while", None),
        ("try again in 9999999999 hours", None),
    ],
)
def test_the_message_may_say_it(message: str, wait_s: float | None) -> None:
    assert in_words(message) == wait_s


def test_only_a_failure_that_passes_by_itself_is_given_a_wait_from_words_or_resets() -> None:
    limited = parse_failure(429, {b"x-ratelimit-reset-requests": b"3s"}, b'{"error": {"message": "slow down"}}', NOW_S)
    assert (limited.kind, limited.retry_after_s) == ("rate_limit", 3.0)
    told = parse_failure(429, {}, b'{"error": {"message": "Rate limit. Please try again in 2s"}}', NOW_S)
    assert told.retry_after_s == 2.0
    refused = parse_failure(400, {b"x-ratelimit-reset-requests": b"3s"}, b'{"error": {"message": "wait 5s"}}', NOW_S)
    assert (refused.kind, refused.retry_after_s) == ("bad_request", None)
    outright = parse_failure(400, {b"retry-after": b"1"}, b"{}", NOW_S)
    assert outright.retry_after_s == 1.0


values = st.binary(max_size=20) | st.sampled_from([b"1h", b"\xff", b"Tue, 99 Foo", b"0x1", b"1_0", "٣".encode()])


@given(st.dictionaries(st.sampled_from([b"retry-after", b"retry-after-ms", b"x-ratelimit-reset"]), values))
def test_whatever_is_said_is_no_wait_or_a_plausible_one(headers: dict[bytes, bytes]) -> None:
    for wait_s in (in_headers(headers, NOW_S), of_reset(headers, NOW_S)):
        assert wait_s is None or 0 <= wait_s < 1e12


@given(st.text(max_size=60))
def test_any_message_is_read(message: str) -> None:
    wait_s = in_words(message)
    assert wait_s is None or wait_s >= 0
