"""What providers of this dialect answer 400 to, each by its name, and the settings that are downgraded."""

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
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.errors import InvalidRequest

TARGET = Target("https://provider.example/v1", "claude")
OWN = "anthropic-messages"
LOOK_UP = Tool("look_up", "查词", {"type": "object", "properties": {}})


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def sent(*messages: Message, quirks: frozenset[str] = frozenset(), **settings: Any) -> dict[str, Any]:
    request = Request("m", messages or (said("user", "你好"),), **{"max_output_tokens": 4096, **settings})
    target = msgspec.structs.replace(TARGET, quirks=quirks)
    wire = AnthropicMessages.render_request(Asked(request, "openai-chat", {}), target, None)
    assert wire.url == "https://provider.example/v1/messages"
    assert (b"anthropic-version", b"2023-06-01") in wire.headers
    decoded: dict[str, Any] = json.loads(wire.body)
    return decoded


def refused(*messages: Message, **settings: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        sent(*messages, **settings)
    return caught.value


CALL = ToolCall("c1", "look_up", "{}")
CALLED = (said("user", "q"), said("assistant", CALL))


def test_a_limit_is_always_sent_and_one_that_nobody_knows_is_refused() -> None:
    request = Request("m", (said("user", "x"),))
    asked = Asked(request, "openai-chat", {})
    assert json.loads(AnthropicMessages.render_request(asked, TARGET, 77).body)["max_tokens"] == 77
    known = msgspec.structs.replace(TARGET, max_output_tokens=99)
    assert json.loads(AnthropicMessages.render_request(asked, known, None).body)["max_tokens"] == 99
    with pytest.raises(InvalidRequest, match="none is known") as caught:
        AnthropicMessages.render_request(asked, TARGET, None)
    assert caught.value.param == "max_tokens"


def test_system_and_developer_are_hoisted_in_their_order() -> None:
    wire = sent(said("system", "一"), said("user", "q"), said("developer", "二"))
    assert wire["system"] == [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]
    assert [message["role"] for message in wire["messages"]] == ["user"]


def test_instructions_alone_are_the_users_turn() -> None:
    wire = sent(said("system", "Say hello."))
    assert "system" not in wire
    assert wire["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]


def test_tool_results_are_merged_into_one_user_turn_before_its_text() -> None:
    calls = said("assistant", CALL, ToolCall("c2", "look_up", '{"q": 1}'))
    one, two = said("tool", ToolResult("c1", (Text("1"),))), said("tool", ToolResult("c2", (Text("2"),), is_error=True))
    wire = sent(said("user", "q"), calls, one, two, said("user", "and?"), tools=(LOOK_UP,))
    assert [message["role"] for message in wire["messages"]] == ["user", "assistant", "user"]
    last = wire["messages"][-1]["content"]
    assert [block["type"] for block in last] == ["tool_result", "tool_result", "text"]
    assert [block.get("is_error") for block in last] == [None, True, None]


def test_of_two_results_of_one_call_the_last_counts() -> None:
    results = (said("tool", ToolResult("c1", (Text("old"),))), said("tool", ToolResult("c1", (Text("new"),))))
    content = sent(*CALLED, *results)["messages"][-1]["content"]
    assert content == [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "new"}]}]


def test_a_result_without_its_call_is_refused_by_name() -> None:
    error = refused(said("user", "q"), said("tool", ToolResult("c9", (Text("x"),))))
    assert error.param == "messages[1].parts[0]"
    assert "'c9'" in error.message


def test_a_call_without_its_result_is_refused_by_name() -> None:
    assert refused(*CALLED, said("user", "well?")).param == "messages[1]"


def test_a_result_may_hold_images() -> None:
    shown = ToolResult("c1", (Text("见图"), Media("image", "image/png", data="AAAA")))
    block = sent(*CALLED, said("tool", shown))["messages"][-1]["content"][0]
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert block["content"] == [{"type": "text", "text": "见图"}, {"type": "image", "source": source}]


