from __future__ import annotations

import json
from typing import Any

from entrepot.canonical.request import Request, Text, ToolResult
from entrepot.dialects.anthropic_messages.request import parse_request

SEARCH: dict[str, Any] = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
OWN_SEARCH: dict[str, Any] = {"name": "ToolSearch", "input_schema": {"type": "object"}}
RATES: dict[str, Any] = {"name": "rates", "input_schema": {"type": "object"}, "defer_loading": True}
WEATHER: dict[str, Any] = {"name": "天气", "input_schema": {"type": "object"}, "defer_loading": True}
ASK = {"role": "user", "content": "汇率？"}


def request_of(tools: list[dict[str, Any]], *messages: dict[str, Any], **more: Any) -> Request:
    body = {"model": "m", "max_tokens": 9, "tools": tools, "messages": [ASK, *messages], **more}
    return parse_request(json.dumps(body).encode()).request


def shown(tools: list[dict[str, Any]], *messages: dict[str, Any], **more: Any) -> list[str]:
    return [tool.name for tool in request_of(tools, *messages, **more).tools]


def change(kind: str, name: str) -> dict[str, Any]:
    tool = {"type": "tool_reference", "name": name}
    return {"role": "system", "content": [{"type": kind, "tool": tool}]}


def found(*names: str) -> list[dict[str, Any]]:
    references = [{"type": "tool_reference", "tool_name": name} for name in names]
    use = {"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": references}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]


def test_where_the_provider_searches_every_tool_is_shown_and_the_search_left_out() -> None:
    assert shown([SEARCH, RATES, WEATHER]) == ["rates", "天气"]


def test_where_the_client_searches_a_deferred_tool_is_shown_once_it_was_found() -> None:
    tools = [OWN_SEARCH, RATES, WEATHER]
    assert shown(tools) == ["ToolSearch"]
    assert shown(tools, *found("天气")) == ["ToolSearch", "天气"]


def test_a_tool_that_was_called_or_is_named_is_shown() -> None:
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "rates", "input": {}}]}
    assert shown([RATES, WEATHER], called) == ["rates"]
    assert shown([RATES, WEATHER], tool_choice={"type": "tool", "name": "天气"}) == ["天气"]


def test_tools_are_added_and_removed_in_the_order_of_the_conversation() -> None:
    assert shown([RATES], change("tool_addition", "rates")) == ["rates"]
    assert shown([RATES], change("tool_addition", "rates"), change("tool_removal", "rates")) == []
    assert shown([OWN_SEARCH], change("tool_removal", "ToolSearch")) == []


def test_a_message_of_nothing_but_changes_is_no_message() -> None:
    assert len(request_of([RATES], change("tool_addition", "rates")).messages) == 1


def test_a_reference_in_a_result_is_said_in_words() -> None:
    result = request_of([RATES], *found("rates")).messages[-1].parts[0]
    assert isinstance(result, ToolResult)
    assert result.parts == (Text("The tool 'rates' can be called now."),)


def test_what_is_oddly_shaped_changes_nothing() -> None:
    odd = {"role": "system", "content": [{"type": "tool_addition", "tool": 3}]}
    assert shown([OWN_SEARCH, RATES], odd) == ["ToolSearch"]
