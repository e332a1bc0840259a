from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.failure import parse_failure


def classified(status: int, body: Any) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_failure(status, {}, data).kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # rate limits and bills look alike by status; the body tells them apart
        (429, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, "rate_limit"),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, "quota"),
        (429, {"error": {"message": "x", "type": "exceeded_current_quota_error"}}, "quota"),  # Moonshot
        (429, {"error": {"message": "余额不足", "code": "1113"}}, "quota"),  # Z.AI: a numeric string, no type
        (429, {"error": {"message": "x", "code": "PostpaidBillOverdue"}}, "quota"),  # DashScope
        (403, {"error": {"message": "x", "code": "AccountOverdueError"}}, "quota"),  # Volcengine
        (402, {"error": {"message": "Insufficient Balance"}}, "quota"),  # DeepSeek
        (400, {"error": {"message": "This model's maximum context length is 8192", "code": "context_length_exceeded"}},
         "context_length"),
        (400, {"error": {"message": "x", "type": "exceed_context_size_error"}}, "context_length"),  # llama.cpp
        (400, {"error": {"message": "flagged", "code": "content_filter"}}, "content_filter"),
        (400, {"code": "data_inspection_failed", "message": "x"}, "content_filter"),  # DashScope, flat
        (401, {"error": "Unauthorized"}, "auth"),  # vLLM
        (404, {"error": {"message": "The model `x` does not exist"}}, "model_gone"),
        (400, {"error": {"message": "Model Not Exist"}}, "model_gone"),  # DeepSeek
        (400, {"message": "temperature out of range", "code": 20015}, "bad_request"),  # SiliconFlow, flat
        (400, "Invalid parameter", "bad_request"),  # SiliconFlow, a bare string
        (422, {"detail": [{"loc": ["body", "n"], "msg": "x"}]}, "bad_request"),  # FastAPI
        (422, {"error": "Input validation error", "error_type": "validation"}, "bad_request"),  # TGI
        (503, {"error": {"message": "Service overloaded"}}, "overloaded"),
        (529, {"error": {"type": "overloaded_error"}}, "overloaded"),
        (500, {"error": {"message": "billing service unavailable"}}, "server_error"),  # a server's fault stays one
        (502, b"<html><h1>502 Bad Gateway</h1></html>", "server_error"),
        (504, b"", "timeout"),
        (400, [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}], "bad_request"),
    ],
)  # fmt: skip
def test_failures_are_classified_by_body_before_status(status: int, body: Any, kind: str) -> None:
    assert classified(status, body) == kind


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b"0.5"}, 0.5),
        ({b"retry-after-ms": b"1500", b"retry-after": b"9"}, 1.5),
        ({b"x-ms-retry-after-ms": b"250"}, 0.25),
        ({b"retry-after": b"Thu, 01 Jan 1970 00:16:50 GMT"}, 10.0),
        ({b"retry-after": b"Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"-3"}, None),
        ({b"retry-after": b"nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_spellings(headers: dict[bytes, bytes], wait_s: float | None) -> None:
    assert parse_failure(429, headers, b"{}", now_s=1000.0).retry_after_s == wait_s


def test_a_page_of_html_is_not_shown_as_a_message() -> None:
    assert "<" not in parse_failure(502, {}, b"<html>secret</html>").message


@given(st.integers(300, 599), st.binary(max_size=300) | st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_is_classified(status: int, body: bytes) -> None:
    failure = parse_failure(status, {}, body)
    assert failure.status == status
    assert len(failure.message) <= 500