def test_call_ids_and_tool_names_are_made_to_fit_and_found_again() -> None:
    tools = (Tool("查天气", parameters={}), Tool("查时间", parameters={}), Tool("fine", parameters={}))
    called = said("assistant", ToolCall("functions.x:0", "查天气", "{}"), ToolCall("functions_x_0", "fine", "{}"))
    results = [said("tool", ToolResult(id_, ())) for id_ in ("functions.x:0", "functions_x_0")]
    request = Request("m", (said("user", "q"), called, *results), tools=tools, max_output_tokens=9)
    asked = Asked(request, "openai-chat", {})
    wire = json.loads(AnthropicMessages.render_request(asked, TARGET, None).body)
    names = [tool["name"] for tool in wire["tools"]]
    assert len(set(names)) == 3
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)
    ids = [block["id"] for block in wire["messages"][1]["content"]]
    assert len(set(ids)) == 2
    assert ids == [block["tool_use_id"] for block in wire["messages"][2]["content"]]
    answer = {"type": "message", "id": "i", "model": "c", "stop_reason": "tool_use", "usage": {},
              "content": [{"type": "tool_use", "id": "t", "name": names[1], "input": {}}]}  # fmt: skip
    parser = AnthropicMessages.open_parser(asked, TARGET)
    events = [*parser.feed(json.dumps(answer).encode()), *parser.close()]
    assert "查时间" in [getattr(event, "name", None) for event in events]


def test_empty_text_is_left_out_and_the_last_assistant_turn_does_not_end_in_white_space() -> None:
    wire = sent(said("user", "q", "", " \n"), said("assistant", "The answer is \n"))
    assert wire["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "The answer is"}]},
    ]


