from typing import Any

import msgspec
import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_openai_request import parse_request
from tests.simulator.sdk_world import PIXEL

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "短一点"},
    {"role": "user", "content": "什么是转口港？"},
]
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


def parse(**more: Any) -> Any:
    return parse_request(msgspec.json.encode({"model": "m", "messages": MESSAGES, **more}))


def refused(**more: Any) -> WireError:
    with pytest.raises(WireError) as caught:
        parse(**more)
    return caught.value


def test_the_prompt_is_the_last_user_message_and_everything_is_read() -> None:
    asked = parse()
    assert asked.prompt == "什么是转口港？"
    assert asked.read == "短一点\n什么是转口港？"
    assert (asked.n, asked.stream, asked.include_usage, asked.max_tokens) == (1, False, False, None)


def test_parts_of_a_message_are_read_together() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    assert parse(messages=[{"role": "user", "content": parts}]).prompt.startswith("look\n[image/png ")


def test_tool_messages_at_the_end_are_results() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    messages = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "found"},
    ]
    asked = parse(messages=messages, tools=[TOOL])
    assert asked.tool_results == ("found",)
    assert "find {}" in asked.read


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"model": 1}', b"{}"])
def test_a_body_that_is_no_request_is_a_400(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        parse_request(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 4}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": 4}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "lose"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
    ],
)
def test_a_wrong_setting_is_a_400_that_names_it(wrong: dict[str, Any], param: str) -> None:
    error = refused(**wrong)
    assert (error.status, error.param) == (400, param)


def test_settings_are_read() -> None:
    asked = parse(
        stream=True,
        stream_options={"include_usage": True},
        n=2,
        max_completion_tokens=9,
        stop="end",
        tools=[TOOL],
        tool_choice="required",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        reasoning_effort="low",
        a_setting_nobody_knows=1,
    )
    assert (asked.stream, asked.include_usage, asked.n, asked.max_tokens) == (True, True, 2, 9)
    assert (asked.stop, asked.tool_choice, asked.format) == (("end",), "required", "json_schema")
    assert asked.schema == {"type": "object"}
    assert asked.reasoning_effort == "low"
