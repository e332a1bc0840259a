from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Target
from entrepot.dialects.gemini_generate.parts import SKIP_VALIDATION
from entrepot.dialects.gemini_generate.seal import wire_signature
from entrepot.errors import InvalidRequest
from tests.dialects.gemini_generate.asking import DIALECT, GEMINI_3, GEMINI_25, ask, foreign, sent

USER = Message("user", (Text("?"),))


@pytest.mark.parametrize(
    ("base", "name", "url"),
    [
        (
            "https://generativelanguage.googleapis.com/v1beta",
            "gemini-3-pro",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent",
        ),
        (
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
            "gemini-3-pro",
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-3-pro:generateContent",
        ),
        (
            "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1",
            "endpoints/77",
            "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/endpoints/77:generateContent",
        ),
    ],
)
def test_gemini_api_and_vertex_differ_in_the_address_only(base: str, name: str, url: str) -> None:
    assert DIALECT.render_request(foreign(), Target(base, name), None).url == url


def test_a_stream_is_asked_for_as_server_sent_events_whatever_form_the_client_wants() -> None:
    asked = ask(action="streamGenerateContent")
    assert DIALECT.render_request(asked, GEMINI_3, None).url.endswith(":streamGenerateContent?alt=sse")


def test_a_client_of_this_dialect_is_sent_on_as_it_was_with_our_limit_where_it_named_none() -> None:
    body = {"safety_settings": [{"category": "c"}], "generation_config": {"topK": 40.5}}
    assert sent(ask(body), limit=99)["generation_config"] == {"topK": 40.5, "maxOutputTokens": 99}
    named = {"generationConfig": {"maxOutputTokens": 5}}
    assert sent(ask(named), limit=99)["generationConfig"] == {"maxOutputTokens": 5}


def test_system_and_developer_messages_become_the_instruction() -> None:
    body = sent(foreign(Message("system", (Text("一"),)), USER, Message("developer", (Text("二"),))))
    assert body["systemInstruction"] == {"parts": [{"text": "一"}, {"text": "二"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "?"}]}]


def test_the_assistant_is_the_model_and_its_refusal_is_text() -> None:
    body = sent(foreign(USER, Message("assistant", (Text(""), Refusal("不")))))
    assert body["contents"][1] == {"role": "model", "parts": [{"text": "不"}]}


def test_results_are_one_turn_named_by_their_calls_and_in_their_order() -> None:
    calls = (ToolCall("x", "f", '{"n":1}'), ToolCall("y", "g", ""))
    body = sent(
        foreign(
            USER,
            Message("assistant", calls),
            Message("tool", (ToolResult("y", (Text("坏"),), is_error=True),)),
            Message("tool", (ToolResult("x", (Text('{"a":1}'), Media("image", "image/png", data="AA=="))),)),
        )
    )
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"n": 1}, "id": "x"}},
                {"functionCall": {"name": "g", "args": {}, "id": "y"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "name": "f",
                        "id": "x",
                        "response": {"a": 1},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
                    }
                },
                {"functionResponse": {"name": "g", "id": "y", "response": {"error": "坏"}}},
            ],
        },
    ]


def test_ids_of_calls_are_left_out_for_a_provider_that_refuses_them() -> None:
    target = Target("https://h", "gemini-2.5-pro", frozenset({"no_call_ids"}))
    turns = (Message("assistant", (ToolCall("x", "f", "{}"),)), Message("tool", (ToolResult("x", (Text("r"),)),)))
    contents = sent(foreign(USER, *turns), target)["contents"]
    assert contents[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]
    assert contents[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]


def test_the_first_call_without_a_signature_gets_googles_stand_in_from_generation_3_on() -> None:
    calls = Message("assistant", (Text("先"), ToolCall("x", "f", "{}"), ToolCall("y", "f", "{}")))
    parts = sent(foreign(USER, calls), GEMINI_3)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, SKIP_VALIDATION, None]
    older = sent(foreign(USER, calls), GEMINI_25)["contents"][1]["parts"]
    assert not any("thoughtSignature" in part for part in older)


def test_a_gemini_clients_history_from_another_maker_gets_the_stand_in_too() -> None:
    call = {"functionCall": {"name": "f", "args": {}, "id": "call_1"}}
    contents = [{"role": "user", "parts": [{"text": "?"}]}, {"role": "model", "parts": [call]}]
    asked = ask({"contents": contents})
    assert sent(asked, GEMINI_3)["contents"][1]["parts"] == [{**call, "thoughtSignature": SKIP_VALIDATION}]
    assert sent(asked, GEMINI_25)["contents"] == contents


def test_signatures_are_replayed_where_they_were() -> None:
    parts = (
        Reasoning("想", "c3A=", bound_to="gemini-generate"),
        ToolCall("x", "f", "{}", "c3E=", bound_to="gemini-generate"),
        ToolCall("y", "f", "{}"),
        Reasoning("", "c3I=", True, "gemini-generate"),
    )
    assert sent(foreign(USER, Message("assistant", parts)), GEMINI_3)["contents"][1]["parts"] == [
        {"text": "想", "thought": True, "thoughtSignature": "c3A="},
        {"functionCall": {"name": "f", "args": {}, "id": "x"}, "thoughtSignature": "c3E="},
        {"functionCall": {"name": "f", "args": {}, "id": "y"}},
        {"text": "", "thoughtSignature": "c3I="},
    ]


