from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Request
from entrepot.dialects.base import Envelope
from entrepot.dialects.registry import CLIENT_DIALECTS
from entrepot.exchange.circumstance import has_unreadable, tools_of

FUNCTION = {"type": "function", "name": "look_up", "parameters": {}}


def read(dialect: str, **fields: Any) -> Request:
    path = "/v1beta/models/m:generateContent" if dialect == "gemini-generate" else "/v1/x"
    body = fields if dialect == "gemini-generate" else {"model": "m", **fields}
    return CLIENT_DIALECTS[dialect].parse_request(json.dumps(body).encode(), Envelope(path, "", {})).request


def chat(*parts: dict[str, Any]) -> Request:
    return read("openai-chat", messages=[{"role": "user", "content": list(parts)}])


@pytest.mark.parametrize(
    "request_",
    [
        chat({"type": "image_url", "image_url": {"url": "https://a.cn/b.png"}}),
        chat({"type": "video_url", "video_url": {"url": "https://a.cn/b.mp4"}}),
        read(
            "openai-responses",
            input=[
                {
                    "type": "computer_call_output",
                    "call_id": "c",
                    "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"},
                }
            ],
        ),
        read("openai-responses", input=[{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "x"}]),
        read("openai-responses", input="x", prompt={"id": "pmpt_1"}),
        read("openai-responses", input="x", conversation="conv_1"),
        read(
            "anthropic-messages",
            max_tokens=5,
            messages=[{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}],
        ),
        read("gemini-generate", contents=[{"parts": [{"text": "x"}]}], cachedContent="cachedContents/1"),
    ],
)
def test_what_is_no_text_or_lies_at_the_provider_cannot_be_read(request_: Request) -> None:
    assert has_unreadable(request_)


@pytest.mark.parametrize(
    "request_",
    [
        chat({"type": "text", "text": "x"}),
        read(
            "openai-responses",
            input=[
                {"role": "user", "content": "x"},
                {"type": "web_search_call", "id": "ws", "action": {"type": "open_page", "url": "https://a.cn"}},
            ],
        ),
    ],
)
def test_text_can_be_read(request_: Request) -> None:
    assert not has_unreadable(request_)


def test_a_search_counts_as_a_tool_also_where_functions_are_offered_beside_it() -> None:
    assert tools_of(read("openai-responses", input="x", tools=[FUNCTION, {"type": "web_search"}])) == {
        "look_up",
        "web_search",
        "hosted:web_search",
        "hosted:*",
    }


def test_an_area_of_files_that_the_provider_keeps_cannot_be_read() -> None:
    messages = [{"role": "user", "content": "x"}]
    assert has_unreadable(read("anthropic-messages", max_tokens=5, messages=messages, container="container_1"))


def test_a_custom_tool_is_known_by_its_own_name() -> None:
    messages = [{"role": "user", "content": "x"}]
    asked = read("openai-chat", messages=messages, tools=[{"type": "custom", "custom": {"name": "delete_file"}}])
    assert tools_of(asked) == {"delete_file"}
