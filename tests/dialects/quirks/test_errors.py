"""Quirks 69 to 76: errors in every shape, and when to come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.dialects.failure import parse_failure
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS
from entrepot.exchange.failover import final_error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "坏", "type": "t", "param": None, "code": "c"}}, "坏"),  # OpenAI
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "坏"}}, "坏"),  # Anthropic
        ({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "坏", "details": []}}, "坏"),  # Google
        ([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "坏"}}], "坏"),  # Google, in a list
        ({"detail": "坏"}, "坏"),  # FastAPI
        ({"detail": [{"loc": ["body", "n"], "msg": "坏", "type": "value_error"}]}, "body.n: 坏"),  # FastAPI, Mistral
        (
            {"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "坏"}]}, "type": "x"},
            "body: 坏",
        ),  # Mistral
        ({"message": "坏"}, "坏"),  # Cohere
        ({"Message": "坏"}, "坏"),  # AWS
        ({"error": "坏", "error_type": "validation"}, "坏"),  # TGI
        ({"error": "坏"}, "坏"),  # Ollama
        ({"code": 400, "msg": "坏"}, "坏"),  # Qianfan
        ({"base_resp": {"status_code": 2013, "status_msg": "坏"}}, "坏"),  # MiniMax
        ("坏", "坏"),  # SiliconFlow
    ],
)
def test_quirk_69_an_error_is_read_in_every_shape(body: Any, message: str) -> None:
    failure = parse_failure(400, {}, json.dumps(body, ensure_ascii=False).encode())
    assert (failure.kind, failure.message) == ("bad_request", message)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>502</title>", b"\xef\xbb\xbf\n<html>", b"upstream timed out"])
def test_quirk_69_a_proxys_page_or_text_is_classified_by_its_status(page: bytes) -> None:
    failure = parse_failure(502, {b"content-type": b"text/html"}, page)
    assert failure.kind == "server_error"
    assert "<" not in failure.message


@pytest.mark.parametrize("name", sorted(CLIENT_DIALECTS))
def test_quirk_69_whatever_shape_it_had_a_client_is_told_in_its_own(name: str) -> None:
    failure = parse_failure(400, {}, '{"detail": [{"loc": ["body", "n"], "msg": "太多"}]}'.encode())
    answer = CLIENT_DIALECTS[name].render_error(final_error([("a/m", "a", failure)]))
    assert answer.status == 400
    assert "太多" in answer.body.decode()
    if name in PROVIDER_DIALECTS:
        assert PROVIDER_DIALECTS[name].parse_failure(400, {}, answer.body, None).kind == "bad_request"


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        ({b"retry-after-ms": b"1500", b"retry-after": b"9"}, {}, 1.5),
        ({b"x-ms-retry-after-ms": b"250"}, {}, 0.25),
        ({b"retry-after": b"7"}, {}, 7.0),
        ({b"retry-after": b"0.5"}, {}, 0.5),
        ({b"retry-after": b"Thu, 01 Jan 1970 00:16:50 GMT"}, {}, 10.0),
        ({}, {"error": {"details": [{"retryDelay": "37s"}]}}, 37.0),
        ({b"x-ratelimit-remaining-tokens": b"0", b"x-ratelimit-reset-tokens": b"6m0s"}, {}, 360.0),
        ({}, {"error": {"message": "Rate limit reached. Please try again in 1.2s."}}, 1.2),
    ],
)
def test_quirk_70_when_to_come_back_is_read_in_every_spelling(
    headers: dict[bytes, bytes], body: dict[str, Any], wait_s: float
) -> None:
    assert parse_failure(429, headers, json.dumps(body).encode(), now_s=1000.0).retry_after_s == wait_s


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"error": {"code": "insufficient_quota", "message": "x"}}, "quota"),
        (429, {"error": {"type": "exceeded_current_quota_error", "message": "x"}}, "quota"),
        (429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值"}}, "quota"),
        (429, {"error": {"type": "engine_overloaded_error", "message": "x"}}, "overloaded"),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens"}}, "context_length"),
        (400, {"error": {"code": "1261", "message": "Prompt 超长"}}, "context_length"),
        (400, {"error": {"code": "DataInspectionFailed", "message": "x"}}, "content_filter"),
        (403, {"error": {"code": "unsupported_country_region_territory", "message": "x"}}, "region"),
        (400, {"error": {"message": "User location is not supported for the API use."}}, "region"),
        (404, {"error": {"message": "The model `x` does not exist"}}, "model_gone"),
        (404, {"error": {"message": "No route"}}, "model_gone"),
        (403, {"error": {"code": "AccountOverdueError", "message": "x"}}, "quota"),
    ],
)
def test_quirk_71_status_alone_misleads(status: int, body: Any, kind: str) -> None:
    assert parse_failure(status, {}, json.dumps(body).encode()).kind == kind
