"""Requests to Bedrock as tests ask them."""

from __future__ import annotations

import json
from typing import Any

from entrepot.canonical.request import Message, Part, Request, Text, Tool, ToolCall, ToolResult
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.bedrock_converse import BedrockConverse

DIALECT = BedrockConverse()
CLAUDE = "us.anthropic.claude-sonnet-4-6"
BUDGET_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
BASE = "https://bedrock-runtime.us-east-1.amazonaws.com"
WEATHER = Tool("get_weather", "The weather. 天气。", {"type": "object", "properties": {"city": {"type": "string"}}})
HI = Message("user", (Text("你好"),))
CALL = Message("assistant", (ToolCall("call_1", "get_weather", '{"city": "北京"}'),))
RESULT = Message("tool", (ToolResult("call_1", (Text("晴"),)),))


def user(*parts: Part) -> Message:
    return Message("user", parts)


def body(
    model: str, *messages: Message, limit: int | None = None, quirks: tuple[str, ...] = (), **settings: Any
) -> Any:
    """The body that asks `model` for this; a greeting where nothing is said."""
    request = Request("m", messages or (HI,), **settings)
    sent = DIALECT.render_request(Asked(request, "another-dialect", {}), Target(BASE, model, frozenset(quirks)), limit)
    return json.loads(sent.body)
