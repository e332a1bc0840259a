from __future__ import annotations

import base64
from typing import Any

import pytest

from entrepot.canonical.request import Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.errors import InvalidRequest
from tests.dialects.ollama_chat.asking import CALL, HI, RESULT, WEATHER, body, user

IMAGE = Media("image", "image/png", data="QUJD")


def said(*messages: Message) -> Any:
    return body(*messages, tools=(WEATHER,))["messages"]


def test_texts_are_joined_and_instructions_stay_where_they_are() -> None:
    messages = said(Message("developer", (Text("简短"),)), user(Text("a"), Text("b")), Message("system", (Text("s"),)))
    assert messages == [
        {"role": "system", "content": "简短"},
        {"role": "user", "content": "a\nb"},
        {"role": "system", "content": "s"},
    ]


def test_images_are_beside_the_text() -> None:
    assert said(user(Text("看"), IMAGE, IMAGE)) == [{"role": "user", "content": "看", "images": ["QUJD", "QUJD"]}]
    assert said(user(IMAGE)) == [{"role": "user", "content": "", "images": ["QUJD"]}]


def test_a_text_file_is_sent_as_its_text_behind_its_name() -> None:
    data = base64.b64encode("一,二".encode()).decode()
    assert said(user(Media("file", "text/csv", data=data, name="表.csv")))[0]["content"] == "表.csv:\n一,二"
    assert said(user(Media("file", "application/json", data=data)))[0]["content"] == "一,二"


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Media("image", "image/png", url="https://example.com/cat.png"), "fetches nothing"),
        (Media("image", file_id="file-1"), "fetches nothing"),
        (Media("file", "application/pdf", data="QUJD"), "application/pdf"),
        (Media("file", "text/plain", data="/w=="), "UTF-8"),
        (Media("file", "text/plain", data="!"), "UTF-8"),
        (Media("audio", "audio/wav", data="QUJD"), "audio"),
        (Unknown("another-dialect", {"type": "hologram"}), "hologram"),
        (ToolCall("a", "b", "{}"), "toolcall"),
    ],
)
def test_what_ollama_cannot_be_told_is_refused_by_name(part: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        said(user(Text("look"), part))
    assert caught.value.param == "messages[0].parts[1]"


def test_calls_are_objects_and_results_name_their_tool() -> None:
    # Quirk 11: no ids on the wire; results are matched by name.
    messages = said(HI, CALL, RESULT)
    assert messages[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call_1", "function": {"index": 0, "name": "get_weather", "arguments": {"city": "北京"}}}
        ],
    }
    assert messages[2] == {"role": "tool", "tool_name": "get_weather", "tool_call_id": "call_1", "content": "晴"}


def test_parallel_calls_and_their_results_keep_their_order() -> None:
    calls = Message("assistant", (ToolCall("a", "get_weather", "{}"), ToolCall("b", "other", "broken")))
    results = user(ToolResult("a", (Text("1"), IMAGE)), ToolResult("b", (Text("2"),), is_error=True), Text("谢谢"))
    messages = said(HI, calls, results)
    assert [call["function"]["index"] for call in messages[1]["tool_calls"]] == [0, 1]
    assert messages[1]["tool_calls"][1]["function"]["arguments"] == {"invalid_json": "broken"}
    assert messages[2]["images"] == ["QUJD"]
    assert messages[3]["content"] == "error:\n2"
    assert messages[4] == {"role": "user", "content": "谢谢"}


def test_a_result_of_a_call_that_was_not_made_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        said(HI, RESULT)
    assert caught.value.param == "messages[1].parts[0]"


@pytest.mark.parametrize(
    ("part", "thinking"),
    [
        (Reasoning("想", bound_to="ollama-chat"), "想"),
        (Reasoning("想"), "想"),
        (Reasoning("想", bound_to="openai-chat"), "想"),
        (Reasoning("想", "sig", bound_to="anthropic-messages"), None),
        (Reasoning("想", bound_to="anthropic-messages"), None),
        (Reasoning("", "opaque", True, "ollama-chat"), None),
    ],
)
def test_reasoning_that_nothing_seals_is_replayed(part: Reasoning, thinking: str | None) -> None:
    messages = said(HI, Message("assistant", (part, Text("好"))))
    assert messages[1].get("thinking") == thinking
    assert messages[1]["content"] == "好"


def test_a_refusal_is_the_text_it_is_and_empty_messages_are_left_out() -> None:
    messages = said(HI, Message("assistant", (Refusal("不行"),)), Message("user", ()))
    assert messages[1:] == [{"role": "assistant", "content": "不行"}]
    with pytest.raises(InvalidRequest, match="every message is empty"):
        said(Message("user", ()))
