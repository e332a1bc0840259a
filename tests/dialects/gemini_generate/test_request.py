from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Envelope
from entrepot.dialects.gemini_generate.seal import wire_signature
from entrepot.errors import EntrepotError, InvalidRequest, NotFound
from tests.dialects.gemini_generate.asking import DIALECT, ask

TEXT = b'{"contents":[{"parts":[{"text":"hi"}]}]}'


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/v1beta/models/auto:generateContent", "auto", False),
        ("/v1beta/models/gemini-3-pro:streamGenerateContent", "gemini-3-pro", True),
        ("/v1beta/models/team%2Ffast:generateContent", "team/fast", False),
        ("/v1beta/models/qwen3:8b:generateContent", "qwen3:8b", False),
        ("/v1beta/models/team/qwen3:8b:streamGenerateContent", "team/qwen3:8b", True),
        ("/v1/projects/p/locations/global/publishers/google/models/m:generateContent", "m", False),
    ],
)
def test_the_model_and_the_stream_come_from_the_address(path: str, model: str, stream: bool) -> None:
    request = DIALECT.parse_request(TEXT, Envelope(path, "alt=sse")).request
    assert (request.model, request.stream, request.include_usage) == (model, stream, stream)
    assert request.extra == {"alt": "sse"}


@pytest.mark.parametrize(
    "path", ["", "/v1beta/models/auto", "/v1beta/models/:generateContent", "/v1beta/models/a:tune"]
)
def test_an_address_without_model_or_known_action_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        DIALECT.parse_request(TEXT, Envelope(path))


def test_roles_are_user_and_model_and_the_instruction_stands_apart() -> None:
    asked = ask(
        {
            "systemInstruction": {"parts": [{"text": "用中文"}]},
            "contents": [
                {"parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "b"}]},
                {"role": "user", "parts": [{"text": "c"}]},
            ],
        }
    )
    assert asked.request.messages == (
        Message("system", (Text("用中文"),)),
        Message("user", (Text("a"),)),
        Message("assistant", (Text("b"),)),
        Message("user", (Text("c"),)),
    )


def test_snake_case_and_single_objects_are_understood_and_users_words_are_left_alone() -> None:
    request = ask(
        {
            "system_instruction": {"parts": {"text": "s"}},
            "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "AA=="}}},
            "tools": {"function_declarations": [{"name": "f", "parameters": {"properties": {"a_b": {"any_of": []}}}}]},
            "generation_config": {"max_output_tokens": 5, "stop_sequences": ["x"]},
            "tool_config": {"function_calling_config": {"mode": "ANY"}},
        }
    ).request
    assert request.messages == (
        Message("system", (Text("s"),)),
        Message("user", (Media("image", "image/png", data="AA=="),)),
    )
    assert request.tools == (Tool("f", parameters={"properties": {"a_b": {"anyOf": []}}}),)
    assert (request.max_output_tokens, request.stop) == (5, ("x",))
    assert request.tool_choice == ToolChoice("required")


def test_calls_without_ids_are_matched_to_their_results_by_name_and_order() -> None:
    def call(name: str, n: int) -> dict[str, Any]:
        return {"functionCall": {"name": name, "args": {"n": n}}}

    def result(name: str, n: int) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": {"output": str(n)}}}

    messages = ask(
        {
            "contents": [
                {"role": "user", "parts": [{"text": "?"}]},
                {"role": "model", "parts": [call("a", 1), call("b", 2), call("a", 3)]},
                {"role": "user", "parts": [result("b", 2), result("a", 1), result("a", 3)]},
                {"role": "model", "parts": [call("a", 4)]},
                {"role": "function", "parts": [result("a", 4)]},
            ]
        }
    ).request.messages
    calls = {part.id: part.arguments for message in messages for part in message.parts if isinstance(part, ToolCall)}
    assert len(calls) == 4
    assert [message.role for message in messages] == ["user", "assistant", "tool", "assistant", "tool"]
    results = [part for message in messages for part in message.parts if isinstance(part, ToolResult)]
    assert [(calls[each.call_id], each.parts) for each in results] == [
        ('{"n":2}', (Text("2"),)),
        ('{"n":1}', (Text("1"),)),
        ('{"n":3}', (Text("3"),)),
        ('{"n":4}', (Text("4"),)),
    ]


def test_results_and_text_of_one_turn_become_messages_of_their_own() -> None:
    body = {
        "contents": [
            {"role": "model", "parts": [{"functionCall": {"id": "7", "name": "f"}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "7", "name": "f", "response": {}}}, {"text": "und?"}],
            },
        ]
    }
    assert ask(body).request.messages == (
        Message("assistant", (ToolCall("7", "f", "{}"),)),
        Message("tool", (ToolResult("7", ()),)),
        Message("user", (Text("und?"),)),
    )


