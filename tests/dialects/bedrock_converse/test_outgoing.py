from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Message, OutputFormat, Request, Text, Tool, ToolChoice
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.checks import check_unsayable_is_refused
from entrepot.errors import InvalidRequest
from tests.dialects.bedrock_converse.asking import (
    BASE,
    BUDGET_CLAUDE,
    CALL,
    CLAUDE,
    DIALECT,
    HI,
    LLAMA,
    NOVA,
    RESULT,
    WEATHER,
    body,
)

SCHEMA = {"type": "object", "properties": {"答": {"type": "string"}, "in": {"type": "object", "properties": {}}}}
CLOSED = {
    "type": "object",
    "properties": {
        "答": {"type": "string"},
        "in": {"type": "object", "properties": {}, "additionalProperties": False},
    },
    "additionalProperties": False,
}
SPEC = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {"json": WEATHER.parameters},
        "description": "The weather. 天气。",
    }
}
NO_CALL = {"text": "Answer in words: do not call any tool."}


def url(model: str, base: str = BASE, *, stream: bool = False) -> str:
    asked = Asked(Request("m", (HI,), stream=stream), "another-dialect", {})
    return DIALECT.render_request(asked, Target(base, model), None).url


def test_model_ids_and_arns_are_percent_encoded_in_the_address() -> None:
    # Quirk 63: an ARN holds slashes and colons.
    assert url("us.amazon.nova-pro-v1:0") == f"{BASE}/model/us.amazon.nova-pro-v1%3A0/converse"
    arn = "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0"
    encoded = (
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A012345678901%3Ainference-profile%2F"
        "us.anthropic.claude-3-7-sonnet-20250219-v1%3A0"
    )
    assert url(arn, stream=True) == f"{BASE}/model/{encoded}/converse-stream"
    assert url("m", f"{BASE}/model/x/converse") == f"{BASE}/model/m/converse"


def test_a_stream_is_asked_for_by_address_and_header() -> None:
    asked = Asked(Request("m", (HI,), stream=True), "another-dialect", {})
    sent = DIALECT.render_request(asked, Target(BASE, CLAUDE), None)
    assert dict(sent.headers)[b"accept"] == b"application/vnd.amazon.eventstream"
    assert b"stream" not in sent.body


