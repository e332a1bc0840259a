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
        (400, [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}], "auth"),
    ],
)  # fmt: skip
def test_failures_are_classified_by_body_before_status(status: int, body: Any, kind: str) -> None:
    assert classified(status, body) == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Alibaba
        (400, {"error": {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}},
         "content_filter"),
        (429, {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"}, "rate_limit"),
        (429, {"error": {"code": "Throttling.AllocationQuota", "message": "Allocated quota exceeded"}}, "rate_limit"),
        (400, {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."},
         "quota"),
        (403, {"code": "AllocationQuota.FreeTierOnly", "message": "The free tier of the model has been exhausted."},
         "quota"),
        (400, {"code": "InvalidParameter", "message": "Range of input length should be [1, 30720]"}, "context_length"),
        # DeepSeek
        (400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}}, "content_filter"),
        (400, {"error": {"message": "The supported API model names are deepseek-flash", "type": "invalid_request_error"}},
         "model_gone"),
        # Moonshot
        (429, {"error": {"type": "engine_overloaded_error", "message": "The engine is currently overloaded"}}, "overloaded"),
        (429, {"error": {"type": "rate_limit_reached_error", "message": "max RPM: 3"}}, "rate_limit"),
        (400, {"error": {"type": "invalid_request_error", "message": "Your request exceeded model token limit: 8192"}},
         "context_length"),
        (400, {"error": {"type": "content_filter", "message": "The request was rejected because it was considered high risk"}},
         "content_filter"),
        (404, {"error": {"type": "resource_not_found_error", "message": "Not found the model x or Permission denied"}},
         "model_gone"),
        # Z.AI, bigmodel.cn
        (400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}, "content_filter"),
        (400, {"error": {"code": "1261", "message": "Prompt 超长"}}, "context_length"),
        (400, {"error": {"code": "1211", "message": "模型不存在，请检查模型代码"}}, "model_gone"),
        (429, {"error": {"code": "1302", "message": "您当前使用该API的并发数过高"}}, "rate_limit"),
        (429, {"error": {"code": "1305", "message": "当前API请求过多"}}, "overloaded"),
        (401, {"error": {"code": "1002", "message": "Authorization Token非法"}}, "auth"),
        # MiniMax: an envelope of its own, and a number that is another elsewhere
        (200, {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, "rate_limit"),
        (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "quota"),
        (200, {"base_resp": {"status_code": 1039, "status_msg": "token limit"}}, "context_length"),
        # Qianfan
        (429, {"error": {"code": "rpm_rate_limit_exceeded", "type": "rate_limit_exceeded", "message": "RPM"}}, "rate_limit"),
        (400, {"error": {"code": "tokens_too_long", "type": "invalid_request_error", "message": "x"}}, "context_length"),
        (200, {"error_code": 17, "error_msg": "Open api daily request limit reached"}, "quota"),
        (200, {"error_code": 336100, "error_msg": "try again"}, "overloaded"),
        # Ark
        (429, {"error": {"code": "RateLimitExceeded.EndpointRPMExceeded", "type": "TooManyRequests", "message": "x"}},
         "rate_limit"),
        (429, {"error": {"code": "ServerOverloaded", "message": "x"}}, "overloaded"),
        (403, {"error": {"code": "OperationDenied.ServiceOverdue", "message": "x"}}, "quota"),
        (404, {"error": {"code": "InvalidEndpointOrModel.NotFound", "message": "x"}}, "model_gone"),
        (404, {"error": {"code": "ModelNotOpen", "message": "x"}}, "model_gone"),
        (400, {"error": {"code": "InputTextSensitiveContentDetected", "message": "x"}}, "content_filter"),
        # SiliconFlow
        (401, "Token is invalid", "auth"),
        (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}, "quota"),
        (503, {"code": 50505, "message": "Model service overloaded. Please try again later."}, "overloaded"),
        # OpenRouter: a key's limit or an empty account
        (402, {"error": {"code": 402, "message": "Key limit exceeded", "metadata": {"limit_source": "key"}}}, "quota"),
        (502, {"error": {"code": 502, "message": "x", "metadata": {"error_type": "provider_overloaded"}}}, "server_error"),
        # OpenAI and Azure
        (403, {"error": {"code": "unsupported_country_region_territory", "message": "x"}}, "region"),
        (400, {"error": {"code": None, "status": 400, "message": "x",
                         "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}}},
         "content_filter"),
        (404, {"error": {"code": "model_not_found", "type": "invalid_request_error", "message": "x"}}, "model_gone"),
        (400, {"error": {"message": "'max_tokens' is deprecated, use max_completion_tokens", "code": "unsupported_parameter"}},
         "bad_request"),
        # Anthropic
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
         "quota"),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens"}},
         "context_length"),
        (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}, "model_gone"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
        # others
        (413, {"error": {"message": "Request too large for model `x` on TPM: Limit 6000, Requested 7000",
                         "type": "tokens", "code": "rate_limit_exceeded"}}, "context_length"),  # Groq
        (400, {"error": {"message": "The model `x` has been decommissioned and is no longer supported",
                         "code": "model_decommissioned"}}, "model_gone"),
        (422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "n"], "msg": "no"}]},
               "type": "invalid_request_error"}, "bad_request"),  # Mistral
        (422, {"error": "Input validation error: `inputs` must have less than 4095 tokens", "error_type": "validation"},
         "context_length"),  # TGI
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, "overloaded"),
        (400, {"object": "error", "message": "The input (9000 tokens) is longer than the model's context length", "code": 400},
         "context_length"),  # SGLang
        (410, {}, "model_gone"),
        (451, {}, "region"),
        (403, {"error": {"message": "This service is not available in your country"}}, "region"),
        # behind a refusal there may be a bill
        (403, {"error": {"code": "access_denied", "message": "账户已欠费，请充值"}}, "quota"),
        (429, {"error": {"code": "rate_limit_exceeded", "message": "You exceeded your current quota"}}, "quota"),
        (401, {"error": {"code": "invalid_api_key", "message": "rate limit of your key"}}, "auth"),
        # under no status: in a stream
        (0, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded"),
        (0, {"message": "内部错误"}, "server_error"),
    ],
)  # fmt: skip
def test_every_vendors_words_are_understood(status: int, body: Any, kind: str) -> None:
    assert classified(status, body) == kind


