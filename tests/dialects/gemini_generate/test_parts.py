"""Parts there and back: what a client of this dialect said is what its provider is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from entrepot.canonical.request import Media, Reasoning, Text, ToolCall, ToolResult, Unknown
from entrepot.dialects.gemini_generate.parts import join_reasoning, parse_arguments, parse_part, render_part
from entrepot.dialects.gemini_generate.wire import WirePart


def parsed(raw: dict[str, Any]) -> Any:
    return parse_part(msgspec.convert(raw, WirePart), raw, lambda: "made", lambda _name: "call_1")


@pytest.mark.parametrize(
    "raw",
    [
        {"text": "天"},
        {"text": ""},
        {"text": "想", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "天", "thoughtSignature": "c2ln", "partMetadata": {"a_b": 1}},
        {"text": "", "thoughtSignature": "c2ln"},
        {"thoughtSignature": "c2ln"},
        {"functionCall": {"id": "1", "name": "f", "args": {"城": [1, 2.5, None]}}, "thoughtSignature": "c2ln"},
        {"functionResponse": {"id": "call_1", "name": "f", "response": {"output": "r"}, "willContinue": True}},
        {"functionResponse": {"id": "call_1", "name": "f", "response": {"error": "坏"}}, "thoughtSignature": "c2ln"},
        {"functionResponse": {"id": "call_1", "name": "f", "response": {"a": 1, "output": "x"}}},
        {"functionResponse": {"id": "call_1", "name": "f", "response": {"output": {"deep": []}}}},
        {"functionResponse": {"id": "call_1", "name": "f", "response": {}}},
        {
            "functionResponse": {
                "id": "call_1",
                "name": "f",
                "response": {"output": ""},
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                    {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}},
                    {"new": {}},
                ],
            }
        },
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "c2ln"},
        {"inlineData": {"mimeType": "audio/wav", "data": "AA==", "displayName": "声", "new": 1}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://h/v"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH", "id": "1", "args": {}}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH", "id": "1", "response": {}}},
        {"somethingNew": {"a": 1}},
        {},
    ],
)
def test_a_part_comes_out_as_it_was(raw: dict[str, Any]) -> None:
    assert render_part(parsed(raw), {"call_1": "f"}, "at", own=True) == raw


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"functionCall": {"name": "f"}}, ToolCall("made", "f", "{}")),
        ({"functionResponse": {"name": "f", "response": {"error": "x"}}}, ToolResult("call_1", (Text("x"),), True)),
        (
            {"functionResponse": {"name": "f", "response": {"a": [1, "二"]}}},
            ToolResult("call_1", (Text('{"a":[1,"二"]}'),)),
        ),
        ({"fileData": {"fileUri": "https://h/a.mp3"}}, Media("audio", url="https://h/a.mp3")),
        ({"executableCode": {}}, Unknown("gemini-generate", {"executableCode": {}})),
    ],
)
def test_parts_have_their_canonical_form(raw: dict[str, Any], part: Any) -> None:
    assert parsed(raw) == part


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("晴", {"output": "晴"}),
        ('{"a":1}', {"a": 1}),
        ('{"a": 1}', {"output": '{"a": 1}'}),  # would come back without its space
        ('{"output":"x"}', {"output": '{"output":"x"}'}),  # would come back as x
        ("{broken", {"output": "{broken"}),
        ("{}", {"output": "{}"}),
    ],
)
def test_a_result_of_another_dialect_comes_back_as_the_very_same_text(text: str, wire: dict[str, Any]) -> None:
    result = ToolResult("call_1", (Text(text),))
    rendered = render_part(result, {"call_1": "f"}, "at", own=False)
    assert rendered == {"functionResponse": {"name": "f", "id": "call_1", "response": wire}}
    assert parsed(rendered) == result


@pytest.mark.parametrize(
    ("text", "value"), [("", {}), (" ", {}), ("{}", {}), ('{"a":1}', {"a": 1}), ("[1]", None), ("{", None), ("1", None)]
)
def test_arguments_are_an_object_or_none(text: str, value: dict[str, Any] | None) -> None:
    assert parse_arguments(text) == value


def test_only_pieces_of_one_thought_are_joined() -> None:
    whole = join_reasoning(Reasoning("一", bound_to="x"), Reasoning("二", "sig", bound_to="x"))
    assert whole == Reasoning("一二", "sig", bound_to="x")
    assert join_reasoning(Reasoning("一", "sig", bound_to="x"), Reasoning("二", bound_to="x")) is None
    assert join_reasoning(Reasoning("一", bound_to="x"), Reasoning("二", bound_to="y")) is None
    assert join_reasoning(Reasoning("一", bound_to="x"), Reasoning("", "s", True, "x")) is None
    assert join_reasoning(Reasoning("一", bound_to="x"), Reasoning("二", bound_to="x", extra={"a": 1})) is None