def test_neighbours_of_one_role_are_merged_and_nothing_is_invented() -> None:
    assert [m["role"] for m in sent(said("user", "a"), said("user", "b"))["messages"]] == ["user"]
    assert refused(said("assistant", "hi"), said("user", "q")).param == "messages[0]"
    assert refused(said("user", " ")).param == "messages"


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("named", "look_up"), None, {"type": "tool", "name": "look_up"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice_is_said_in_its_words(choice: ToolChoice | None, parallel: bool | None, wire: Any) -> None:
    assert sent(tools=(LOOK_UP,), tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == wire
    assert "tool_choice" not in sent(tool_choice=choice, parallel_tool_calls=parallel)


def test_thinking_gives_way_to_a_forced_call_and_takes_sampling_away() -> None:
    forced = sent(tools=(LOOK_UP,), tool_choice=ToolChoice("required"), reasoning_effort="high")
    assert "thinking" not in forced
    thinking = sent(reasoning_effort="high", temperature=0.5, top_p=0.9)
    assert thinking["thinking"] == {"type": "adaptive"}
    assert thinking["output_config"] == {"effort": "high"}
    assert thinking.keys().isdisjoint({"temperature", "top_p", "top_k"})
    assert sent(reasoning_effort="none", temperature=0.5)["temperature"] == 0.5
    assert sent(temperature=1.7, top_p=0.9).get("top_p") is None
    assert sent(temperature=1.7)["temperature"] == 1.0


def test_the_limit_exceeds_the_thinking_budget() -> None:
    quirks = frozenset({"thinking_budget"})
    assert sent(quirks=quirks, reasoning_effort="high")["thinking"] == {"type": "enabled", "budget_tokens": 4095}
    assert sent(quirks=quirks, reasoning_budget_tokens=2000)["thinking"]["budget_tokens"] == 2000
    assert "thinking" not in sent(quirks=quirks, reasoning_effort="high", max_output_tokens=1000)


def test_a_budget_is_left_out_in_a_tool_loop_whose_thinking_cannot_be_replayed() -> None:
    quirks, result = frozenset({"thinking_budget"}), said("tool", ToolResult("c1", (Text("x"),)))
    assert "thinking" not in sent(*CALLED, result, quirks=quirks, reasoning_effort="low")
    sealed = said("assistant", Reasoning("hm", "sig", bound_to=OWN), CALL)
    assert "thinking" in sent(said("user", "q"), sealed, result, quirks=quirks, reasoning_effort="low")


def test_thinking_is_replayed_unchanged_before_its_call_and_only_to_whom_sealed_it() -> None:
    turn = said(
        "assistant",
        Reasoning("想", "sig", bound_to=OWN),
        Reasoning("", "opaque", redacted=True, bound_to=OWN),
        Reasoning("theirs", "sig", bound_to="gemini-generate"),
        Reasoning("unsealed", bound_to="openai-chat"),
        CALL,
    )
    content = sent(said("user", "q"), turn, said("tool", ToolResult("c1", ())))["messages"][1]["content"]
    assert content == [
        {"type": "thinking", "thinking": "想", "signature": "sig"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "tool_use", "id": "c1", "name": "look_up", "input": {}},
    ]


def test_images_go_as_base64_where_addresses_are_not_taken() -> None:
    by_address = said("user", Media("image", url="https://x/y.png"))
    assert sent(by_address)["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://x/y.png"}
    with pytest.raises(InvalidRequest, match="wants the data itself"):
        sent(by_address, quirks=frozenset({"no_image_urls"}))


@pytest.mark.parametrize(
    "part",
    [
        Media("audio", "audio/wav", data="AAAA"),
        Media("image", "image/bmp", data="AAAA"),
        Media("file", file_id="file-1"),
        Media("file", "application/zip", data="AAAA"),
        Media("file", "text/plain", data="!"),
    ],
)
def test_media_that_cannot_be_said_are_refused_by_name(part: Media) -> None:
    assert refused(said("user", "q", part)).param == "messages[0].parts[1]"


def test_documents_are_said_as_data_and_as_text() -> None:
    pdf, text = Media("file", "application/pdf", data="AAAA", name="报告"), Media("file", "text/plain", data="5L2g5aW9")
    content = sent(said("user", pdf, text))["messages"][0]["content"]
    assert content[0]["title"] == "报告"
    assert content[1]["source"] == {"type": "text", "media_type": "text/plain", "data": "你好"}


def test_cache_markers_are_kept_on_text_media_tools_and_results() -> None:
    marker = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    system = said("system", Text("long", marker))
    image = Media("image", url="https://x/y", extra=marker)
    result = said("tool", ToolResult("c1", (Text("x"),), extra=marker))
    tool = Tool("look_up", parameters={"type": "object"}, extra=marker)
    wire = sent(system, said("user", image), said("assistant", CALL), result, tools=(tool,))
    marked = [wire["system"][0], wire["messages"][0]["content"][0], wire["messages"][2]["content"][0], wire["tools"][0]]
    assert [each["cache_control"] for each in marked] == [marker["cache_control"]] * 4


def test_a_schema_is_closed_and_json_without_one_is_asked_for_in_words() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "object", "additionalProperties": {"type": "string"}}}}
    schema = {"type": "object", "properties": {"a": inner}}
    format_ = sent(output_format=OutputFormat("json_schema", schema))["output_config"]["format"]
    assert format_["schema"]["additionalProperties"] is False
    assert format_["schema"]["properties"]["a"]["additionalProperties"] is False
    assert format_["schema"]["properties"]["a"]["properties"]["b"]["additionalProperties"] == {"type": "string"}
    assert "additionalProperties" not in schema
    assert "JSON" in sent(output_format=OutputFormat("json"))["system"][0]["text"]
    in_words = sent(output_format=OutputFormat("json_schema", schema), quirks=frozenset({"no_output_format"}))
    assert '"properties"' in in_words["system"][0]["text"]


def test_other_settings() -> None:
    wire = sent(stop=("END", " \n"), user="u-1", stream=True, top_k=5, top_p=0.5, seed=7, tools=(LOOK_UP,))
    assert wire["stop_sequences"] == ["END"]
    assert wire["metadata"] == {"user_id": "u-1"}
    assert (wire["stream"], wire["top_k"], wire["top_p"]) == (True, 5, 0.5)
    assert "seed" not in wire
    assert refused(n=2).param == "n"
    assert refused(tools=(Tool("web_search", hosted={"type": "web_search"}),)).param == "tools[0]"


def test_a_client_of_the_dialect_is_passed_on_field_by_field() -> None:
    body = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "novelty": {"a": 1}}
    asked = AnthropicMessages.parse_request(json.dumps(body).encode())
    assert json.loads(AnthropicMessages.render_request(asked, TARGET, None).body) == {**body, "model": "claude"}


