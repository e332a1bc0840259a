"""What we send judged by Amazon's own description of its API: botocore's service model and its validator."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.bedrock_converse.media import FORMATS
from entrepot.dialects.checks import REQUESTS
from tests.dialects.bedrock_converse.asking import BASE, CALL, CLAUDE, DIALECT, HI, LLAMA, NOVA, RESULT, WEATHER, user
from tests.dialects.bedrock_converse.recorded import asked_in, exchanges, model_of

MODELS = (CLAUDE, NOVA, LLAMA, "us.deepseek.r1-v1:0", "amazon.titan-text-express-v1", "openai.gpt-oss-120b-1:0")
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SCHEMA = OutputFormat("json_schema", {"type": "object", "properties": {"答": {"type": "string"}}}, "答 案")
ODD = Message("assistant", (ToolCall("调用 1" * 30, "查 天气" * 30, "[]"), ToolCall("b", "get_weather", "{}")))
ODD_RESULTS = user(
    ToolResult("调用 1" * 30, (Text("晴"), Media("image", "image/png", data="QUJD")), is_error=True, extra=MARK),
    ToolResult("b", (Text(""), Media("file", "text/csv", data="QUJD", name="表 1.csv"))),
    Text("还有", MARK),
)
MEDIA = user(
    Media("image", "image/jpeg", data="QUJD"),
    Media("file", "application/pdf", data="QUJD", name="季度 报告 (2).pdf"),
    Media("file", "application/pdf", data="QUJD", name="季度 报告 (2).pdf"),
    Media("video", "video/mp4", url="s3://bucket-1/film.mp4"),
    Media("audio", "audio/wav", data="QUJD"),
)
THOUGHT = Message("assistant", (Reasoning("想", "sig", bound_to="anthropic-messages"), Refusal("不行"), Text("好\n")))
ASKED: dict[str, Request] = {
    **REQUESTS,
    "media": Request("m", (Message("system", (Text("s", MARK),)), MEDIA)),
    "odd names": Request("m", (HI, ODD, ODD_RESULTS), tools=(WEATHER, Tool("查 天气" * 30, "", None, True, MARK))),
    "every setting": Request(
        "m", (HI, THOUGHT, HI), max_output_tokens=2000, temperature=1.9, top_p=0.2, top_k=3, stop=("停", "\n"), seed=1,
        reasoning_effort="high", output_format=SCHEMA, stream=True,
        extra={"guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "DRAFT"}, "requestMetadata": {"a": "b"}},
    ),
    "a budget": Request("m", (HI,), reasoning_budget_tokens=2000, stream=True),
    "a forced tool": Request("m", (HI,), tools=(WEATHER,), tool_choice=ToolChoice("named", "get_weather")),
    "any tool": Request("m", (HI,), tools=(WEATHER,), tool_choice=ToolChoice("required")),
    "no tool": Request("m", (HI, CALL, RESULT), tools=(WEATHER,), tool_choice=ToolChoice("none")),
    "a history without tools": Request("m", (HI, CALL, RESULT)),
    "json": Request("m", (HI,), output_format=OutputFormat("json")),
}  # fmt: skip


@pytest.fixture(scope="module")
def operations() -> Any:
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return {False: model.operation_model("Converse"), True: model.operation_model("ConverseStream")}


def complaints(operation: Any, body: dict[str, Any], model_id: str) -> list[str]:
    given = {"modelId": model_id, **body}
    report = ParamValidator().validate(given, operation.input_shape)
    return [report.generate_report()] if report.has_errors() else broken(operation.input_shape, given, "")


def broken(shape: Any, value: Any, at: str) -> list[str]:
    """What the validator passes over: enumerations, patterns and longest lengths."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            return [e for name, each in value.items() for e in broken(shape.members[name], each, f"{at}.{name}")]
        case "list":
            return [e for i, each in enumerate(value) for e in broken(shape.member, each, f"{at}[{i}]")]
        case "map":
            return [e for name, each in value.items() for e in broken(shape.value, each, f"{at}.{name}")]
        case "string":
            return [f"{at} is {value!r}" for holds in (in_enum(shape, value), fits(shape, value)) if not holds]
    return []


def in_enum(shape: Any, value: str) -> bool:
    return not shape.enum or value in shape.enum


def fits(shape: Any, value: str) -> bool:
    pattern, most = shape.metadata.get("pattern"), shape.metadata.get("max")
    return (pattern is None or re.fullmatch(pattern, value) is not None) and (most is None or len(value) <= most)


@pytest.mark.parametrize("name", sorted(ASKED))
@pytest.mark.parametrize("model", MODELS)
def test_what_we_send_is_what_amazons_model_describes(model: str, name: str, operations: Any) -> None:
    request = ASKED[name]
    sent = DIALECT.render_request(Asked(request, "another-dialect", {}), Target(BASE, model), 500)
    assert complaints(operations[request.stream], json.loads(sent.body), model) == []


def test_what_we_send_for_every_recorded_request_is_too(wire_dir: Path, operations: Any) -> None:
    for exchange in exchanges(wire_dir):
        request, model = asked_in(exchange), model_of(exchange)
        sent = DIALECT.render_request(Asked(request, "another-dialect", {}), Target(BASE, model), None)
        assert complaints(operations[request.stream], json.loads(sent.body), model) == [], exchange["id"]


def test_the_judge_finds_fault() -> None:
    model = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse")
    bad_name = {"toolUse": {"toolUseId": "a", "name": "查", "input": {}}}
    assert complaints(model, {"messages": [{"role": "tool", "content": [bad_name]}]}, "m") == [
        ".messages[0].role is 'tool'",
        ".messages[0].content[0].toolUse.name is '查'",
    ]
    assert "temperature" in complaints(model, {"messages": [], "temperature": 1}, "m")[0]


def test_every_format_that_we_name_is_one_of_amazons(operations: Any) -> None:
    block = operations[False].input_shape.members["messages"].member.members["content"].member
    for name, formats in FORMATS.values():
        assert set(formats.values()) <= set(block.members[name].members["format"].enum), name
