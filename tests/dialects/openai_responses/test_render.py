from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response as SdkResponse

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.dialects.base import Asked
from tests.dialects.openai_responses.asking import DIALECT, ask


def rendered(asked: Asked, *parts: Part, reason: FinishReason = "stop", usage: Usage | None = None) -> dict[str, Any]:
    response = Response("cmpl-1", "claimed", 7, (Choice(0, parts, reason),), usage, dialect="openai-chat")
    body: dict[str, Any] = json.loads(DIALECT.open_renderer(asked, 1).render(unfold(response)))
    SdkResponse.model_validate(body)
    return body


def test_text_and_a_call_are_items_with_ids_of_the_answer() -> None:
    body = rendered(
        ask(), Text("我查"), ToolCall("c1", "f", '{"q": 1}'), reason="tool_calls", usage=Usage(3, 2, 0, 4, 1)
    )
    assert (body["id"], body["object"], body["created_at"], body["model"]) == ("resp_cmpl-1", "response", 7, "claimed")
    assert body["output"] == [
        {
            "id": "msg_entrepot_cmpl-1_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "我查", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_entrepot_cmpl-1_0",
            "type": "function_call",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"q": 1}',
            "status": "completed",
        },
    ]
    assert body["usage"]["input_tokens_details"]["cached_tokens"] == 2
    assert body["usage"]["output_tokens"] == 5
    assert body["store"] is False


def test_the_settings_of_the_request_are_repeated() -> None:
    asked = ask(
        instructions="简短",
        metadata={"k": "值"},
        tools=[{"type": "function", "name": "f"}],
        temperature=0.3,
        tool_choice="required",
    )
    body = rendered(asked, Text("a"))
    assert (body["instructions"], body["metadata"]) == ("简短", {"k": "值"})
    assert (body["temperature"], body["tool_choice"], body["top_p"]) == (0.3, "required", 1.0)
    assert body["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": False}
    ]


def test_reasoning_of_another_dialect_says_whose_it_is() -> None:
    body = rendered(ask(), Reasoning("想", bound_to="openai-chat"), Reasoning("", "sig", True, "anthropic-messages"))
    first, second = body["output"]
    assert first["summary"] == [{"type": "summary_text", "text": "想"}]
    assert first["encrypted_content"] == "entrepot:openai-chat:"
    assert (second["summary"], second["encrypted_content"]) == ([], "entrepot:anthropic-messages:sig")


def test_a_calls_own_signature_stands_before_it() -> None:
    body = rendered(ask(), ToolCall("c", "f", "{}", "sig", {}, "gemini-generate"))
    assert [item["type"] for item in body["output"]] == ["reasoning", "function_call"]
    assert body["output"][0]["encrypted_content"] == "entrepot-call:gemini-generate:sig"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input": "a \\"b\\""}', 'a "b"'), ("not json", "not json"), ("[1]", "[1]"), ('{"x": 1}', '{"x": 1}')],
)
def test_a_custom_tools_call_is_free_text_again(arguments: str, text: str) -> None:
    (item,) = rendered(ask(tools=[{"type": "custom", "name": "patch"}]), ToolCall("c", "patch", arguments))["output"]
    assert (item["type"], item["input"], item["call_id"]) == ("custom_tool_call", text, "c")


def test_texts_that_follow_one_another_are_one_with_their_citations_in_place() -> None:
    cited = {"citations": [{"url": "https://a.example", "title": "甲"}, {"cited_text": "no address"}]}
    (item,) = rendered(ask(), Text("你好，"), Text("世界", cited), Refusal("不行"))["output"]
    text, refusal = item["content"]
    assert text["text"] == "你好，世界"
    assert text["annotations"] == [
        {"type": "url_citation", "url": "https://a.example", "title": "甲", "start_index": 3, "end_index": 5}
    ]
    assert refusal == {"type": "refusal", "refusal": "不行"}


def test_an_image_is_given_and_what_has_no_words_is_left_out() -> None:
    image = Media("image", "image/png", data="AAAA")
    body = rendered(ask(), image, Media("audio", data="B"), Unknown("anthropic-messages", {"type": "x"}))
    assert [(item["type"], item["result"]) for item in body["output"]] == [("image_generation_call", "AAAA")]


@pytest.mark.parametrize(
    ("reason", "parts", "status", "why"),
    [
        ("stop", (Text("a"),), "completed", None),
        ("tool_calls", (ToolCall("c", "f", "{}"),), "completed", None),
        ("length", (Text("a"),), "incomplete", "max_output_tokens"),
        ("pause", (Text("a"),), "incomplete", "max_output_tokens"),
        ("content_filter", (), "incomplete", "content_filter"),
        ("refusal", (Text("a"),), "incomplete", "content_filter"),
        ("refusal", (Refusal("no"),), "completed", None),
        ("unknown", (Text("a"),), "completed", None),
    ],
)
def test_how_it_ended_is_its_status(
    reason: FinishReason, parts: tuple[Part, ...], status: str, why: str | None
) -> None:
    body = rendered(ask(), *parts, reason=reason)
    assert body["status"] == status
    assert body["incomplete_details"] == (None if why is None else {"reason": why})
