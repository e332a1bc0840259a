from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Message, OutputFormat, Request, Text, Tool, ToolChoice
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.checks import check_unsayable_is_refused
from entrepot.errors import InvalidRequest
from tests.dialects.ollama_chat.asking import BASE, DIALECT, HI, WEATHER, body, user

SCHEMA = {"type": "object", "properties": {"答": {"type": "string"}}}
LIKE_OLLAMA = [{"role": "user", "content": "你好"}]


@pytest.mark.parametrize(
    "base", [BASE, f"{BASE}/", f"{BASE}/v1", f"{BASE}/api", f"{BASE}/api/chat", f"{BASE}/v1/chat/completions"]
)
def test_the_address_is_found_from_any_that_people_paste(base: str) -> None:
    # Quirk 61.
    sent = DIALECT.render_request(Asked(Request("m", (HI,)), "another-dialect", {}), Target(base, "qwen3:8b"), None)
    assert sent.url == f"{BASE}/api/chat"


def test_a_plain_request_says_whether_it_wants_a_stream_and_how_much_context() -> None:
    # Quirk 11: the default context is small, and what is longer is cut without a word.
    assert body() == {
        "model": "qwen3:8b",
        "messages": LIKE_OLLAMA,
        "stream": False,
        "truncate": False,
        "options": {"num_ctx": 8192},
    }
    assert body(stream=True)["stream"] is True


def test_a_long_prompt_is_given_the_context_that_it_needs() -> None:
    long = user(Text("文" * 30_000))
    assert body(long)["options"]["num_ctx"] == 32768
    assert body(long, context_tokens=30_000)["options"]["num_ctx"] == 30_000
    assert body(limit=10_000)["options"] == {"num_ctx": 16384, "num_predict": 10_000}
    assert body(max_output_tokens_of_model=10_000)["options"] == {"num_ctx": 16384}
    assert body(long, quirks=("own_context",))["options"] == {}


def test_settings_are_ollamas_options() -> None:
    sent = body(max_output_tokens=9, temperature=0.5, top_p=0.8, top_k=20, seed=7, stop=("停",))
    assert sent["options"] == {
        "num_ctx": 8192,
        "num_predict": 9,
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 20,
        "seed": 7,
        "stop": ["停"],
    }


def test_what_a_client_says_by_ollamas_own_names_is_passed_on() -> None:
    extra = {
        "keep_alive": "10m",
        "options": {"num_ctx": 4096, "min_p": 0.1, "seed": 1},
        "service_tier": "x",
        "user": "y",
    }
    sent = body(seed=7, extra=extra)
    assert sent["keep_alive"] == "10m"
    assert sent["options"] == {"num_ctx": 4096, "min_p": 0.1, "seed": 7}
    assert "service_tier" not in sent
    assert body(extra={"options": "no object"})["options"] == {"num_ctx": 8192}


def test_more_than_one_choice_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        body(n=2)
    assert caught.value.param == "n"


THINKING: list[tuple[str, tuple[str, ...], dict[str, Any], object]] = [
    ("qwen3:8b", (), {}, None),
    ("qwen3:8b", (), {"reasoning_effort": "high"}, True),
    ("qwen3:8b", (), {"reasoning_effort": "none"}, False),
    ("qwen3:8b", (), {"reasoning_budget_tokens": 0}, False),
    ("qwen3:8b", (), {"reasoning_budget_tokens": 9000}, True),
    ("gpt-oss:20b", (), {"reasoning_effort": "max"}, "high"),
    ("gpt-oss:20b", (), {"reasoning_effort": "minimal"}, "low"),
    ("gpt-oss:20b", (), {"reasoning_budget_tokens": 8000}, "medium"),
    ("another", ("thinking_levels",), {"reasoning_effort": "low"}, "low"),
    ("llama3", ("no_thinking",), {"reasoning_effort": "high"}, None),
]


@pytest.mark.parametrize(("model", "quirks", "settings", "think"), THINKING)
def test_thinking_is_a_switch_or_a_level(
    model: str, quirks: tuple[str, ...], settings: dict[str, Any], think: object
) -> None:
    said = body(model=model, quirks=quirks, **settings).get("think")
    assert (said, type(said)) == (think, type(think))


def test_a_schema_is_the_format_and_json_is_asked_for_in_words_too() -> None:
    assert body(output_format=OutputFormat("json_schema", SCHEMA))["format"] == SCHEMA
    assert body(output_format=OutputFormat("json_schema"))["format"] == {"type": "object"}
    plain = body(output_format=OutputFormat("json"))
    assert plain["format"] == "json"
    # Quirk 56: without the word, models fill their answer with white space.
    assert "JSON" in plain["messages"][0]["content"]
    assert plain["messages"][1:] == LIKE_OLLAMA
    assert len(body(user(Text("as Json, please")), output_format=OutputFormat("json"))["messages"]) == 1


def test_tools_are_functions() -> None:
    assert body(tools=(WEATHER, Tool("bare")))["tools"] == [
        {
            "type": "function",
            "function": {"name": "get_weather", "description": "The weather. 天气。", "parameters": WEATHER.parameters},
        },
        {"type": "function", "function": {"name": "bare", "parameters": {"type": "object", "properties": {}}}},
    ]


def test_a_choice_of_tools_that_ollama_would_ignore_is_said_in_other_ways() -> None:
    tools = (WEATHER, Tool("other"))
    assert "tools" not in body(tools=tools, tool_choice=ToolChoice("none"))
    assert len(body(tools=tools, tool_choice=ToolChoice("auto"))["messages"]) == 1
    required = body(Message("system", (Text("s"),)), HI, tools=tools, tool_choice=ToolChoice("required"))
    assert (len(required["tools"]), len(required["messages"])) == (2, 3)
    assert required["messages"][0]["role"] == "system"
    named = body(tools=tools, tool_choice=ToolChoice("named", "other"))
    assert [tool["function"]["name"] for tool in named["tools"]] == ["other"]
    assert "other" in named["messages"][0]["content"]
    with pytest.raises(InvalidRequest):
        body(tools=tools, tool_choice=ToolChoice("named", "missing"))


def test_a_tool_that_another_maker_runs_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        body(tools=(Tool("web_search", hosted={"type": "web_search"}),))
    assert caught.value.param == "tools[0]"


def test_log_probabilities_are_asked_for_as_openai_names_them() -> None:
    sent = body(extra={"logprobs": True, "top_logprobs": 3})
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 3)
    assert "logprobs" not in body(extra={"top_logprobs": 3})


def test_content_of_another_dialect_is_refused_by_name() -> None:
    check_unsayable_is_refused(DIALECT)