def test_settings_are_where_converse_has_them() -> None:
    sent = body(NOVA, max_output_tokens=9, temperature=0.5, top_p=0.8, stop=("停", " "))
    assert sent["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "topP": 0.8, "stopSequences": ["停"]}
    assert "inferenceConfig" not in body(NOVA)
    assert body(NOVA, limit=77)["inferenceConfig"] == {"maxTokens": 77}
    assert body(NOVA, temperature=1.7)["inferenceConfig"] == {"temperature": 1.0}
    assert "inferenceConfig" not in body(NOVA, temperature=1, top_p=1, quirks=("no_sampling",))


def test_claude_takes_one_of_temperature_and_top_p_and_says_which_text_stopped_it() -> None:
    assert body(CLAUDE, temperature=0.5, top_p=0.8)["inferenceConfig"] == {"temperature": 0.5}
    assert body(CLAUDE, top_p=0.8)["inferenceConfig"] == {"topP": 0.8}
    assert body(CLAUDE, stop=("停",))["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in body(NOVA, stop=("停",))


def test_settings_that_converse_has_not_are_left_out_and_more_than_one_choice_is_refused() -> None:
    sent = body(NOVA, seed=7, user="u", parallel_tool_calls=False, extra={"logprobs": True, "service_tier": "flex"})
    assert sent == {"messages": [{"role": "user", "content": [{"text": "你好"}]}]}
    with pytest.raises(InvalidRequest) as caught:
        body(NOVA, n=2)
    assert caught.value.param == "n"


def test_a_guardrail_is_passed_on_when_a_client_asks_for_one() -> None:
    guardrail = {"guardrailIdentifier": "v9kpg6yrwhs2", "guardrailVersion": "DRAFT", "trace": "enabled"}
    extra = {
        "guardrailConfig": guardrail,
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": "no object",
    }
    sent = body(CLAUDE, extra=extra)
    assert sent["guardrailConfig"] == guardrail
    assert sent["performanceConfig"] == {"latency": "optimized"}
    assert "requestMetadata" not in sent


def test_a_makers_own_fields_are_merged_with_those_that_we_set() -> None:
    extra = {"additionalModelRequestFields": {"anthropic_beta": ["x"], "top_k": 3}}
    assert body(BUDGET_CLAUDE, top_k=20, extra=extra)["additionalModelRequestFields"] == {
        "top_k": 3,
        "anthropic_beta": ["x"],
    }


CHOICES: list[tuple[str, ToolChoice | None, dict[str, Any] | None]] = [
    (CLAUDE, None, None),
    (CLAUDE, ToolChoice("auto"), None),
    (CLAUDE, ToolChoice("required"), {"any": {}}),
    (CLAUDE, ToolChoice("named", "get_weather"), {"tool": {"name": "get_weather"}}),
    ("mistral.mistral-large-2407-v1:0", ToolChoice("named", "get_weather"), {"any": {}}),
    (LLAMA, ToolChoice("required"), None),
    (LLAMA, ToolChoice("named", "get_weather"), None),
]


@pytest.mark.parametrize(("model", "choice", "said"), CHOICES)
def test_a_choice_of_tools_is_said_as_far_as_the_model_knows_it(
    model: str, choice: ToolChoice | None, said: dict[str, Any] | None
) -> None:
    sent = body(model, tools=(WEATHER, Tool("other")), tool_choice=choice)
    config = sent["toolConfig"]
    assert config.get("toolChoice") == said
    assert config["tools"][0] == SPEC
    named_elsewhere = choice is not None and choice.mode == "named" and model != CLAUDE
    assert len(config["tools"]) == (1 if named_elsewhere else 2)
    assert ("system" in sent) == (model == LLAMA)


def test_a_named_tool_that_is_none_is_refused_where_it_would_be_the_only_one() -> None:
    with pytest.raises(InvalidRequest) as caught:
        body(LLAMA, tools=(WEATHER,), tool_choice=ToolChoice("named", "missing"))
    assert caught.value.param == "tool_choice"


def test_no_choice_leaves_the_tools_out_but_for_a_history_with_calls() -> None:
    # Quirk 24, and Converse's own: it refuses toolUse and toolResult blocks without a toolConfig.
    none = ToolChoice("none")
    assert "toolConfig" not in body(CLAUDE, tools=(WEATHER,), tool_choice=none)
    sent = body(CLAUDE, HI, CALL, RESULT, tools=(WEATHER,), tool_choice=none)
    assert sent["toolConfig"] == {"tools": [SPEC]}
    assert sent["system"] == [NO_CALL]


def test_a_history_with_calls_has_its_tools_also_where_the_request_has_none() -> None:
    sent = body(CLAUDE, HI, CALL, RESULT)
    assert sent["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {"type": "object"}}}}]
    }
    assert sent["system"] == [NO_CALL]
    assert body("amazon.titan-text-express-v1", HI, CALL, RESULT)["messages"][0]["content"] == [
        {"text": "你好"},
        NO_CALL,
    ]


def test_a_forced_call_and_claudes_thinking_exclude_each_other() -> None:
    # Quirk 25.
    sent = body(CLAUDE, tools=(WEATHER,), tool_choice=ToolChoice("required"), reasoning_effort="high")
    assert "additionalModelRequestFields" not in sent
    nova = body(
        "us.amazon.nova-2-lite-v1:0", tools=(WEATHER,), tool_choice=ToolChoice("required"), reasoning_effort="low"
    )
    assert "reasoningConfig" in nova["additionalModelRequestFields"]


def test_a_tool_is_described_as_converse_wants_it() -> None:
    marked = {"cache_control": {"type": "ephemeral"}}
    tools = (Tool("查", "", None, strict=True, extra=marked), Tool("plain", None, {"$ref": "#/$defs/X"}, strict=True))
    first, point, second = body(CLAUDE, tools=tools)["toolConfig"]["tools"]
    assert first["toolSpec"].keys() == {"name", "inputSchema", "strict"}
    assert first["toolSpec"]["inputSchema"] == {"json": {"type": "object"}}
    assert point == {"cachePoint": {"type": "default"}}
    assert second["toolSpec"]["inputSchema"] == {"json": {"$ref": "#/$defs/X", "type": "object"}}
    nova = body(NOVA, tools=tools)["toolConfig"]["tools"]
    assert len(nova) == 2
    assert "strict" not in nova[0]["toolSpec"]


def test_a_tool_that_another_maker_runs_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        body(CLAUDE, tools=(WEATHER, Tool("web_search", hosted={"type": "web_search_20250305"})))
    assert caught.value.param == "tools[1]"


def test_a_schema_is_converses_own_where_the_model_has_structured_output() -> None:
    sent = body(BUDGET_CLAUDE, output_format=OutputFormat("json_schema", SCHEMA, "答案 x"))
    text_format = sent["outputConfig"]["textFormat"]
    assert text_format["type"] == "json_schema"
    wire = text_format["structure"]["jsonSchema"]
    assert json.loads(wire["schema"]) == CLOSED
    assert wire["name"].isascii()
    assert "system" not in sent


@pytest.mark.parametrize("model", [NOVA, LLAMA, "us.deepseek.r1-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"])
def test_a_schema_is_asked_for_in_words_elsewhere(model: str) -> None:
    sent = body(model, Message("system", (Text("s"),)), HI, output_format=OutputFormat("json_schema", SCHEMA))
    assert "outputConfig" not in sent
    assert sent["system"][0] == {"text": "s"}
    assert json.loads(sent["system"][1]["text"].partition("\n")[2]) == CLOSED


def test_quirks_and_json_without_a_schema_ask_in_words_too() -> None:
    assert "outputConfig" not in body(
        CLAUDE, output_format=OutputFormat("json_schema", SCHEMA), quirks=("no_output_format",)
    )
    assert "JSON" in body(CLAUDE, output_format=OutputFormat("json"))["system"][0]["text"]


def test_content_of_another_dialect_is_refused_by_name() -> None:
    check_unsayable_is_refused(DIALECT)
