from __future__ import annotations

import pytest

from entrepot.canonical.request import Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.dialects.openai_responses.items import Item, messages_of, reasoning_text
from entrepot.dialects.seal import seal, seal_call

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"q": "天气"}'}


def said(text: str) -> Item:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def test_what_the_model_did_between_two_words_of_others_is_one_message() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "晴"}
    assert messages_of([{"role": "user", "content": "?"}, reasoning, said("我查一下"), CALL, output]) == (
        Message("user", (Text("?"),)),
        Message(
            "assistant",
            (
                Reasoning("", "gAAA", True, "openai-responses"),
                Text("我查一下"),
                ToolCall("c1", "f", '{"q": "天气"}'),
            ),
        ),
        Message("tool", (ToolResult("c1", (Text("晴"),)),)),
    )


def test_text_that_follows_text_is_another_message_but_never_between_a_call_and_its_result() -> None:
    assert [len(message.parts) for message in messages_of([said("a"), said("b"), CALL, said("c")])] == [1, 3]


def test_a_tools_result_holds_images_and_files() -> None:
    output = [
        {"type": "input_text", "text": "as seen"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "https://a.example/b.png"},
        {"type": "input_file", "filename": "一.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        {"type": "input_file", "file_url": "https://a.example/c.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]
    (message,) = messages_of([{"type": "function_call_output", "call_id": "c", "output": output}])
    (result,) = message.parts
    assert isinstance(result, ToolResult)
    assert result.parts == (
        Text("as seen"),
        Media("image", "image/png", data="AAAA", detail="low"),
        Media("image", url="https://a.example/b.png"),
        Media("file", "application/pdf", data="BBBB", name="一.pdf"),
        Media("file", url="https://a.example/c.pdf"),
        Media("file", file_id="file-1"),
    )


def test_sound_and_refusals_are_parts() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "不行"}]}
    assert messages_of([{"role": "user", "content": [audio]}, refusal]) == (
        Message("user", (Media("audio", "audio/mpeg", data="AAAA"),)),
        Message("assistant", (Refusal("不行"),)),
    )


def test_reasoning_is_read_from_its_summaries_and_its_content() -> None:
    item = {
        "summary": [{"type": "summary_text", "text": "一"}, {"type": "summary_text", "text": "二"}],
        "content": [{"type": "reasoning_text", "text": "三"}],
    }
    assert reasoning_text(item) == "一\n\n二\n\n三"


@pytest.mark.parametrize("bound_to", ["openai-chat", "anthropic-messages"])
def test_reasoning_that_another_dialects_provider_sealed_is_known_for_that(bound_to: str) -> None:
    kept = {"type": "reasoning", "summary": [], "encrypted_content": seal("sig", bound_to, "openai-responses")}
    (message,) = messages_of([kept])
    assert message.parts == (Reasoning("", "sig", True, bound_to),)


def test_reasoning_of_ours_without_its_seal_is_anybodys() -> None:
    kept = {"type": "reasoning", "id": "rs_entrepot_1_0", "summary": [{"type": "summary_text", "text": "想"}]}
    assert messages_of([kept])[0].parts == (Reasoning("想"),)


def test_a_calls_signature_comes_back_from_the_item_before_it() -> None:
    kept = {"type": "reasoning", "summary": [], "encrypted_content": seal_call("sig", "gemini-generate")}
    assert messages_of([kept, CALL])[0].parts == (ToolCall("c1", "f", '{"q": "天气"}', "sig", {}, "gemini-generate"),)


def test_a_custom_tools_call_and_result_are_those_of_a_function_of_one_text() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": 'a "b"\n三'}
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": "done"}
    assert messages_of([call, output]) == (
        Message("assistant", (ToolCall("c", "patch", '{"input": "a \\"b\\"\\n三"}'),)),
        Message("tool", (ToolResult("c", (Text("done"),)),)),
    )


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("web_search_call", "assistant"),
        ("tool_search_output", "assistant"),
        ("compaction", "assistant"),
        ("item_reference", "assistant"),
        ("computer_call_output", "user"),
        ("mcp_approval_response", "user"),
    ],
)
def test_an_item_of_a_kind_that_is_not_known_is_kept_whole(kind: str, role: str) -> None:
    item = {"type": kind, "id": "x", "anything": [1]}
    assert messages_of([item]) == (Message(role, (Unknown("openai-responses", item),)),)  # type: ignore[arg-type]  # a Role
