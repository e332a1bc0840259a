"""Google's own client reads what we render, of recorded and of made answers, and we read what it sends."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.genai import errors, types

from entrepot.canonical.request import Media, Text, ToolCall, ToolResult
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.gemini_generate import GeminiGenerate
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import InvalidRequest, RateLimited
from tests.dialects.gemini_generate.googles_client import GooglesClient, text_of
from tests.dialects.gemini_generate.test_recorded import answered, unpacked

GEMINI, OPENAI = GeminiGenerate(), OpenAIChat()


def test_every_recorded_answer_is_read_as_it_was(wire_dir: Path) -> None:
    client = GooglesClient(GEMINI)
    for exchange in answered(wire_dir):
        client.answer = json.dumps(exchange["response"]).encode()
        answer = client.models.generate_content(model="auto", contents="?")
        parts = exchange["response"]["candidates"][0]["content"].get("parts", ())
        said = answer.candidates[0].content.parts or ()
        assert [part.text for part in said] == [part.get("text") for part in parts], exchange["id"]
        assert [part.function_call and part.function_call.args for part in said] == [
            part.get("functionCall") and part["functionCall"]["args"] for part in parts
        ]
        signatures = [part.get("thoughtSignature") for part in parts]
        assert [_signature(part) for part in said] == [given and _bytes(given) for given in signatures]
        assert answer.usage_metadata.total_token_count == exchange["response"]["usageMetadata"]["totalTokenCount"]


def _signature(part: Any) -> bytes | None:
    return part.thought_signature  # type: ignore[no-any-return]  # bytes or None, by the SDK's own model


def _bytes(given: str) -> bytes:
    return base64.b64decode(given.translate(str.maketrans("-_", "+/")))


def test_every_recorded_openai_answer_is_one_that_the_client_takes(
    wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted: Counter[str] = Counter()
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        exchanges = [json.loads(line) for line in lines]
    client = GooglesClient(OPENAI, piece=100)
    for exchange in exchanges:
        answer = unpacked(exchange["response"])
        if exchange["status"] != 200 or not exchange["url"].split("?")[0].endswith("/chat/completions"):
            continue
        if isinstance(answer, str):
            client.answer = answer.encode()
            last = list(client.models.generate_content_stream(model="auto", contents="?"))[-1]
        else:
            client.answer = json.dumps(answer).encode()
            last = client.models.generate_content(model="auto", contents="?")
        assert last.candidates[0].finish_reason is not None, exchange["id"]
        counted[exchange["host"]] += 1
    with capsys.disabled():
        print(f"\nOpenAI chat answers that google-genai takes: {counted.total()} from {len(counted)} hosts", end="")
    assert counted.total() > 200


STREAM = (
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"\xe6\x83\xb3"}}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"\xe6\x99\xb4"}}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"\xe5\xa4\xa9"}}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,'
    b'"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_stream_of_another_dialect_is_read_with_its_usage_and_its_chinese(piece: int) -> None:
    client = GooglesClient(OPENAI, STREAM, piece=piece)
    chunks = list(client.models.generate_content_stream(model="auto", contents="天气?"))
    assert text_of(chunks) == "晴天"
    thoughts = [part.text for chunk in chunks for part in chunk.candidates[0].content.parts if part.thought]
    assert thoughts == ["想"]
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    usage = chunks[-1].usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (9, 3, 1)


def test_a_tool_call_of_another_dialect_is_answered_through_the_client() -> None:
    call = {"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": '{"city":"北京"}'}}
    choice = {"index": 0, "message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}
    client = GooglesClient(OPENAI, json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode())
    first = client.models.generate_content(model="auto", contents="天气?", config=_weather())
    asked = first.candidates[0].content
    assert first.function_calls[0].args == {"city": "北京"}
    result = types.Part.from_function_response(name="weather", response={"output": "晴"})
    turns = [types.UserContent("天气?"), asked, types.Content(role="user", parts=[result])]
    client.models.generate_content(model="auto", contents=turns, config=_weather())
    messages = client.seen[1].request.messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool"]
    assert messages[2].parts == (ToolCall("call_7", "weather", '{"city":"北京"}'),)
    assert messages[3].parts == (ToolResult("call_7", (Text("晴"),)),)
    assert client.seen[0].request.tools[0].parameters == {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    }
    assert client.seen[0].request.tool_choice is not None
    assert (client.seen[0].request.tool_choice.mode, client.seen[0].request.tool_choice.name) == ("named", "weather")


def _weather() -> types.GenerateContentConfig:
    parameters = types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    )
    declared = types.FunctionDeclaration(name="weather", description="天气", parameters=parameters)
    calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"])
    return types.GenerateContentConfig(
        system_instruction="用中文回答",
        tools=[types.Tool(function_declarations=[declared])],
        tool_config=types.ToolConfig(function_calling_config=calling),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def test_what_the_client_sends_is_understood() -> None:
    client = GooglesClient(
        OPENAI, b'{"id":"c","choices":[{"index":0,"message":{"content":"{}"},"finish_reason":"stop"}]}'
    )
    config = types.GenerateContentConfig(
        temperature=0.5,
        top_k=40,
        max_output_tokens=77,
        stop_sequences=["完"],
        seed=3,
        candidate_count=2,
        response_mime_type="application/json",
        response_json_schema={"type": "object", "properties": {"a": {"type": "string"}}},
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW),
    )
    picture = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")
    client.models.generate_content(model="fast/auto", contents=[picture, "何?"], config=config)
    request = client.seen[0].request
    assert request.model == "fast/auto"
    assert request.messages[0].parts == (Media("image", "image/png", data="iVBORw=="), Text("何?"))
    assert (request.temperature, request.top_k, request.max_output_tokens) == (0.5, 40, 77)
    assert (request.stop, request.seed, request.n, request.reasoning_effort) == (("完",), 3, 2, "low")
    assert request.output_format.kind == "json_schema"


def test_our_errors_are_raised_by_the_client() -> None:
    client = GooglesClient(OPENAI, InvalidRequest("'contents' is empty", param="contents"))
    with pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(model="auto", contents="?")
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    assert raised.value.message == "'contents' is empty"
    limited = GooglesClient(OPENAI, RateLimited("too many requests", retry_after_s=2.5))
    with pytest.raises(errors.ClientError) as raised:
        limited.models.generate_content(model="auto", contents="?")
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_an_error_in_the_middle_of_a_stream_is_raised_by_the_client() -> None:
    renderer = GEMINI.open_renderer(_streaming(), 0)
    error = RateLimited("the provider broke off", retry_after_s=1)
    first = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    parser = GEMINI.open_parser(_streaming(), Target("https://host", "model"))
    body = renderer.render(parser.feed(b"data: " + first + b"\n\n")) + renderer.break_off(error)
    client = GooglesClient(None, body)
    chunks = client.models.generate_content_stream(model="auto", contents="?")
    assert next(chunks).text == "a"
    with pytest.raises(errors.APIError) as raised:
        next(chunks)
    assert raised.value.message == "the provider broke off"


def _streaming() -> Asked:
    return GEMINI.parse_request(
        b'{"contents":[{"parts":[{"text":"?"}]}]}', Envelope("/v1beta/models/auto:streamGenerateContent", "alt=sse")
    )


def test_signs_of_life_are_nothing_to_the_client() -> None:
    sign = GEMINI.keep_alive(_streaming())
    first = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\r\n\r\n'
    last = b'data: {"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}\r\n\r\n'
    client = GooglesClient(None, sign + sign + first + sign + last + sign)
    assert text_of(list(client.models.generate_content_stream(model="auto", contents="?"))) == "ab"
    passed = GooglesClient(GEMINI, b": ping\n\n" + first + b": ping\n\n" + last)
    assert text_of(list(passed.models.generate_content_stream(model="auto", contents="?"))) == "ab"
