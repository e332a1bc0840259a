from typing import Any

import msgspec
import pytest

from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.wire_anthropic_request import check_key, parse_request

TOOL = {"name": "f", "input_schema": {"type": "object"}}
HI = [{"role": "user", "content": "hi"}]
THINKS = {"type": "enabled", "budget_tokens": 1024}
LOOP = [
    *HI,
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
]


def parse(version: str | None = "2023-06-01", drop: str = "", **given: Any) -> Heard:
    body = {"model": "m", "max_tokens": 2000, "messages": HI, **given}
    body.pop(drop, None)
    headers = {} if version is None else {"anthropic-version": version}
    return parse_request(HttpRequest("POST", "/v1/messages", headers, msgspec.json.encode(body)))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"version": None}, "anthropic-version: header is required"),
        ({"version": "2024-01-01"}, "not a valid version"),
        ({"drop": "model"}, "model: Field required"),
        ({"drop": "max_tokens"}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"max_tokens": "9"}, "valid integer"),
        ({"drop": "messages"}, "messages: Field required"),
        ({"messages": []}, "at least one message"),
        ({"frequency_penalty": 1}, "frequency_penalty: Extra inputs are not permitted"),
        ({"stream": 1}, "stream: Input should be a valid boolean"),
        ({"temperature": 1.5}, "temperature: Input should be between 0 and 1"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"version": "2026-10-21", "temperature": 0.5}, "not accepted from version 2026-10-21"),
        ({"stop_sequences": ["\n"]}, "must contain non-whitespace"),
        ({"stop_sequences": "x"}, "valid list"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "String should match pattern"),
        ({"tools": [{"name": "f", "input_schema": {"type": "string"}}]}, "Input should be 'object'"),
        ({"tools": [TOOL, TOOL]}, "must be unique"),
        ({"tools": [{**TOOL, "parameters": {}}]}, "Extra inputs are not permitted"),
        ({"tools": [{**TOOL, "description": 1}]}, "valid string"),
        ({"tools": [{**TOOL, "strict": True}]}, "must be explicitly set to false"),
        ({"tool_choice": {"type": "auto"}}, "only be specified while providing `tools`"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "does not match any of the expected tags"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found"),
        ({"tools": [TOOL], "tool_choice": {"type": "any", "name": "f"}}, "Extra inputs are not permitted"),
        ({"thinking": {"type": "on"}}, "does not match any of the expected tags"),
        ({"thinking": {"type": "enabled"}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
        ({"thinking": {"type": "adaptive", "budget_tokens": 1024}}, "Extra inputs are not permitted"),
        ({"thinking": THINKS, "temperature": 0.5}, "may only be set to 1 when thinking"),
        ({"thinking": THINKS, "top_k": 5}, "`top_k` must be unset"),
        ({"thinking": THINKS, "top_p": 0.5}, "0.95"),
        ({"thinking": THINKS, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"thinking": THINKS, "messages": [*HI, {"role": "assistant", "content": "a"}]}, "prefilled"),
        ({"thinking": THINKS, "tools": [TOOL], "messages": LOOP}, "Expected `thinking`"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "format.schema: Field required"),
    ],
)
def test_what_the_api_refuses_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        parse(**given)
    assert says in caught.value.message
    assert caught.value.status == 400


def test_thinking_is_off_unless_it_is_asked_for_and_may_be_adaptive_in_a_loop_without_its_thoughts() -> None:
    assert parse().reasoning_effort == "none"
    assert (parse(thinking=THINKS).reasoning_effort, parse(thinking=THINKS).max_reasoning_tokens) == ("medium", 1024)
    adaptive = parse(
        thinking={"type": "adaptive", "display": "omitted"},
        messages=LOOP,
        tools=[TOOL],
        output_config={"effort": "low"},
    )
    assert (adaptive.reasoning_effort, adaptive.shows_reasoning) == ("low", False)


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "any"}, "required", True),
        ({"type": "none"}, "none", True),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": True}, "f", False),
    ],
)
def test_tool_choices(choice: dict[str, Any], mode: str, parallel: bool) -> None:
    heard = parse(tools=[TOOL, {"type": "web_search_20260209", "name": "web_search"}], tool_choice=choice)
    assert (heard.tool_choice, heard.parallel_calls, len(heard.tools)) == (mode, parallel, 1)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_request(HttpRequest("POST", "/v1/messages", {"anthropic-version": "2023-06-01"}, body))


def test_the_key_may_come_in_either_header() -> None:
    for headers in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
        check_key(HttpRequest("POST", "/", headers, b""), "k")
    for wrong in ({}, {"x-api-key": "other"}, {"authorization": "Basic k"}):
        with pytest.raises(WireError) as caught:
            check_key(HttpRequest("POST", "/", wrong, b""), "k")
        assert caught.value.status == 401