def test_marks_of_ours_are_taken_out_for_a_provider_of_the_dialect() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": "entrepot:gemini-generate:sig"},
        {"type": "thinking", "thinking": "b", "signature": "its own"},
        {"type": "redacted_thinking", "data": "entrepot-call:gemini-generate:sig"},
        {"type": "text", "text": "t"},
    ]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}]
    asked = AnthropicMessages.parse_request(json.dumps({"model": "m", "max_tokens": 5, "messages": messages}).encode())
    wire = json.loads(AnthropicMessages.render_request(asked, TARGET, None).body)
    assert wire["messages"][1]["content"] == [blocks[1], blocks[3]]


@pytest.mark.parametrize(
    ("signature", "thinking"),
    [("entrepot:gemini-generate:sig", {"type": "disabled"}), ("own", {"type": "enabled", "budget_tokens": 1024})],
)
def test_a_tool_loop_that_loses_its_thinking_is_gone_on_with_without(signature: str, thinking: dict[str, Any]) -> None:
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": signature},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]
    body = {
        "model": "m",
        "max_tokens": 5000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "z", "signature": "entrepot:a:"}]},
            {"role": "user", "content": "y"},
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
        ],
    }
    asked = AnthropicMessages.parse_request(json.dumps(body).encode())
    wire = json.loads(AnthropicMessages.render_request(asked, TARGET, None).body)
    assert wire["thinking"] == thinking
    assert all(message["content"] for message in wire["messages"])


VERTEX = Target(
    "https://europe-west1-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west1/publishers/anthropic",
    "claude-sonnet-4-5@20250929",
    quirks=frozenset({"vertex", "no_image_urls"}),
)


@pytest.mark.parametrize(("stream", "action"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_quirk_34_on_vertex_the_model_is_in_the_address_and_the_version_in_the_body(stream: bool, action: str) -> None:
    request = Request(model="m", messages=(said("user", "你好"),), max_output_tokens=9, stream=stream)
    wire = AnthropicMessages.render_request(Asked(request, "openai-chat", {}), VERTEX, None)
    assert wire.url == f"{VERTEX.base_url}/models/claude-sonnet-4-5@20250929:{action}"
    body = json.loads(wire.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    assert body.get("stream", False) is stream
    assert [name for name, _ in wire.headers] == [b"content-type"]


def test_quirk_34_on_vertex_an_image_by_address_is_refused_by_name() -> None:
    image = Media(kind="image", url="https://pictures.example/1.png")
    request = Request(model="m", messages=(Message("user", (image,)),), max_output_tokens=9)
    with pytest.raises(InvalidRequest) as refused:
        AnthropicMessages.render_request(Asked(request, "openai-chat", {}), VERTEX, None)
    assert refused.value.param == "messages[0].parts[0]"


@pytest.mark.parametrize(
    ("asked_for", "sent_version"), [("2023-06-01", "vertex-2023-10-16"), ("2026-10-21", "2026-10-21")]
)
def test_on_vertex_a_clients_own_version_goes_into_the_body_and_its_betas_stay(
    asked_for: str, sent_version: str
) -> None:
    body = b'{"model": "x", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "later": [1]}'
    headers = {b"anthropic-version": asked_for.encode(), b"anthropic-beta": b"context-1m"}
    asked = AnthropicMessages.parse_request(body, Envelope(headers=headers))
    wire = AnthropicMessages.render_request(asked, VERTEX, None)
    said_there = json.loads(wire.body)
    assert (said_there["anthropic_version"], said_there["later"]) == (sent_version, [1])
    assert "model" not in said_there
    assert (b"anthropic-beta", b"context-1m") in wire.headers
    assert not any(name == b"anthropic-version" for name, _ in wire.headers)


def test_the_objects_of_a_strict_tool_are_closed_as_the_provider_demands() -> None:
    open_schema = {"type": "object", "properties": {"甲": {"type": ["object", "null"]}}}
    strict, loose = sent(tools=(Tool("f", None, open_schema, True), Tool("g", None, open_schema)))["tools"]
    assert strict["input_schema"]["additionalProperties"] is False
    assert strict["input_schema"]["properties"]["甲"]["additionalProperties"] is False
    assert loose["input_schema"] == open_schema