def test_reasoning_of_another_provider_is_never_sent() -> None:
    parts = (Reasoning("想", "sig", bound_to="anthropic-messages"), Text("好"))
    assert sent(foreign(USER, Message("assistant", parts)))["contents"][1]["parts"] == [{"text": "好"}]
    sealed = wire_signature("sig", "anthropic-messages")
    kept = {"functionCall": {"name": "f", "args": {}}}
    contents = [
        {"role": "user", "parts": [{"text": "?"}]},
        {
            "role": "model",
            "parts": [
                {"text": "想", "thought": True, "thoughtSignature": sealed},
                {**kept, "thoughtSignature": sealed},
            ],
        },
    ]
    assert sent(ask({"contents": contents}), GEMINI_25)["contents"][1]["parts"] == [kept]
    assert sent(ask({"contents": contents}), GEMINI_3)["contents"][1]["parts"] == [
        {**kept, "thoughtSignature": SKIP_VALIDATION}
    ]


def test_a_thought_that_is_marked_but_not_sealed_is_anothers_too_and_leaves_no_empty_turn() -> None:
    thought = {"text": "想", "thought": True, "thoughtSignature": wire_signature(None, "ollama-chat")}
    contents = [
        {"role": "user", "parts": [{"text": "?"}]},
        {"role": "model", "parts": [thought]},
        {"role": "model", "parts": [{"text": "好"}]},
        {"role": "user", "parts": [{"text": "!"}]},
    ]
    assert sent(ask({"contents": contents}), GEMINI_3)["contents"] == [contents[0], *contents[2:]]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice_becomes_a_mode(choice: ToolChoice, calling: dict[str, Any]) -> None:
    body = sent(foreign(tools=(Tool("f"),), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


SCHEMA = {
    "$schema": "x",
    "type": "object",
    "properties": {"a": {"type": ["string", "null"]}},
    "additionalProperties": False,
}


def test_schemas_are_json_schema_unless_the_provider_takes_its_own_only() -> None:
    asked = foreign(
        tools=(Tool("f", "说", SCHEMA), Tool("g", None, {"type": "object", "properties": {}})),
        output_format=OutputFormat("json_schema", SCHEMA, "name", True),
    )
    plain = {name: value for name, value in SCHEMA.items() if name != "$schema"}
    body = sent(asked)
    assert body["tools"][0]["functionDeclarations"][0] == {
        "name": "f",
        "description": "说",
        "parametersJsonSchema": plain,
    }
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": plain}
    narrow = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    older = sent(asked, Target("https://h", "gemini-1.5-pro", frozenset({"api_schema"})))
    declared = older["tools"][0]["functionDeclarations"]
    assert [each.get("parameters") for each in declared] == [narrow, None]
    assert older["generationConfig"]["responseSchema"] == narrow


def test_settings_have_the_wires_names() -> None:
    settings = foreign(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        max_output_tokens=7,
        stop=("完",),
        seed=1,
        n=2,
        output_format=OutputFormat("json"),
        extra={"logprobs": True, "top_logprobs": 2, "frequency_penalty": 1},
    )
    assert sent(settings, limit=99)["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "maxOutputTokens": 7,
        "stopSequences": ["完"],
        "seed": 1,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 2,
        "responseMimeType": "application/json",
    }
    assert sent(foreign(), limit=99)["generationConfig"] == {"maxOutputTokens": 99}


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Unknown("openai-chat", {"type": "new"}), "cannot say"),
        (Media("file", "application/pdf", file_id="file-1"), "kept by another provider"),
        (Media("image", data="AA=="), "no media type"),
        (ToolCall("x", "f", "{oops"), "not a JSON object"),
        (ToolResult("nowhere", (Text("r"),)), "no earlier message"),
    ],
)
def test_content_that_cannot_be_said_is_refused_with_its_place_and_the_reason(part: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as raised:
        sent(foreign(USER, Message("assistant", (Text("a"), part))))
    assert raised.value.param == "messages[1].parts[1]"


def test_another_makers_own_tool_and_a_conversation_without_turns_are_refused() -> None:
    with pytest.raises(InvalidRequest) as raised:
        sent(foreign(tools=(Tool("web_search", hosted={"type": "web_search"}),)))
    assert raised.value.param == "tools[0]"
    with pytest.raises(InvalidRequest) as raised:
        sent(foreign(Message("system", (Text("s"),))))
    assert raised.value.param == "messages"


def test_media_by_address_is_typed_by_its_ending() -> None:
    parts = (Media("image", url="https://h/猫.JPG?x=1"), Media("file", "application/pdf", url="https://h/doc"))
    assert sent(foreign(Message("user", parts)))["contents"][0]["parts"] == [
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://h/猫.JPG?x=1"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://h/doc"}},
    ]


def test_a_result_names_the_function_that_its_id_called_last() -> None:
    turns = []
    for name in ("f", "g"):
        turns.append(Message("assistant", (ToolCall("same", name, "{}"),)))
        turns.append(Message("tool", (ToolResult("same", (Text(name),)),)))
    contents = sent(foreign(USER, *turns))["contents"]
    assert [turn["parts"][0]["functionResponse"]["name"] for turn in contents[2::2]] == ["f", "g"]
