from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Media, Reasoning, Text, ToolCall, ToolChoice, ToolResult, Unknown
from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat.outgoing import render_request
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.errors import InvalidRequest

TARGET = Target(base_url="https://api.example/v1", upstream_name="upstream-name")


def body(**changes: Any) -> bytes:
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **changes}).encode()


def sent(data: bytes, target: Target = TARGET, limit: int | None = None) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(render_request(parse_request(data), target, limit).body)
    return decoded


@pytest.mark.parametrize(
    ("data", "param", "told"),
    [
        (b"", None, "not valid JSON"),
        (b"{", None, "not valid JSON"),
        (b"\xff\xfe", None, "not valid JSON"),
        (b'{"model": "a", "messages": [{"role": "user", "content": "\xff"}]}', None, "not valid JSON"),
        (b"[1]", None, "object"),
        (b'{"x": ' + b"[" * 100_000, None, "nested too deeply"),
        (b'{"model": "a"}', None, "messages"),
        (b'{"messages": []}', None, "model"),
        (body(model=7), "model", "str"),
        (body(model=""), "model", "empty"),
        (body(messages=[]), "messages", "at least one"),
        (body(messages="hi"), "messages", "array"),
        (body(messages=[{"content": "x"}]), "messages[0]", "role"),
        (body(messages=[{"role": "robot", "content": "x"}]), "messages[0].role", "robot"),
        (body(messages=[{"role": "user"}]), "messages[0].content", "missing"),
        (body(messages=[{"role": "user", "content": [{"text": "x"}]}]), "messages[0].content[0].type", "missing"),
        (
            body(messages=[{"role": "user", "content": [{"type": "text", "text": 3}]}]),
            "messages[0].content[0].text",
            "str",
        ),
        (body(messages=[{"role": "tool", "content": "x"}]), "messages[0].tool_call_id", "missing"),
        (body(temperature="hot"), "temperature", "float"),
        (body(max_tokens=0), "max_tokens", "at least 1"),
        (body(n=0), "n", "between"),
        (body(stream="yes"), "stream", "bool"),
        (body(tools=[{"type": "function"}]), "tools[0].function", "missing"),
        (body()[:-1] + b', "seen": 1e400}', "seen", "out of range"),
        (body()[:-1] + b', "seen": 1' + b"0" * 5000 + b"}", "seen", "out of range"),
        (body()[:-1] + b', "seen": "\xff"}', None, "not valid JSON"),
        (body()[:-1] + b', "seen": "\\ud800"}', None, "not valid JSON"),
        (b'{"model": "a", "messages": [{"role": "user", "content": "x", "\xff": 1}]}', None, "not valid JSON"),
        (
            b'{"model": "a", "messages": [{"role": "developer", "content": "x", "\\ud800": 1}]}',
            None,
            "not valid JSON",
        ),
    ],
)
def test_bad_input_is_told_what_and_where(data: bytes, param: str | None, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(data)
    assert caught.value.param == param
    assert told in caught.value.message


def test_the_clients_own_fields_go_on_as_they_were() -> None:
    given_fields = {
        "logit_bias": {"50256": -100},
        "x_unknown": [1, {"a": None}],
        "seed": 7,
        "temperature": 0.30000000000000004,
    }
    assert sent(body(**given_fields)) == {**json.loads(body(**given_fields)), "model": "upstream-name"}


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_no_unknown_setting_is_lost(extra: dict[str, Any]) -> None:
    known = {"model": "auto", "messages": [{"role": "user", "content": "你好"}]}
    extra = {f"x-{name}": value for name, value in extra.items()}
    data = json.dumps({**known, **extra}).encode()
    assert sent(data) == {**known, **extra, "model": "upstream-name"}


def test_a_stream_is_always_asked_for_its_usage() -> None:
    assert sent(body(stream=True))["stream_options"] == {"include_usage": True}
    kept = sent(body(stream=True, stream_options={"include_usage": False, "include_obfuscation": False}))
    assert kept["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in sent(body())
    assert "stream_options" not in sent(body(stream=True), Target("u", "n", quirks=frozenset({"no_stream_options"})))


def test_the_routes_limit_is_sent_only_where_the_client_named_none() -> None:
    assert sent(body(), limit=64)["max_tokens"] == 64
    assert "max_tokens" not in sent(body())
    assert sent(body(max_tokens=5), limit=64)["max_tokens"] == 5
    newer = Target("u", "n", quirks=frozenset({"max_completion_tokens"}))
    assert sent(body(), newer, 64)["max_completion_tokens"] == 64
    assert sent(body(max_tokens=5), newer) == {**json.loads(body()), "model": "n", "max_completion_tokens": 5}


def test_the_developer_role_becomes_system_where_it_is_unknown() -> None:
    data = body(messages=[{"role": "developer", "content": "d", "x": 1}, {"role": "user", "content": "u"}])
    assert sent(data)["messages"][0]["role"] == "developer"
    older = Target("u", "n", quirks=frozenset({"no_developer_role"}))
    assert sent(data, older)["messages"][0] == {"role": "system", "content": "d", "x": 1}


def test_the_address_is_the_base_with_the_path() -> None:
    assert render_request(parse_request(body()), TARGET, None).url == "https://api.example/v1/chat/completions"


def test_parts_are_told_apart() -> None:
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "看"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
        {"type": "file", "file": {"file_id": "f-1"}},
        {"type": "new_kind", "new_kind": {}},
    ]
    parts = parse_request(body(messages=[{"role": "user", "content": content}])).request.messages[0].parts
    assert parts == (
        Text("看"),
        Media("image", url="https://x/y.png", detail="low"),
        Media("image", media_type="image/png", data="AAAA"),
        Media("audio", media_type="audio/mp3", data="BBBB"),
        Media("file", file_id="f-1"),
        Unknown("openai-chat", content[5]),
    )


def test_a_tool_turn_is_understood() -> None:
    messages = [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"c": 1'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    tools = [{"type": "function", "function": {"name": "w", "parameters": {"type": "object"}}}]
    named = {"type": "function", "function": {"name": "w"}}
    request = parse_request(body(messages=messages, tools=tools, tool_choice=named)).request
    assert request.messages[1].parts == (Reasoning("hm", bound_to="openai-chat"), ToolCall("c1", "w", '{"c": 1'))
    assert request.messages[2].parts == (ToolResult("c1", (Text("sunny"),)),)
    assert request.tools[0].name == "w"
    assert request.tool_choice == ToolChoice("named", "w")


def test_json_modes_are_understood() -> None:
    assert parse_request(body()).request.output_format.kind == "text"
    assert parse_request(body(response_format={"type": "json_object"})).request.output_format.kind == "json"
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True}}
    by_schema = parse_request(body(response_format=schema)).request.output_format
    assert (by_schema.kind, by_schema.schema, by_schema.name, by_schema.strict) == (
        "json_schema",
        {"type": "object"},
        "s",
        True,
    )