def test_the_chunks_of_a_stream_that_a_client_kept_as_turns_are_one_message() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "?"}]},
            {"role": "model", "parts": [{"text": "今天"}]},
            {"role": "model", "parts": [{"text": "晴"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "f", "args": {}}}]},
        ]
    }
    assert ask(body).request.messages[1] == Message("assistant", (Text("今天晴"), ToolCall("1", "f", "{}")))


def test_the_pieces_of_a_thought_that_a_client_kept_as_parts_are_one_up_to_their_seal() -> None:
    pieces = (("一", None), ("二", None), ("", "sig"), ("三", None))
    parts = [
        {"text": text, "thought": True, "thoughtSignature": wire_signature(signature, "anthropic-messages")}
        for text, signature in pieces
    ]
    assert ask({"contents": [{"role": "model", "parts": parts}]}).request.messages[0].parts == (
        Reasoning("一二", "sig", bound_to="anthropic-messages"),
        Reasoning("三", bound_to="anthropic-messages"),
    )


def test_thoughts_and_signatures_are_bound_to_this_dialect() -> None:
    parts = [
        {"text": "想", "thought": True, "thoughtSignature": "czE="},
        {"functionCall": {"id": "1", "name": "f", "args": {"城": "京"}}, "thoughtSignature": "czI="},
        {"text": "", "thoughtSignature": "czM="},
        {"text": "好", "thoughtSignature": "czQ="},
    ]
    assert ask({"contents": [{"role": "model", "parts": parts}]}).request.messages[0].parts == (
        Reasoning("想", "czE=", bound_to="gemini-generate"),
        ToolCall("1", "f", '{"城":"京"}', "czI=", bound_to="gemini-generate"),
        Reasoning("", "czM=", True, "gemini-generate"),
        Text("好", {"thoughtSignature": "czQ="}),
    )


def test_inline_data_and_file_data_become_media() -> None:
    parts = [
        {"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "账单.pdf"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"mimeType": "audio/mpeg", "fileUri": "gs://b/a.mp3"}},
        {"fileData": {"fileUri": "https://host/cat.jpg"}},
    ]
    assert ask({"contents": [{"parts": parts}]}).request.messages[0].parts == (
        Media("file", "application/pdf", data="AA==", name="账单.pdf"),
        Media("video", "video/mp4", url="https://youtu.be/x", extra={"videoMetadata": {"fps": 1}}),
        Media("audio", "audio/mpeg", file_id="gs://b/a.mp3"),
        Media("image", "", url="https://host/cat.jpg"),
    )


def test_data_in_the_alphabet_of_googles_own_client_becomes_plain_base64() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "-_-_Pw"}}
    (media,) = ask({"contents": [{"parts": [part]}]}).request.messages[0].parts
    assert isinstance(media, Media)
    assert media.data == "+/+/Pw=="


def test_cached_content_is_a_part_so_that_no_other_dialect_leaves_it_out_unseen() -> None:
    messages = ask({"cachedContent": "cachedContents/x"}).request.messages
    assert messages[0] == Message("system", (Unknown("gemini-generate", {"cachedContent": "cachedContents/x"}),))


