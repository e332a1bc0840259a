from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)
from entrepot.dialects.anthropic_messages.request import parse_request
from entrepot.dialects.base import Asked, Envelope
from entrepot.errors import InvalidRequest

OWN = "anthropic-messages"


def parse(version: str | None = None, path: str = "/v1/messages", **changes: Any) -> Asked:
    body = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "你好"}], **changes}
    headers = {} if version is None else {b"anthropic-version": version.encode(), b"x-api-key": b"secret"}
    given = {name: value for name, value in body.items() if value is not ...}
    return parse_request(json.dumps(given).encode(), Envelope(path, headers=headers))


def param_of(**changes: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        parse(**changes)
    return caught.value.param


def test_a_question_is_understood() -> None:
    asked = parse(system="简短", stream=True, stop_sequences=["X"], top_k=3, metadata={"user_id": "u"}, novelty=1)
    request = asked.request
    assert request.messages == (Message("system", (Text("简短"),)), Message("user", (Text("你好"),)))
    assert (request.stream, request.max_output_tokens, request.stop, request.top_k) == (True, 9, ("X",), 3)
    assert (request.user, request.extra, request.include_usage) == ("u", {"novelty": 1}, True)


@pytest.mark.parametrize("version", [None, "2023-06-01", "2026-10-21"])
def test_both_versions_are_spoken_and_the_header_is_kept_without_the_key(version: str | None) -> None:
    assert parse(version).headers == (() if version is None else ((b"anthropic-version", version.encode()),))


def test_a_version_that_does_not_exist_is_refused() -> None:
    assert param_of(version="2024-01-01") == "anthropic-version"


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_new_version_refuses_sampling_and_the_old_takes_it(name: str) -> None:
    setting: dict[str, Any] = {name: 1}
    assert param_of(version="2026-10-21", **setting) == name
    assert getattr(parse("2023-06-01", **setting).request, name) == 1


def test_the_new_version_refuses_documents_of_the_assistant_and_citations_of_users() -> None:
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    cited = {"type": "text", "text": "x", "citations": [{"type": "char_location"}]}
    spoken = [{"role": "user", "content": [cited]}, {"role": "assistant", "content": [document]}]
    assert param_of(version="2026-10-21", messages=spoken) == "messages[0].content[0]"
    assert param_of(version="2026-10-21", messages=spoken[1:]) == "messages[0].content[0]"
    assert len(parse("2023-06-01", messages=spoken).request.messages) == 2


def test_the_limit_is_required_except_for_counting() -> None:
    assert param_of(max_tokens=...) == "max_tokens"
    assert parse(path="/v1/messages/count_tokens", max_tokens=...).request.max_output_tokens is None


def test_tool_results_become_messages_of_their_own_before_the_users_text() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    content = [
        {"type": "text", "text": "and?"},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "图"}, image]},
        {"type": "tool_result", "tool_use_id": "b", "content": "bad", "is_error": True},
        {"type": "tool_result", "tool_use_id": "c"},
    ]
    assert parse(messages=[{"role": "user", "content": content}]).request.messages == (
        Message("tool", (ToolResult("a", (Text("图"), Media("image", "image/png", data="AAAA"))),)),
        Message("tool", (ToolResult("b", (Text("bad"),), is_error=True),)),
        Message("tool", (ToolResult("c", ()),)),
        Message("user", (Text("and?"),)),
    )


def test_thinking_is_bound_to_whom_sealed_it() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "想", "signature": "sig"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "thinking", "thinking": "t", "signature": "entrepot:openai-chat:"},
        {"type": "redacted_thinking", "data": "entrepot-call:gemini-generate:s:1"},
        {"type": "tool_use", "id": "i", "name": "f", "input": {"城市": "北京"}},
        {"type": "server_tool_use", "id": "j", "name": "web_search", "input": {}},
    ]
    assert parse(messages=[{"role": "assistant", "content": content}]).request.messages[0].parts == (
        Reasoning("想", "sig", False, OWN),
        Reasoning("", "opaque", True, OWN),
        Reasoning("t", None, False, "openai-chat"),
        ToolCall("i", "f", '{"城市":"北京"}', "s:1", {}, "gemini-generate"),
        Unknown(OWN, content[5]),
    )


def test_cache_markers_and_what_has_no_name_are_kept_beside() -> None:
    marker = {"type": "ephemeral"}
    block = {"type": "text", "text": "x", "cache_control": marker, "novelty": 1}
    tool = {"name": "f", "input_schema": {"type": "object"}, "cache_control": marker, "strict": True}
    request = parse(system=[block], tools=[tool, {"type": "bash_20250124", "name": "bash"}]).request
    assert request.messages[0].parts == (Text("x", {"cache_control": marker, "rest": {"novelty": 1}}),)
    assert request.tools == (
        Tool("f", None, {"type": "object"}, True, {"cache_control": marker}),
        Tool("bash", hosted={"type": "bash_20250124", "name": "bash"}),
    )


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice("named", "f"), None),
    ],
)
def test_tool_choice_is_understood(wire: dict[str, Any], choice: ToolChoice, parallel: bool | None) -> None:
    request = parse(tool_choice=wire).request
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("settings", "effort", "budget"),
    [
        ({}, None, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, None, 2048),
        ({"thinking": {"type": "adaptive"}}, "high", None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low", None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, "none", None),
    ],
)
def test_thinking_is_an_effort_or_a_budget(settings: dict[str, Any], effort: str | None, budget: int | None) -> None:
    request = parse(**settings).request
    assert (request.reasoning_effort, request.reasoning_budget_tokens) == (effort, budget)


def test_a_schema_is_understood() -> None:
    format_ = {"type": "json_schema", "schema": {"type": "object"}}
    wanted = OutputFormat("json_schema", {"type": "object"}, strict=True)
    assert parse(output_config={"format": format_}).request.output_format == wanted
    assert parse(output_format=format_).request.output_format == wanted


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ],
)
def test_a_malformed_request_is_refused_by_the_name_of_its_part(changes: dict[str, Any], param: str) -> None:
    assert param_of(**changes) == param


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(body)


def test_neighbouring_turns_of_the_assistant_are_one() -> None:
    said = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "看"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "r"}]},
    ]
    messages = parse(messages=said).request.messages
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    assert messages[1].parts == (Text("看"), ToolCall("a", "f", "{}"))


def test_servers_of_tools_are_tools_that_only_this_dialect_has() -> None:
    server = {"type": "url", "url": "https://host", "name": "s"}
    assert parse(mcp_servers=[server]).request.tools == (Tool("mcp_servers[0]", hosted=server),)


def test_the_first_version_of_all_is_taken_too() -> None:
    assert parse("2023-01-01", temperature=0.5).request.temperature == 0.5
