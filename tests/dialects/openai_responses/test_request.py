from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Message, OutputFormat, Text, Unknown
from entrepot.dialects.base import Envelope, Target
from entrepot.dialects.openai_responses.request import parse_request
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.errors import InvalidRequest
from tests.dialects.openai_responses.asking import ask


def test_a_text_is_what_the_user_says_and_instructions_come_first() -> None:
    request = ask(input="你好", instructions="简短回答。").request
    assert request.messages == (Message("system", (Text("简短回答。"),)), Message("user", (Text("你好"),)))


def test_every_setting_with_a_canonical_name_is_read() -> None:
    request = ask(
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        parallel_tool_calls=False,
        reasoning={"effort": "high", "summary": "auto"},
        safety_identifier="u-1",
        stream=True,
        text={"format": {"type": "json_schema", "name": "City", "schema": {"type": "object"}, "strict": True}},
    ).request
    assert (request.max_output_tokens, request.temperature, request.top_p) == (50, 0.5, 0.9)
    assert request.parallel_tool_calls is False
    assert (request.reasoning_effort, request.user, request.stream) == ("high", "u-1", True)
    assert request.output_format == OutputFormat("json_schema", {"type": "object"}, "City", True)


def test_settings_without_one_are_kept_beside() -> None:
    extra = ask(truncation="auto", metadata={"k": "v"}, max_tool_calls=3, service_tier="flex").request.extra
    assert extra == {"truncation": "auto", "metadata": {"k": "v"}, "max_tool_calls": 3, "service_tier": "flex"}


def test_log_probabilities_are_asked_for_by_what_is_included() -> None:
    extra = ask(include=["message.output_text.logprobs"], top_logprobs=2).request.extra
    assert extra["logprobs"] is True
    assert extra["top_logprobs"] == 2


@pytest.mark.parametrize(
    "pointer", [{"previous_response_id": "resp_1"}, {"conversation": {"id": "conv_1"}}, {"prompt": {"id": "pmpt_1"}}]
)
def test_what_a_request_only_points_at_is_said_to_no_other_dialect_as_if_it_were_not_there(
    pointer: dict[str, Any],
) -> None:
    asked = ask(**pointer)
    (name,) = pointer
    assert asked.request.messages[0].parts == (Unknown("openai-responses", {"type": name, **pointer}),)
    for other in sorted(PROVIDER_DIALECTS.keys() - {"openai-responses"}):
        with pytest.raises(InvalidRequest, match=name):
            PROVIDER_DIALECTS[other].render_request(asked, Target("https://a.example", "m", max_output_tokens=9), None)


def test_a_continued_response_needs_no_input() -> None:
    body = {"model": "m", "previous_response_id": "resp_1"}
    assert len(parse_request(json.dumps(body).encode()).request.messages) == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": None, "instructions": "x"}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": 3}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(**body)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "\xff"}', b"[" * 5000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(body, Envelope())
