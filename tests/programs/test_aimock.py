"""The official SDKs before the gateway and aimock behind it, each client with every dialect that aimock speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.programs.aimock import CALLED, HELLO, PATHS, TOLD, aimock
from tests.programs.installation import KEY, gateway_before

pytestmark = pytest.mark.end_to_end

every_dialect = pytest.mark.parametrize("dialect", PATHS)
# aimock's Ollama counts no tokens, and calls reasoning `reasoning_content` where Ollama says `thinking`.
every_dialect_but_ollama = pytest.mark.parametrize("dialect", [each for each in PATHS if each != "ollama-chat"])

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
DESCRIPTION = "The weather in a city. 天气。"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock")) as provider:
        base_urls = {dialect: provider + path for dialect, path in PATHS.items()}
        with gateway_before(base_urls, tmp_path_factory.mktemp("ledger")) as gateway:
            yield gateway


@pytest.fixture
def chat(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def messages(address: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=address, api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def gemini(address: str) -> Iterator[genai.Client]:
    made = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=address))
    yield made
    made.close()


# ---- OpenAI chat -----------------------------------------------------------------------------------------------------

WEATHER_OF_CHAT: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": DESCRIPTION, "parameters": SCHEMA},
}


@every_dialect
def test_openai_whole_and_streamed(chat: openai.OpenAI, dialect: str) -> None:
    asked: Any = {"model": dialect, "messages": [{"role": "user", "content": "你好"}]}
    whole = chat.chat.completions.create(**asked)
    assert whole.choices[0].message.content == HELLO
    assert whole.choices[0].finish_reason == "stop"
    chunks = list(chat.chat.completions.create(**asked, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HELLO


@every_dialect_but_ollama
def test_openai_usage(chat: openai.OpenAI, dialect: str) -> None:
    asked: Any = {"model": dialect, "messages": [{"role": "user", "content": "你好"}]}
    whole = chat.chat.completions.create(**asked).usage
    last = list(chat.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))[-1].usage
    for usage in (whole, last):
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (21, 8)


@every_dialect
@pytest.mark.parametrize("stream", [False, True])
def test_openai_tools(chat: openai.OpenAI, dialect: str, stream: bool) -> None:
    conversation: list[Any] = [{"role": "user", "content": "杭州的天气？"}]
    asked: Any = {"model": dialect, "tools": [WEATHER_OF_CHAT]}
    if stream:
        with chat.chat.completions.stream(messages=conversation, **asked) as opened:
            first: Any = opened.get_final_completion()
    else:
        first = chat.chat.completions.create(messages=conversation, **asked)
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", CALLED)
    conversation += [
        {"role": "assistant", "tool_calls": [call.model_dump(include={"id", "type", "function"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "晴"},
    ]
    second = chat.chat.completions.create(messages=conversation, **asked)
    assert second.choices[0].message.content == TOLD


@every_dialect_but_ollama
def test_openai_reasoning(chat: openai.OpenAI, dialect: str) -> None:
    asked: Any = {"model": dialect, "messages": [{"role": "user", "content": "think"}]}
    whole: Any = chat.chat.completions.create(**asked).choices[0].message
    assert whole.reasoning_content == "想一想: let me think."
    chunks: Any = list(chat.chat.completions.create(**asked, stream=True))
    thought = [getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks if chunk.choices]
    assert "".join(thought) == "想一想: let me think."


@every_dialect
def test_openai_errors(chat: openai.OpenAI, dialect: str) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        chat.chat.completions.create(model=dialect, messages=[{"role": "user", "content": "too fast"}])
    assert caught.value.response.headers["retry-after"] == "7"


# ---- OpenAI responses ------------------------------------------------------------------------------------------------

WEATHER_OF_RESPONSES: Any = {
    "type": "function",
    "name": "get_weather",
    "description": DESCRIPTION,
    "parameters": SCHEMA,
    "strict": False,
}


@every_dialect
def test_responses_whole_and_streamed(chat: openai.OpenAI, dialect: str) -> None:
    whole = chat.responses.create(model=dialect, input="你好")
    assert (whole.output_text, whole.status) == (HELLO, "completed")
    with chat.responses.stream(model=dialect, input="你好") as opened:
        text = "".join(event.delta for event in opened if event.type == "response.output_text.delta")
        final = opened.get_final_response()
    assert text == final.output_text == HELLO


@every_dialect_but_ollama
def test_responses_usage(chat: openai.OpenAI, dialect: str) -> None:
    whole = chat.responses.create(model=dialect, input="你好").usage
    with chat.responses.stream(model=dialect, input="你好") as opened:
        streamed = opened.get_final_response().usage
    for usage in (whole, streamed):
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens) == (21, 8)


@every_dialect
@pytest.mark.parametrize("stream", [False, True])
def test_responses_tools(chat: openai.OpenAI, dialect: str, stream: bool) -> None:
    said: list[Any] = [{"role": "user", "content": "杭州的天气？"}]
    asked: Any = {"model": dialect, "tools": [WEATHER_OF_RESPONSES]}
    if stream:
        with chat.responses.stream(input=said, **asked) as opened:
            first: Any = opened.get_final_response()
    else:
        first = chat.responses.create(input=said, **asked)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("get_weather", CALLED)
    said += [item.model_dump(exclude_none=True) for item in first.output]
    said.append({"type": "function_call_output", "call_id": call.call_id, "output": "晴"})
    assert chat.responses.create(input=said, **asked).output_text == TOLD


@every_dialect_but_ollama
@pytest.mark.parametrize("stream", [False, True])
def test_responses_reasoning(chat: openai.OpenAI, dialect: str, stream: bool) -> None:
    if stream:
        with chat.responses.stream(model=dialect, input="think") as opened:
            answer: Any = opened.get_final_response()
    else:
        answer = chat.responses.create(model=dialect, input="think")
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.output[0].summary[0].text == "想一想: let me think."


@every_dialect
def test_responses_errors(chat: openai.OpenAI, dialect: str) -> None:
    with pytest.raises(openai.RateLimitError):
        chat.responses.create(model=dialect, input="too fast")


# ---- Anthropic messages ----------------------------------------------------------------------------------------------

WEATHER_OF_MESSAGES: Any = {"name": "get_weather", "description": DESCRIPTION, "input_schema": SCHEMA}


@every_dialect
def test_anthropic_whole_and_streamed(messages: anthropic.Anthropic, dialect: str) -> None:
    asked: Any = {"model": dialect, "max_tokens": 99, "messages": [{"role": "user", "content": "你好"}]}
    whole: Any = messages.messages.create(**asked)
    assert whole.content[0].text == HELLO
    assert whole.stop_reason == "end_turn"
    with messages.messages.stream(**asked) as opened:
        final: Any = opened.get_final_message()
    assert final.content[0].text == HELLO


@every_dialect_but_ollama
def test_anthropic_usage(messages: anthropic.Anthropic, dialect: str) -> None:
    asked: Any = {"model": dialect, "max_tokens": 99, "messages": [{"role": "user", "content": "你好"}]}
    with messages.messages.stream(**asked) as opened:
        streamed = opened.get_final_message().usage
    for usage in (messages.messages.create(**asked).usage, streamed):
        assert (usage.input_tokens, usage.output_tokens) == (21, 8)


@every_dialect
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_tools(messages: anthropic.Anthropic, dialect: str, stream: bool) -> None:
    conversation: list[Any] = [{"role": "user", "content": "杭州的天气？"}]
    asked: Any = {"model": dialect, "max_tokens": 99, "tools": [WEATHER_OF_MESSAGES]}
    if stream:
        with messages.messages.stream(messages=conversation, **asked) as opened:
            first: Any = opened.get_final_message()
    else:
        first = messages.messages.create(messages=conversation, **asked)
    assert first.stop_reason == "tool_use"
    use = first.content[-1]
    assert (use.name, use.input) == ("get_weather", CALLED)
    conversation += [
        {"role": "assistant", "content": first.model_dump()["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "晴"}]},
    ]
    second: Any = messages.messages.create(messages=conversation, **asked)
    assert second.content[0].text == TOLD


@every_dialect_but_ollama
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_reasoning(messages: anthropic.Anthropic, dialect: str, stream: bool) -> None:
    asked: Any = {"model": dialect, "max_tokens": 99, "messages": [{"role": "user", "content": "think"}]}
    if stream:
        with messages.messages.stream(**asked) as opened:
            answer: Any = opened.get_final_message()
    else:
        answer = messages.messages.create(**asked)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking == "想一想: let me think."


@every_dialect
def test_anthropic_errors(messages: anthropic.Anthropic, dialect: str) -> None:
    with pytest.raises(anthropic.RateLimitError):
        messages.messages.create(model=dialect, max_tokens=9, messages=[{"role": "user", "content": "too fast"}])


# ---- Gemini ----------------------------------------------------------------------------------------------------------

WEATHER_OF_GEMINI = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="get_weather", description=DESCRIPTION, parameters_json_schema=SCHEMA)
    ]
)


@every_dialect
def test_gemini_whole_and_streamed(gemini: genai.Client, dialect: str) -> None:
    whole = gemini.models.generate_content(model=dialect, contents="你好")
    assert whole.text == HELLO
    chunks = list(gemini.models.generate_content_stream(model=dialect, contents="你好"))
    assert "".join(chunk.text or "" for chunk in chunks) == HELLO


@every_dialect_but_ollama
def test_gemini_usage(gemini: genai.Client, dialect: str) -> None:
    whole = gemini.models.generate_content(model=dialect, contents="你好").usage_metadata
    last = list(gemini.models.generate_content_stream(model=dialect, contents="你好"))[-1].usage_metadata
    for usage in (whole, last):
        assert usage is not None
        assert (usage.prompt_token_count, usage.candidates_token_count) == (21, 8)


@every_dialect
# aimock ends a call with a word that Google's API does not have. Where both sides speak Gemini, the provider's word stands.
@pytest.mark.filterwarnings("ignore:FUNCTION_CALL is not a valid FinishReason")
@pytest.mark.parametrize("stream", [False, True])
def test_gemini_tools(gemini: genai.Client, dialect: str, stream: bool) -> None:
    asked: Any = {"model": dialect, "config": types.GenerateContentConfig(tools=[WEATHER_OF_GEMINI])}
    question = types.Content(role="user", parts=[types.Part(text="杭州的天气？")])
    if stream:
        answers = list(gemini.models.generate_content_stream(contents=[question], **asked))
    else:
        answers = [gemini.models.generate_content(contents=[question], **asked)]
    calls = [call for answer in answers for call in answer.function_calls or ()]
    assert [(call.name, call.args) for call in calls] == [("get_weather", CALLED)]
    turn = types.Content(role="model", parts=[types.Part(function_call=calls[0])])
    told = types.FunctionResponse(id=calls[0].id, name="get_weather", response={"output": "晴"})
    result = types.Content(role="user", parts=[types.Part(function_response=told)])
    second = gemini.models.generate_content(contents=[question, turn, result], **asked)
    assert second.text == TOLD


@every_dialect_but_ollama
def test_gemini_reasoning(gemini: genai.Client, dialect: str) -> None:
    thinking = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    answer = gemini.models.generate_content(model=dialect, contents="think", config=thinking)
    assert answer.candidates is not None
    assert answer.candidates[0].content is not None
    parts = answer.candidates[0].content.parts or []
    assert [(part.thought or False, part.text) for part in parts] == [(True, "想一想: let me think."), (False, HELLO)]


@every_dialect
def test_gemini_errors(gemini: genai.Client, dialect: str) -> None:
    with pytest.raises(genai.errors.ClientError) as caught:
        gemini.models.generate_content(model=dialect, contents="too fast")
    assert caught.value.code == 429
