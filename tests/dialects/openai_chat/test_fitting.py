"""What a provider declares is honoured alike for a client of this dialect and for one of another."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.canonical.request import Message, OutputFormat, Request, Text, Tool, ToolChoice
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_chat.fitting import fit, wants_thinking
from entrepot.dialects.translation import Translation

QUESTION = [{"role": "user", "content": "问"}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"城市": {"type": "string"}}}


def sent(quirks: str, **fields: Any) -> dict[str, Any]:
    """What a client's request with these fields becomes."""
    body = json.dumps({"model": "m", "messages": QUESTION, **fields}).encode()
    target = Target("https://host", "m", frozenset(quirks.split()))
    read: dict[str, Any] = json.loads(OpenAIChat.render_request(OpenAIChat.parse_request(body), target, None).body)
    return read


def composed(quirks: str, *messages: Message, **settings: Any) -> dict[str, Any]:
    """What the same request of another dialect's client becomes."""
    request = Request("m", messages or (Message("user", (Text("问"),)),), **settings)
    target = Target("https://host", "m", frozenset(quirks.split()))
    read: dict[str, Any] = json.loads(OpenAIChat.render_request(Asked(request, "other", {}), target, None).body)
    return read


@pytest.mark.parametrize(
    ("quirks", "given", "wanted"),
    [
        ("", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 5, "max_completion_tokens": 6}, {"max_completion_tokens": 6}),
        ("", {"max_tokens": 9, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ("", {"max_tokens": None, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ("max_completion_tokens", {"max_tokens": 5, "max_completion_tokens": None}, {"max_completion_tokens": 5}),
        ("temperature_to_1", {"temperature": 1.7}, {"temperature": 1}),
        ("temperature_to_1", {"temperature": 0.3}, {"temperature": 0.3}),
        ("no_sampling", {"temperature": 0.3, "top_p": 0.5, "presence_penalty": 1, "seed": 1}, {"seed": 1}),
        ("no_user", {"user": "u"}, {}),
        ("random_seed", {"seed": 5}, {"random_seed": 5}),
        ("no_stream_options", {"stream": True}, {"stream": True}),
        ("no_parallel_tool_calls", {"tools": [TOOL], "parallel_tool_calls": True}, {"tools": [TOOL]}),
        ("tool_choice_auto_only", {"tools": [TOOL], "tool_choice": "required"}, {"tools": [TOOL], "tool_choice": "auto"}),
        ("tool_choice_auto_only", {"tools": [TOOL], "tool_choice": "none", "parallel_tool_calls": True}, {}),
        (
            "no_required_tool_choice",
            {"tools": [TOOL], "tool_choice": "required"},
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look_up"}}},
        ),
        (
            "no_required_tool_choice",
            {"tools": [TOOL, TOOL], "tool_choice": "required"},
            {"tools": [TOOL, TOOL], "tool_choice": "auto"},
        ),
        ("reasoning_effort", {"reasoning_effort": "medium"}, {"reasoning_effort": "medium"}),
        ("reasoning_effort coarse_effort thinking_type", {"reasoning_effort": "medium"},
         {"reasoning_effort": "high", "thinking": {"type": "enabled"}}),
        ("thinking_type", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("thinking_type", {"reasoning_effort": "low", "thinking": {"type": "auto"}}, {"thinking": {"type": "auto"}}),
        ("enable_thinking", {"reasoning_effort": "high"}, {"enable_thinking": True}),
        ("enable_thinking", {"reasoning_effort": "none", "thinking_budget": 5},
         {"enable_thinking": False, "thinking_budget": 5}),
        ("template_thinking", {"reasoning_effort": "none"}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            "template_thinking",
            {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False, "x": 1}},
            {"chat_template_kwargs": {"enable_thinking": False, "x": 1}},
        ),
    ],
)  # fmt: skip
def test_a_setting_is_said_as_the_provider_takes_it(quirks: str, given: dict[str, Any], wanted: dict[str, Any]) -> None:
    read = sent(quirks, **given)
    stream_options = {"stream_options": read["stream_options"]} if "stream_options" in read else {}
    assert read == {"model": "m", "messages": QUESTION, **stream_options, **wanted}
    assert bool(stream_options) == (given.get("stream") is True and quirks != "no_stream_options")


def test_the_same_is_done_for_a_client_of_another_dialect() -> None:
    tool = Tool("look_up", parameters={"type": "object", "additionalProperties": False}, strict=True)
    read = composed(
        "no_strict_tools no_required_tool_choice temperature_to_1 thinking_type",
        tools=(tool,),
        tool_choice=ToolChoice("required"),
        temperature=2.0,
        reasoning_effort="high",
    )
    assert read["tools"] == [TOOL]
    assert read["tool_choice"]["function"] == {"name": "look_up"}
    assert (read["temperature"], read["thinking"]) == (1, {"type": "enabled"})
    assert composed("enable_thinking", reasoning_budget_tokens=2000) == {
        "model": "m",
        "messages": QUESTION,
        "enable_thinking": True,
        "thinking_budget": 2000,
    }


def test_strict_and_closed_schemas_are_opened_and_a_property_of_that_name_stays() -> None:
    inner = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"additionalProperties": {"type": "string"}},
    }
    parameters = {**inner, "anyOf": [inner], "enum": [{"additionalProperties": 1}]}
    tools = [{"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}, {"type": "x"}]
    (function, other) = sent("no_strict_tools", tools=tools)["tools"]
    opened = {"type": "object", "properties": {"additionalProperties": {"type": "string"}}}
    assert function["function"] == {
        "name": "f",
        "parameters": {**opened, "anyOf": [opened], "enum": [{"additionalProperties": 1}]},
    }
    assert other == {"type": "x"}


def test_a_schema_becomes_words_where_it_is_unknown() -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    for read in (
        sent("no_json_schema", response_format=format_),
        composed("no_json_schema", output_format=OutputFormat("json_schema", SCHEMA)),
    ):
        assert read["response_format"] == {"type": "json_object"}
        assert json.dumps(SCHEMA, ensure_ascii=False, separators=(",", ":")) in read["messages"][0]["content"]
        assert read["messages"][1:] == QUESTION
    assert sent("", response_format=format_)["response_format"] == format_


def test_json_mode_says_the_word_where_nobody_did() -> None:
    format_ = {"type": "json_object"}
    assert "JSON" in sent("", response_format=format_)["messages"][0]["content"]
    asked = [{"role": "user", "content": "用 Json 回答"}]
    assert sent("", response_format=format_, messages=asked)["messages"] == asked


@pytest.mark.parametrize(
    ("settings", "streams"),
    [
        ({"reasoning_effort": "high"}, True),
        ({"enable_thinking": True}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"reasoning_effort": "none"}, False),
        ({}, False),
    ],
)
def test_what_reasons_in_streams_only_is_asked_for_one_and_a_whole_client_gets_it_whole(
    settings: dict[str, Any], streams: bool
) -> None:
    quirks = "enable_thinking thinking_streams_only"
    read = sent(quirks, **settings)
    assert read.get("stream", False) is streams
    assert read.get("enable_thinking", True) is streams
    body = json.dumps({"model": "m", "messages": QUESTION, **settings}).encode()
    asked, target = OpenAIChat.parse_request(body), Target("https://host", "m", frozenset(quirks.split()))
    relay = OpenAIChat.open_relay(asked, target)
    assert (relay is None) is streams
    other = Asked(Request("m", (Message("user", (Text("问"),)),), reasoning_effort="high"), "other", {})
    assert OpenAIChat.open_relay(other, target) is None
    if streams:
        whole = Translation(OpenAIChat.open_parser(asked, target), OpenAIChat.open_renderer(asked, 1))
        frames = (
            b'data: {"id": "c", "choices": [{"index": 0, "delta": {"reasoning_content": "\xe6\x83\xb3"}}]}\n\n'
            b'data: {"choices": [{"index": 0, "delta": {"content": "\xe7\xad\x94"}, "finish_reason": "stop"}]}\n\n'
            b"data: [DONE]\n\n"
        )
        message = json.loads(whole.feed(frames).data)["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("答", "想")


def test_a_request_that_needs_no_fitting_keeps_its_bytes() -> None:
    raw = msgspec.Raw(b'[{"role":"user","content":"x","huge":1e400}]')
    fields = fit({"messages": raw, "seed": 1}, frozenset({"max_completion_tokens", "temperature_to_1"}))
    assert fields == {"messages": raw, "seed": 1}
    assert not wants_thinking(fields)
