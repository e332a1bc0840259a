"""Reasoning that is bound to its provider, on its way through a client of another dialect and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types.responses import Response as SdkResponse

from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS, open_relay
from tests.dialects.gemini_generate.asking import DIALECT as GEMINI
from tests.dialects.gemini_generate.asking import GEMINI_3
from tests.dialects.gemini_generate.test_recorded import answered as answered_by_gemini
from tests.dialects.openai_responses.asking import DIALECT, TARGET, ask
from tests.dialects.openai_responses.test_answer import whole
from tests.dialects.openai_responses.test_answer_items import CALL, SEALED

USER = {"role": "user", "content": "?"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "晴"}
TOOLS = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]


def answer(client: str, asked: Asked, provider: str, body: dict[str, Any], target: Target = TARGET) -> dict[str, Any]:
    relay = open_relay(CLIENT_DIALECTS[client], PROVIDER_DIALECTS[provider], asked, target, 1)
    fed, closed = relay.feed(json.dumps(body).encode()), relay.close()
    assert closed.failure is None
    said: dict[str, Any] = json.loads(fed.data + closed.data)
    return said


def test_sealed_reasoning_comes_back_through_an_anthropic_client() -> None:
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    body = {"model": "m", "max_tokens": 9, "messages": [USER], "tools": tools}
    anthropic = CLIENT_DIALECTS["anthropic-messages"]
    asked = anthropic.parse_request(json.dumps(body).encode())
    said = answer("anthropic-messages", asked, "openai-responses", whole(output=[SEALED, CALL]))
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "晴"}
    again = [USER, {"role": "assistant", "content": said["content"]}, {"role": "user", "content": [result]}]
    asked = anthropic.parse_request(json.dumps({**body, "messages": again}).encode())
    sent = json.loads(DIALECT.render_request(asked, TARGET, None).body)
    assert [item["type"] for item in sent["input"]] == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent["input"][1]["encrypted_content"] == SEALED["encrypted_content"]
    elsewhere = PROVIDER_DIALECTS["gemini-generate"].render_request(asked, GEMINI_3, None)
    assert SEALED["encrypted_content"].encode() not in elsewhere.body


def test_sealed_reasoning_comes_back_through_a_chat_client() -> None:
    body = {"model": "m", "messages": [USER]}
    chat = CLIENT_DIALECTS["openai-chat"]
    message = answer("openai-chat", chat.parse_request(json.dumps(body).encode()), "openai-responses",
                     whole(output=[SEALED, CALL]))["choices"][0]["message"]  # fmt: skip
    result = {"role": "tool", "tool_call_id": "c1", "content": "晴"}
    asked = chat.parse_request(json.dumps({**body, "messages": [USER, message, result]}).encode())
    sent = json.loads(DIALECT.render_request(asked, TARGET, None).body)
    assert [item.get("encrypted_content") for item in sent["input"]] == [None, SEALED["encrypted_content"], None, None]


def test_reasoning_text_of_a_chat_provider_comes_back_to_it_and_to_nobody_else() -> None:
    message = {"role": "assistant", "content": "好", "reasoning_content": "想"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    completion = {"id": "x", "model": "m", "created": 1, "choices": [choice]}
    said = answer("openai-responses", ask(), "openai-chat", completion)
    SdkResponse.model_validate(said)
    again = ask(input=[USER, *said["output"], USER])
    chat = PROVIDER_DIALECTS["openai-chat"]
    target = Target("https://a.example", "m", frozenset({"replay_reasoning"}))
    sent = json.loads(chat.render_request(again, target, None).body)
    assert sent["messages"][1] == {"role": "assistant", "content": "好", "reasoning_content": "想"}
    own = json.loads(DIALECT.render_request(again, TARGET, None).body)
    assert [item.get("type", "message") for item in own["input"]] == ["message", "message", "message"]
    assert not any("entrepot" in str(item.get("id")) for item in own["input"])


def test_a_thought_signature_of_a_call_comes_back_through_a_responses_client() -> None:
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    content = {"role": "model", "parts": [call]}
    body = {"candidates": [{"content": content, "finishReason": "STOP"}], "responseId": "g1", "modelVersion": "m"}
    said = answer("openai-responses", ask(tools=TOOLS), "gemini-generate", body, GEMINI_3)
    assert [item["type"] for item in said["output"]] == ["reasoning", "function_call"]
    result = {**RESULT, "call_id": said["output"][1]["call_id"]}
    again = ask(tools=TOOLS, input=[USER, *said["output"], result])
    sent = json.loads(PROVIDER_DIALECTS["gemini-generate"].render_request(again, GEMINI_3, None).body)
    assert sent["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_every_recorded_answer_of_gemini_is_one_that_the_sdk_takes(wire_dir: Path) -> None:
    seen = 0
    for exchange in answered_by_gemini(wire_dir):
        relay = open_relay(DIALECT, GEMINI, ask(), GEMINI_3, 1)
        fed, closed = relay.feed(json.dumps(exchange["response"]).encode()), relay.close()
        response = SdkResponse.model_validate_json(fed.data + closed.data)
        parts = exchange["response"]["candidates"][0]["content"].get("parts", ())
        texts = [part["text"] for part in parts if part.get("text") and not part.get("thought")]
        calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        assert response.output_text == "".join(texts), exchange["id"]
        assert [item.name for item in response.output if item.type == "function_call"] == calls
        seen += 1
    assert seen >= 150


@pytest.mark.parametrize("provider", sorted(PROVIDER_DIALECTS.keys() - {"openai-responses"}))
def test_a_hosted_tool_is_refused_by_name_where_the_provider_speaks_another_dialect(provider: str) -> None:
    target = Target("https://a.example", "m", max_output_tokens=9)
    with pytest.raises(Exception, match="web_search"):
        PROVIDER_DIALECTS[provider].render_request(ask(tools=[{"type": "web_search"}]), target, None)
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    with pytest.raises(Exception, match="web_search_call"):
        PROVIDER_DIALECTS[provider].render_request(ask(input=[USER, item, USER]), target, None)


def test_the_envelope_says_nothing_in_this_dialect() -> None:
    body = b'{"model": "m", "input": "hi"}'
    assert DIALECT.parse_request(body, Envelope("/v1/responses", "", {b"x": b"y"})).headers == ()