def test_awss_type_stands_in_a_header() -> None:
    body = b'{"message": "Too many requests, please wait before trying again."}'
    named = {b"x-amzn-errortype": b"ThrottlingException:http://internal.amazon.com/"}
    failure = parse_failure(429, named, body)
    assert (failure.kind, failure.code) == ("rate_limit", "ThrottlingException")
    denied = parse_failure(403, {b"x-amzn-errortype": b"AccessDeniedException"}, b'{"Message": "no"}')
    assert (denied.kind, denied.message) == ("auth", "no")


def test_fastapis_list_is_told_as_a_sentence() -> None:
    body = json.dumps({"detail": [{"loc": ["body", "n"], "msg": "too many"}, {"msg": "坏"}, 5]}).encode()
    assert parse_failure(422, {}, body).message == "body.n: too many; 坏"


def test_the_most_telling_code_is_kept() -> None:
    nested = {"error": {"message": "x", "metadata": {"error_type": "provider_overloaded"}, "code": 502}}
    assert parse_failure(502, {}, json.dumps(nested).encode()).code == "provider_overloaded"
    assert parse_failure(400, {}, b'{"error": {"message": "x"}}').code is None


def test_a_page_of_html_is_not_shown_as_a_message() -> None:
    assert "<" not in parse_failure(502, {}, b"<html>secret</html>").message


@given(st.integers(300, 599), st.binary(max_size=300) | st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_is_classified(status: int, body: bytes) -> None:
    failure = parse_failure(status, {}, body)
    assert failure.status == status
    assert len(failure.message) <= 500
