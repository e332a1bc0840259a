"""Requests to providers of this dialect for clients of another; those of the same dialect are in test_request.py."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.errors import InvalidRequest

TARGET = Target("https://provider.example/v1", "up")
LOOK_UP = Tool("look_up", "查词", {"type": "object"}, True)
CALL = ToolCall("c1", "look_up", '{"q": "天"}')


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def sent(*messages: Message, quirks: frozenset[str] = frozenset(), **settings: Any) -> dict[str, Any]:
    request = Request("m", messages or (said("user", "你好"),), **settings)
    target = msgspec.structs.replace(TARGET, quirks=quirks)
    wire = OpenAIChat.render_request(Asked(request, "anthropic-messages", {}), target, 100)
    assert wire.url == "https://provider.example/v1/chat/completions"
    decoded: dict[str, Any] = json.loads(wire.body)
    return decoded


def test_text_alone_is_a_string_and_with_images_a_list() -> None:
    image = Media("image", "image/png", data="AAAA", detail="low")
    messages = sent(said("system", "一", "二"), said("user", "看", image))["messages"]
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    assert messages == [
        {"role": "system", "content": "一\n二"},
        {"role": "user", "content": [{"type": "text", "text": "看"}, shown]},
    ]


def test_tool_results_are_messages_of_their_own_and_their_images_follow_them_all() -> None:
    calls = said("assistant", "查", CALL, ToolCall("c2", "look_up", "{}"))
    one = said("tool", ToolResult("c1", (Text("图"), Media("image", url="https://x/y.png"))))
    two = said("tool", ToolResult("c2", (Text("坏了"),), is_error=True))
    messages = sent(said("user", "q"), calls, one, two, said("user", "and?"))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert messages[1]["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"q": "天"}'},
    }
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "图"}
    assert messages[3]["content"] == "[error]\n坏了"
    assert messages[4]["content"] == [
        {"type": "text", "text": "[returned by the tool call c1]"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]


def test_reasoning_goes_back_where_it_is_wanted_and_never_where_another_dialect_sealed_it() -> None:
    turn = said("assistant", Reasoning("想", bound_to="openai-chat"), Reasoning("no", "s", bound_to="other"), CALL)
    assert "reasoning_content" not in sent(said("user", "q"), turn)["messages"][1]
    wanted = sent(said("user", "q"), turn, quirks=frozenset({"replay_reasoning"}))["messages"][1]
    assert wanted["reasoning_content"] == "想"
    assert wanted["content"] is None


def test_a_refusal_and_an_empty_turn_are_said() -> None:
    messages = sent(said("assistant", Refusal("不")), said("assistant"))["messages"]
    assert messages == [
        {"role": "assistant", "content": None, "refusal": "不"},
        {"role": "assistant", "content": ""},
    ]


def test_settings_are_said_in_its_words() -> None:
    wire = sent(
        tools=(LOOK_UP,),
        tool_choice=ToolChoice("named", "look_up"),
        parallel_tool_calls=False,
        max_output_tokens=5,
        temperature=0.0,
        top_p=0.5,
        top_k=3,
        stop=("END",),
        seed=0,
        user="u",
        stream=True,
        extra={"novelty": 1},
    )
    assert wire["tools"] == [{"type": "function", "function": {"name": "look_up", "description": "查词",
                              "parameters": {"type": "object"}, "strict": False}}]  # fmt: skip
    assert wire["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}
    assert (wire["max_tokens"], wire["temperature"], wire["seed"], wire["stop"]) == (5, 0.0, 0, ["END"])
    assert (wire["stream"], wire["stream_options"]) == (True, {"include_usage": True})
    assert wire["parallel_tool_calls"] is False
    assert wire.keys().isdisjoint({"top_k", "novelty", "reasoning_effort"})


@pytest.mark.parametrize(
    ("quirk", "settings", "name", "value"),
    [
        ("max_completion_tokens", {}, "max_completion_tokens", 100),
        ("no_stream_options", {"stream": True}, "stream_options", None),
        ("tool_choice_auto_only", {"tools": (LOOK_UP,), "tool_choice": ToolChoice("required")}, "tool_choice", "auto"),
        ("no_parallel_tool_calls", {"tools": (LOOK_UP,), "parallel_tool_calls": True}, "parallel_tool_calls", None),
        ("no_sampling", {"temperature": 0.2}, "temperature", None),
        ("no_sampling", {"top_p": 0.2}, "top_p", None),
        ("reasoning_effort", {"reasoning_effort": "low"}, "reasoning_effort", "low"),
        ("reasoning_effort", {"reasoning_budget_tokens": 5000}, "reasoning_effort", "medium"),
        (
            "no_json_schema",
            {"output_format": OutputFormat("json_schema", {"type": "object"})},
            "response_format",
            {"type": "json_object"},
        ),
    ],
)
def test_a_providers_quirk_is_honoured(quirk: str, settings: dict[str, Any], name: str, value: object) -> None:
    assert sent(quirks=frozenset({quirk}), **settings).get(name) == value


def test_a_developer_is_the_system_where_a_provider_knows_no_developer() -> None:
    asked = said("developer", "简短"), said("user", "q")
    assert sent(*asked)["messages"][0]["role"] == "developer"
    assert sent(*asked, quirks=frozenset({"no_developer_role"}))["messages"][0]["role"] == "system"


def test_json_is_named_in_the_instructions_where_nobody_named_it() -> None:
    wire = sent(output_format=OutputFormat("json"))
    assert wire["response_format"] == {"type": "json_object"}
    assert "JSON" in wire["messages"][0]["content"]
    assert len(sent(said("user", "用 json 回答"), output_format=OutputFormat("json"))["messages"]) == 1
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    schema = OutputFormat("json_schema", closed, strict=True)
    assert sent(output_format=schema)["response_format"]["json_schema"] == {
        "name": "answer",
        "schema": closed,
        "strict": True,
    }


def test_cache_markers_go_only_where_they_are_taken() -> None:
    marker = {"cache_control": {"type": "ephemeral"}}
    message, tool = said("system", Text("long", marker)), Tool("f", extra=marker)
    assert "cache_control" not in json.dumps(sent(message, tools=(tool,)))
    wire = sent(message, tools=(tool,), quirks=frozenset({"cache_control"}))
    assert wire["messages"][0]["content"][0]["cache_control"] == marker["cache_control"]
    assert wire["tools"][0]["cache_control"] == marker["cache_control"]


def test_sound_and_files_are_said_and_a_text_file_as_its_text() -> None:
    parts = (
        Media("audio", "audio/mpeg", data="AA"),
        Media("file", "application/pdf", data="BB", name="报告.pdf"),
        Media("file", "text/plain", data="5L2g5aW9", name="a.txt"),
    )
    assert sent(said("user", *parts))["messages"][0]["content"] == [
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        {"type": "file", "file": {"filename": "报告.pdf", "file_data": "data:application/pdf;base64,BB"}},
        {"type": "text", "text": "a.txt\n你好"},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Unknown("anthropic-messages", {"type": "container_upload"}),
        Media("image", file_id="file-1"),
        Media("file", url="https://x/y.pdf"),
        Media("video", "video/mp4", data="AA"),
        Media("audio", "audio/ogg", data="AA"),
        Media("file", "text/plain", data="!"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(part: Part) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(said("user", "q", part))
    assert caught.value.param == "messages[0].parts[1]"


def test_images_of_the_assistant_and_other_makers_tools_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="of the assistant is image"):
        sent(said("assistant", Media("image", url="https://x")))
    with pytest.raises(InvalidRequest, match="another maker's"):
        sent(tools=(Tool("bash", hosted={"type": "bash_20250124"}),))


def test_marks_of_ours_are_taken_out_for_a_provider_of_the_dialect() -> None:
    ours = {"type": "reasoning.encrypted", "data": "x", "format": "entrepot:anthropic-messages"}
    theirs = {"type": "reasoning.encrypted", "data": "y", "format": "anthropic-claude-v1"}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sealed = {**call, "extra_content": {"google": {"thought_signature": "entrepot:gemini-generate:s"}}}
    message = {"role": "assistant", "content": "x", "reasoning_details": [ours, theirs], "tool_calls": [sealed]}
    asked = parse_request(json.dumps({"model": "m", "messages": [message]}).encode())
    assert asked.request.messages[0].parts[-1] == ToolCall("c", "f", "{}", "s", {}, "gemini-generate")
    wire = json.loads(OpenAIChat.render_request(asked, TARGET, None).body)
    assert wire["messages"] == [{**message, "reasoning_details": [theirs], "tool_calls": [call]}]


def test_a_call_id_that_is_too_long_is_shortened_alike_in_the_call_and_its_result() -> None:
    calls = [msgspec.structs.replace(CALL, id=f"tsc_{n}" + "a" * 60) for n in range(2)]
    results = [Message("tool", (ToolResult(call.id, (Text("雨"),)),)) for call in reversed(calls)]
    messages = sent(said("user", "q"), Message("assistant", tuple(calls)), *results)["messages"]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert all(len(each) <= 40 for each in ids)
    assert [message["tool_call_id"] for message in messages[2:]] == ids[::-1]
    assert len(set(ids)) == 2


def test_a_schema_that_openai_cannot_hold_to_is_not_called_strict() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    wire = sent(output_format=OutputFormat("json_schema", loose, strict=True), tools=(Tool("f", None, loose, True),))
    assert wire["response_format"]["json_schema"]["strict"] is False
    assert wire["tools"][0]["function"]["strict"] is False
