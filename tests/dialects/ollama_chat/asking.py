"""Requests to Ollama as tests ask them."""

from __future__ import annotations

import json
from typing import Any

from entrepot.canonical.request import Message, Part, Request, Text, Tool, ToolCall, ToolResult
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.ollama_chat import OllamaChat

DIALECT = OllamaChat()
BASE = "http://127.0.0.1:11434"
WEATHER = Tool("get_weather", "The weather. 天气。", {"type": "object", "properties": {"city": {"type": "string"}}})
HI = Message("user", (Text("你好"),))
CALL = Message("assistant", (ToolCall("call_1", "get_weather", '{"city": "北京"}'),))
RESULT = Message("tool", (ToolResult("call_1", (Text("晴"),)),))


def user(*parts: Part) -> Message:
    return Message("user", parts)


def body(*messages: Message, model: str = "qwen3:8b", limit: int | None = None, **settings: Any) -> Any:
    """The body that asks this; a greeting where nothing is said. `quirks` and `context_tokens` are the target's."""
    facts = {name: settings.pop(name) for name in ("context_tokens", "max_output_tokens_of_model") if name in settings}
    quirks = frozenset(settings.pop("quirks", ()))
    target = Target(BASE, model, quirks, max_output_tokens=facts.get("max_output_tokens_of_model"),
                    context_tokens=facts.get("context_tokens"))  # fmt: skip
    request = Request("m", messages or (HI,), **settings)
    return json.loads(DIALECT.render_request(Asked(request, "another-dialect", {}), target, limit).body)
