from __future__ import annotations

import json

import pytest

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.dialects.bedrock_converse.failure import failure_in_stream, parse_failure


def failure(status: int, named: str | None, message: str = "words") -> Failure:
    headers = {} if named is None else {b"x-amzn-errortype": named.encode()}
    return parse_failure(status, headers, json.dumps({"message": message}).encode())


TYPES: list[tuple[int, str, FailureKind]] = [
    (403, "AccessDeniedException", "auth"),
    (400, "ServiceQuotaExceededException", "quota"),
    (400, "ValidationException", "bad_request"),
    (429, "ThrottlingException", "rate_limit"),
    (429, "ModelNotReadyException", "overloaded"),
    (408, "ModelTimeoutException", "timeout"),
    (424, "ModelErrorException", "server_error"),
    (404, "ResourceNotFoundException", "model_gone"),
    (500, "InternalServerException", "server_error"),
    (503, "ServiceUnavailableException", "overloaded"),
    (403, "ExpiredTokenException", "auth"),
    (403, "UnrecognizedClientException", "auth"),
]


@pytest.mark.parametrize(("status", "named", "kind"), TYPES)
def test_the_header_says_what_went_wrong(status: int, named: str, kind: FailureKind) -> None:
    # Quirks 63 and 69: AWS names an error's type in a header, with addresses and namespaces around it.
    for spelling in (named, f"{named}:http://internal.amazon.com/coral/com.amazon.bedrock/", f"com.amazon#{named}"):
        found = failure(status, spelling)
        assert (found.kind, found.status, found.code, found.message) == (kind, status, named, "words")


def test_a_type_in_the_body_is_as_good() -> None:
    body = json.dumps({"__type": "com.amazon.coral.service#ThrottlingException", "Message": "x"}).encode()
    assert parse_failure(400, {}, body).kind == "rate_limit"


REFUSALS: list[tuple[str, FailureKind]] = [
    ("Input is too long for requested model.", "context_length"),
    ("prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
    ("Too many input tokens. Max input tokens: 8192, request input token count: 9000", "context_length"),
    ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", "context_length"),
    ("The provided model identifier is invalid.", "model_gone"),
    ("Invocation of model ID x with on-demand throughput isn't supported.", "model_gone"),
    ("Output blocked by content filtering policy", "content_filter"),
    ("Operation not allowed", "auth"),
    ("The text field in the ContentBlock object at messages.0.content.0 is blank.", "bad_request"),
]


@pytest.mark.parametrize(("message", "kind"), REFUSALS)
def test_a_refusal_is_told_apart_by_its_words(message: str, kind: FailureKind) -> None:
    # Quirk 71: 400 alone misleads.
    assert failure(400, "ValidationException", message).kind == kind
    assert failure(400, None, message).kind == kind


def test_throttling_by_the_day_is_no_matter_of_waiting() -> None:
    assert (
        failure(429, "ThrottlingException", "Too many tokens per day, please wait before trying again.").kind == "quota"
    )


def test_an_unknown_type_leaves_the_judgement_to_status_and_words() -> None:
    found = failure(503, "SomethingNewException")
    assert (found.kind, found.code) == ("overloaded", "SomethingNewException")
    assert failure(500, None).kind == "server_error"


def test_a_web_page_in_an_answers_place_is_classified_by_its_status() -> None:
    assert parse_failure(502, {}, b"<html>bad gateway</html>").kind == "server_error"
    assert parse_failure(429, {b"retry-after": b"7"}, b"").retry_after_s == 7


IN_STREAM: list[tuple[str, FailureKind]] = [
    ("throttlingException", "rate_limit"),
    ("modelStreamErrorException", "server_error"),
    ("internalServerException", "server_error"),
    ("validationException", "bad_request"),
    ("serviceUnavailableException", "overloaded"),
    ("somethingNew", "server_error"),
]


@pytest.mark.parametrize(("named", "kind"), IN_STREAM)
def test_an_exception_in_a_stream_is_classified_like_the_answer_it_would_have_been(
    named: str, kind: FailureKind
) -> None:
    # Quirk 6: errors under HTTP 200.
    found = failure_in_stream(named, {"message": "慢一点", "originalStatusCode": 500})
    assert (found.kind, found.status, found.message) == (kind, 0, "慢一点")


def test_an_exception_that_says_nothing_is_one() -> None:
    assert failure_in_stream("", None).kind == "server_error"
    assert failure_in_stream("validationException", {"message": "Input is too long"}).kind == "context_length"
