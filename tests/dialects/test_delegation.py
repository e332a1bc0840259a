from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Request
from entrepot.dialects.base import Envelope
from entrepot.dialects.delegation import delegated, delegated_facts, run_by_provider
from entrepot.dialects.registry import CLIENT_DIALECTS

SAID: dict[str, tuple[str, dict[str, Any]]] = {
    "openai-chat": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    "openai-completions": ("/v1/completions", {"model": "m", "prompt": "x"}),
    "openai-responses": ("/v1/responses", {"model": "m", "input": "x"}),
    "anthropic-messages": (
        "/v1/messages",
        {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]},
    ),
    "gemini-generate": ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
}


def read(dialect: str, **fields: Any) -> Request:
    path, said = SAID[dialect]
    return CLIENT_DIALECTS[dialect].parse_request(json.dumps({**said, **fields}).encode(), Envelope(path)).request


@pytest.mark.parametrize("dialect", sorted(set(SAID) - {"gemini-generate"}))
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("models", ["other/model"]),
        ("fallbacks", [{"model": "other/model"}]),
        ("route", "fallback"),
        ("preset", "mine"),
        ("provider", {"order": ["DeepSeek"]}),
        ("provider", {"a word of next year": True}),
        ("provider", {"zdr": False}),
        ("plugins", [{"id": "web"}]),
        ("compound_custom", {"models": {"answering_model": "other/model"}}),
        ("user_config", {"model_list": [{"model_name": "m", "litellm_params": {"model": "other/model"}}]}),
        ("api_base", "https://elsewhere.example"),
        ("base_url", "https://elsewhere.example"),
    ],
)
def test_another_model_or_host_is_seen_in_every_dialect_that_would_pass_it_on(
    dialect: str, field: str, value: object
) -> None:
    assert delegated(read(dialect, **{field: value})) == (field,)


@pytest.mark.parametrize("dialect", sorted(SAID))
def test_a_plain_request_leaves_nothing_to_the_provider(dialect: str) -> None:
    asked = read(dialect)
    assert (delegated(asked), delegated_facts(asked), run_by_provider(asked)) == ((), (), frozenset())


@pytest.mark.parametrize("nothing", [None, [], "", {}])
def test_a_field_that_says_nothing_asks_for_nothing(nothing: object) -> None:
    assert delegated(read("openai-chat", models=nothing, provider=nothing, plugins=nothing)) == ()


def test_a_tool_that_asks_another_model_is_seen() -> None:
    advisor = {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5-5"}
    assert delegated(read("anthropic-messages", tools=[advisor])) == ("tools[0].model",)


def test_a_place_that_the_client_names_is_seen_and_so_is_that_a_chat_is_to_be_kept() -> None:
    assert delegated_facts(read("anthropic-messages", inference_geo="global")) == (("inference_geo", "region"),)
    assert delegated_facts(read("openai-chat", store=True)) == (("store", "max_retention_days"),)
    assert delegated_facts(read("openai-chat", store=False)) == ()


MCP = {"type": "url", "url": "https://a.cn/mcp", "name": "a"}


@pytest.mark.parametrize(
    ("dialect", "fields", "called"),
    [
        ("openai-responses", {"tools": [{"type": "web_search"}]}, {"web_search"}),
        (
            "openai-responses",
            {"tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}]},
            {"web_search"},
        ),
        ("openai-responses", {"tools": [{"type": "mcp", "server_label": "a", "server_url": "https://a.cn"}]}, {"mcp"}),
        ("openai-responses", {"tools": [{"type": "code_interpreter", "container": {}}]}, {"code_interpreter"}),
        ("openai-chat", {"web_search_options": {}}, {"web_search_options"}),
        ("openai-chat", {"enable_search": True}, {"enable_search"}),
        ("openai-chat", {"plugins": [{"id": "web"}]}, {"plugins"}),
        ("openai-chat", {"tools": [{"type": "openrouter:web_search"}]}, {"openrouter:web_search"}),
        (
            "anthropic-messages",
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"web_search", "web_search_20250305"},
        ),
        ("anthropic-messages", {"mcp_servers": [MCP]}, {"mcp"}),
        ("gemini-generate", {"tools": [{"googleSearch": {}}, {"urlContext": {}}]}, {"googleSearch", "urlContext"}),
    ],
)
def test_what_a_provider_runs_itself_has_a_name_for_rules(
    dialect: str, fields: dict[str, Any], called: set[str]
) -> None:
    assert run_by_provider(read(dialect, **fields)) == {f"hosted:{kind}" for kind in (*called, "*")}


@pytest.mark.parametrize(
    ("dialect", "tool"),
    [
        ("anthropic-messages", {"type": "bash_20250124", "name": "bash"}),
        ("anthropic-messages", {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}),
        ("openai-responses", {"type": "custom", "name": "delete_file"}),
        ("openai-responses", {"type": "function", "name": "web_search", "parameters": {}}),
        ("openai-chat", {"type": "custom", "custom": {"name": "delete_file"}}),
    ],
)
def test_what_the_client_runs_is_not_the_providers(dialect: str, tool: dict[str, Any]) -> None:
    assert run_by_provider(read(dialect, tools=[tool])) == frozenset()


def test_a_search_that_is_switched_off_is_none() -> None:
    assert run_by_provider(read("openai-chat", enable_search=False, web_search_options=None)) == frozenset()


def test_sources_that_the_client_names_are_a_tool_of_the_providers() -> None:
    sources = [{"type": "azure_search", "parameters": {"endpoint": "https://a.cn", "index_name": "i"}}]
    assert run_by_provider(read("openai-chat", data_sources=sources)) == {"hosted:data_sources", "hosted:*"}
