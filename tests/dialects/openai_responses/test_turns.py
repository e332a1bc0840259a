from __future__ import annotations

import base64

import pytest

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.openai_responses.turns import Item, render_turns, short_call_id
from entrepot.errors import InvalidRequest

NONE: frozenset[str] = frozenset()


def items(*messages: Message, quirks: frozenset[str] = NONE) -> list[Item]:
    return render_turns(Request("m", messages), quirks, None)[1]


def said(*parts: Part, quirks: frozenset[str] = NONE) -> list[Item]:
    return items(Message("user", (Text("?"),)), Message("assistant", parts), quirks=quirks)[1:]


def test_leading_instructions_are_instructions_and_later_ones_are_messages() -> None:
    system, later = Message("system", (Text("一"),)), Message("developer", (Text("二"),))
    instructions, rendered = render_turns(
        Request("m", (system, later, Message("user", (Text("?"),)), later)), NONE, "JSON"
    )
    assert instructions == "一\n\n二\n\nJSON"
    assert [item["role"] for item in rendered] == ["user", "developer"]


def test_instructions_alone_are_what_is_to_be_answered() -> None:
    instructions, rendered = render_turns(Request("m", (Message("system", (Text("一"),)),)), NONE, None)
    assert instructions is None
    assert rendered == [{"type": "message", "role": "system", "content": [{"type": "input_text", "text": "一"}]}]


def test_what_an_assistant_did_is_an_item_for_each_part_in_its_order() -> None:
    parts = (Text("a"), ToolCall("c", "f", ""), Text("b"), Refusal("no"))
    assert said(*parts) == [
        {"type": "message", "role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}],
        },
    ]


def test_reasoning_goes_back_where_it_was_sealed_and_nowhere_else() -> None:
    ours = Reasoning("想", "gAAA", bound_to="openai-responses")
    assert said(ours, Text("a"))[0] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "想"}],
        "encrypted_content": "gAAA",
    }
    theirs = Reasoning("想", "sig", bound_to="anthropic-messages")
    assert [item["type"] for item in said(theirs, Text("a"))] == ["message"]


def test_reasoning_without_a_seal_goes_back_to_a_provider_that_wants_it() -> None:
    ours = Reasoning("想", bound_to="openai-responses")
    assert [item["type"] for item in said(ours, Text("a"))] == ["message"]
    (item, _) = said(ours, Text("a"), quirks=frozenset({"replay_reasoning"}))
    assert item == {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "想"}]}


def test_a_tools_result_with_an_image_is_a_list() -> None:
    result = ToolResult("c", (Text("见图"), Media("image", "image/png", data="AAAA")), is_error=True)
    (item,) = items(Message("tool", (result,)))
    assert item["output"] == [
        {"type": "input_text", "text": "[error]"},
        {"type": "input_text", "text": "见图"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
    ]


def test_a_tools_result_of_text_is_a_text() -> None:
    (item,) = items(Message("tool", (ToolResult("c", (Text("晴"), Text("25℃"))),)))
    assert item == {"type": "function_call_output", "call_id": "c", "output": "晴\n25℃"}


def test_a_call_and_its_result_keep_one_id_however_long_it_was() -> None:
    long = "resp_" + "x" * 80
    (call,) = said(ToolCall(long, "f", "{}"))
    (result,) = items(Message("tool", (ToolResult(long, (Text("1"),)),)))
    assert call["call_id"] == result["call_id"] == short_call_id(long)
    assert len(call["call_id"]) <= 64
    assert short_call_id("call_1") == "call_1"


def test_files_and_sounds_are_said_as_the_dialect_has_them() -> None:
    text = base64.b64encode("表格".encode()).decode()
    parts = (
        Media("file", "application/pdf", data="AAAA", name="一.pdf"),
        Media("file", url="https://a.example/b.pdf"),
        Media("file", "text/csv", data=text, name="t.csv"),
        Media("audio", "audio/wav", data="BBBB"),
    )
    (item,) = items(Message("user", parts))
    assert item["content"] == [
        {"type": "input_file", "filename": "一.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
        {"type": "input_text", "text": "t.csv\n表格"},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Media("file", file_id="file-1"), "another provider keeps"),
        (Media("video", url="https://a.example/v.mp4"), "video by address"),
        (Media("audio", "audio/ogg", data="A"), "audio of the type 'audio/ogg'"),
        (Media("file", "text/plain", data="?"), "not UTF-8 text"),
        (Unknown("another-dialect", {"type": "hologram"}), "hologram"),
    ],
)
def test_content_that_cannot_be_said_is_refused_by_its_place(part: Part, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        items(Message("user", (Text("look"), part)))
    assert caught.value.param == "messages[0].parts[1]"


def test_items_of_its_own_that_have_no_name_go_back_as_they_were() -> None:
    call, output = {"type": "web_search_call", "id": "ws_1"}, {"type": "computer_call_output", "call_id": "c"}
    rendered = items(
        Message("assistant", (Unknown("openai-responses", call),)),
        Message("user", (Unknown("openai-responses", output),)),
    )
    assert rendered == [call, output]
