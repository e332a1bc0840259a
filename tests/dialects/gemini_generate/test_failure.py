from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.dialects.gemini_generate.dialect import GeminiGenerate
from entrepot.dialects.gemini_generate.failure import error_body, parse_failure
from entrepot.errors import Defect, InvalidRequest, RateLimited

QUOTA = "You exceeded your current quota, please check your plan and billing details."


def error(code: int, status: str, message: str = "m", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def violation(quota: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}


def info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


def retry(delay: Any) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error(429, "RESOURCE_EXHAUSTED", QUOTA, violation("GenerateRequestsPerMinutePerProject")), "rate_limit"),
        (429, error(429, "RESOURCE_EXHAUSTED", QUOTA, violation("GenerateRequestsPerDayPerProject")), "quota"),
        (429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric x, limit: 0"), "quota"),
        (429, error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."), "rate_limit"),
        (400, error(400, "INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")), "auth"),
        (400, error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "auth"),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            "context_length",
        ),
        (400, error(400, "INVALID_ARGUMENT", "Unknown name"), "bad_request"),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), "region"),
        (401, error(401, "UNAUTHENTICATED"), "auth"),
        (403, error(403, "PERMISSION_DENIED"), "auth"),
        (403, error(403, "PERMISSION_DENIED", "m", info("BILLING_DISABLED")), "quota"),
        (404, error(404, "NOT_FOUND", "models/x is not found for API version v1beta"), "model_gone"),
        (500, error(500, "INTERNAL"), "server_error"),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"),
        (504, error(504, "DEADLINE_EXCEEDED"), "timeout"),
        (418, error(418, "NEW_WORD"), "bad_request"),
        (502, "<html>", "server_error"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_is_classified_also_inside_a_one_element_array(
    status: int, body: Any, kind: str, wrapped: bool
) -> None:
    data = body if isinstance(body, str) else json.dumps([body] if wrapped else body)
    failure = parse_failure(status, {}, data.encode())
    assert (failure.kind, failure.status) == (kind, status)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("37s", 37.0),
        ("0.5s", 0.5),
        ({"seconds": "3", "nanos": 500_000_000}, 3.5),
        ("soon", 9.0),
        ({"seconds": []}, 9.0),
    ],
)
def test_the_delay_in_the_body_comes_before_the_header(delay: Any, seconds: float) -> None:
    body = json.dumps(error(429, "RESOURCE_EXHAUSTED", QUOTA, retry(delay))).encode()
    assert parse_failure(429, {b"retry-after": b"9"}, body).retry_after_s == seconds


def test_our_error_is_in_the_dialects_shape_and_says_where_and_when() -> None:
    wrong = error_body(InvalidRequest("'contents' 是空的", param="contents"))["error"]
    assert (wrong["code"], wrong["status"], wrong["message"]) == (400, "INVALID_ARGUMENT", "'contents' 是空的")
    assert wrong["details"][1]["fieldViolations"][0]["field"] == "contents"
    limited = GeminiGenerate.render_error(RateLimited("too many", retry_after_s=2.1))
    assert (b"retry-after", b"3") in limited.headers
    details = json.loads(limited.body)["error"]["details"]
    assert details[-1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}


def test_our_own_bug_shows_nothing_of_itself() -> None:
    answer = GeminiGenerate.render_error(Defect("secret inside"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert json.loads(answer.body)["error"]["status"] == "INTERNAL"


def test_we_understand_our_own_errors() -> None:
    answer = GeminiGenerate.render_error(RateLimited("too many", retry_after_s=4))
    failure = parse_failure(answer.status, dict(answer.headers), answer.body)
    assert (failure.kind, failure.retry_after_s) == ("rate_limit", 4.0)


@pytest.mark.parametrize(
    "message",
    [
        "CachedContent not found (or permission denied)",
        "You do not have permission to access the File abc or it may not exist.",
    ],
)
def test_what_the_client_named_and_is_not_there_is_not_the_keys_fault(message: str) -> None:
    body = json.dumps(error(403, "PERMISSION_DENIED", message)).encode()
    assert parse_failure(403, {}, body).kind == "bad_request"