def test_googles_own_tools_are_hosted_and_functions_are_not() -> None:
    tools = ask({"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}).request.tools
    assert tools == (Tool("googleSearch", hosted={"googleSearch": {}}), Tool("f"))


@pytest.mark.parametrize(
    ("calling", "choice", "beside"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto"), None),
        ({"mode": "NONE"}, ToolChoice("none"), None),
        ({"mode": "ANY"}, ToolChoice("required"), None),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", "f"), None),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            ToolChoice("required"),
            {"allowedFunctionNames": ["f", "g"]},
        ),
        ({"mode": "VALIDATED"}, ToolChoice("auto"), {"mode": "VALIDATED"}),
        ({}, None, None),
    ],
)
def test_tool_choice_modes(calling: dict[str, Any], choice: ToolChoice | None, beside: dict[str, Any] | None) -> None:
    request = ask({"toolConfig": {"functionCallingConfig": calling}}).request
    assert request.tool_choice == choice
    assert request.extra == ({} if beside is None else {"toolConfig": {"functionCallingConfig": beside}})


@pytest.mark.parametrize(
    ("thinking", "effort", "budget"),
    [
        ({"thinkingLevel": "HIGH"}, "high", None),
        ({"thinkingLevel": "minimal"}, "minimal", None),
        ({"thinkingBudget": 0}, "none", None),
        ({"thinkingBudget": -1}, None, None),
        ({"thinkingBudget": 2048}, None, 2048),
    ],
)
def test_thinking_levels_and_budgets(thinking: dict[str, Any], effort: str | None, budget: int | None) -> None:
    request = ask({"generationConfig": {"thinkingConfig": thinking}}).request
    assert (request.reasoning_effort, request.reasoning_budget_tokens) == (effort, budget)


def test_json_mode_and_both_kinds_of_schema() -> None:
    def format_of(**config: Any) -> OutputFormat:
        return ask({"generationConfig": {"responseMimeType": "application/json", **config}}).request.output_format

    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert format_of() == OutputFormat("json")
    assert format_of(responseJsonSchema=schema) == OutputFormat("json_schema", schema)
    upper = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    assert format_of(responseSchema=upper) == OutputFormat("json_schema", schema)


def test_unnamed_settings_are_kept_by_their_wire_names() -> None:
    request = ask(
        {
            "safetySettings": [{"category": "c", "threshold": "t"}],
            "generationConfig": {"presencePenalty": 1, "responseLogprobs": True, "logprobs": 2, "topK": 40.0},
        }
    ).request
    assert request.extra == {
        "safetySettings": [{"category": "c", "threshold": "t"}],
        "generationConfig": {"presencePenalty": 1},
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert request.top_k == 40


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 7}]}]}, "contents[0].parts[0].text"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 99}}, "generationConfig.candidateCount"),
        ({"tools": [{"googleSearch": 1}]}, "tools[0].googleSearch"),
    ],
)
def test_a_wrong_value_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        ask(body)
    assert raised.value.param == param


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"contents":', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_request_is_the_callers_error(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.parse_request(body, Envelope("/v1beta/models/m:generateContent"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "contents parts role text thought thoughtSignature functionCall functionResponse name args response id tools "
                "functionDeclarations inlineData mimeType data toolConfig generationConfig systemInstruction".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_body_whatever_raises_anything_but_the_callers_error(value: Any) -> None:
    try:
        asked = DIALECT.parse_request(json.dumps(value).encode(), Envelope("/v1beta/models/m:generateContent"))
    except EntrepotError:
        return
    assert asked.request.messages


def test_a_model_may_have_a_colon_in_its_name() -> None:
    request = DIALECT.parse_request(TEXT, Envelope("/v1beta/models/ollama/llama3.2:3b:generateContent")).request
    assert request.model == "ollama/llama3.2:3b"


def test_functions_that_a_choice_does_not_allow_are_left_out() -> None:
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "h"]}}
    declared = [{"functionDeclarations": [{"name": name} for name in "fgh"]}, {"googleSearch": {}}]
    said = json.loads(TEXT)
    request = ask({**said, "tools": declared, "toolConfig": calling}).request
    assert [tool.name for tool in request.tools] == ["f", "h", "googleSearch"]
    assert request.tool_choice == ToolChoice("required")