def test_a_number_beyond_every_float_reaches_a_provider_without_developers_as_it_was() -> None:
    data = b'{"model": "a", "messages": [{"role": "developer", "content": "x", "seen": 1e400}]}'
    target = Target(base_url="u", upstream_name="n", quirks=frozenset({"no_developer_role"}))
    rendered = render_request(parse_request(data), target, None).body
    assert b'"seen":1e400' in rendered
    assert b'"role":"system"' in rendered


def test_functions_of_before_there_were_tools_are_tools_and_their_calls_are_calls() -> None:
    said = [
        {"role": "user", "content": "天气"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "晴"},
    ]
    functions = [{"name": "f", "parameters": {"type": "object"}}]
    request = parse_request(body(messages=said, functions=functions, function_call={"name": "f"})).request
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.tool_choice == ToolChoice("named", "f")
    assert request.messages[1].parts == (ToolCall("f", "f", "{}"),)
    assert request.messages[2].parts == (ToolResult("f", (Text("晴"),)),)


def test_sound_that_only_its_provider_keeps_is_not_passed_over() -> None:
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "audio": {"id": "audio_1"}}]
    request = parse_request(body(messages=said)).request
    assert request.messages[1].parts == (Unknown("openai-chat", {"type": "audio", "audio": {"id": "audio_1"}}),)


@pytest.mark.parametrize(
    ("given", "media"),
    [
        ("JVBERi0=", Media("file", "application/pdf", data="JVBERi0=", name="甲")),
        ("data:text/plain,a", Media("file", "text/plain", data="YQ==", name="甲")),
        ("https://host/甲.pdf", Media("file", url="https://host/甲.pdf", name="甲")),
    ],
)
def test_a_file_is_read_from_data_and_from_an_address(given: str, media: Media) -> None:
    part = {"type": "file", "file": {"filename": "甲", "file_data": given}}
    assert parse_request(body(messages=[{"role": "user", "content": [part]}])).request.messages[0].parts == (media,)
