"""Official SDKs against a running gateway whose providers speak Bedrock Converse and Ollama's own chat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.pairs import booked
from tests.end_to_end.world import (
    CHEAP,
    KEY,
    NEVER_OPENS,
    PROVIDER_SECRET,
    World,
    deployment,
    simulator_in_thread,
    world_of,
)
from tests.simulator.sdk_world import PIXEL

pytestmark = pytest.mark.end_to_end

PROVIDERS = {"bedrock": "bedrock-converse", "ollama": "ollama-chat"}
FAULTS = ("error-frame", "close-midway", "no-done", "status:429", "one-byte-writes", "pings", "half-chunk")
MODELS = tuple(StandInModel(name, CHEAP, reasoning_tokens=tokens, shows_reasoning=tokens > 0)
               for name, tokens in (("echo", 0), ("thinker", 20)))  # fmt: skip
PLAN = Plan(tuple(StandInProvider(name, MODELS, PROVIDER_SECRET, dialect) for name, dialect in PROVIDERS.items()))
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Any = {"type": "function", "function": {"name": "查天气", "description": "天气", "parameters": CITY}}
WEATHER: Any = {"name": "get_weather", "description": "天气", "input_schema": CITY}
HI: Any = [{"role": "user", "content": "你好，世界"}]
providers = pytest.mark.parametrize("provider", sorted(PROVIDERS))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with simulator_in_thread(PLAN) as simulator:
        deployments = tuple(
            deployment(
                simulator, name, model, CHEAP, dialect=dialect, upstream_name=model, context_tokens=20_000,
                id=f"{name}/{model}",
            )
            for name, dialect in PROVIDERS.items()
            for model in ("echo", "thinker", *(f"echo~{fault}" for fault in FAULTS))
        )  # fmt: skip
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(tmp_path_factory.mktemp("installation"))),
            deployments=deployments,
            routes=(),
            exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
            keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest()),),
            deadlines=Deadlines(connect_s=2, first_byte_s=5, idle_s=5, total_s=20),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        with world_of(simulator, settings) as installation:
            yield installation


@pytest.fixture
def client(gateway: World) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def anthropics(gateway: World) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.base_url.removesuffix("/v1"), api_key=KEY, max_retries=0) as made:
        yield made


@providers
def test_openais_client_reads_a_whole_answer_and_the_same_in_pieces(client: OpenAI, provider: str) -> None:
    whole = client.chat.completions.create(model=f"{provider}/echo", messages=HI)
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model=f"{provider}/echo", messages=HI, stream=True, stream_options=options)
    )
    text = whole.choices[0].message.content
    assert text is not None
    assert "你好，世界" in text
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
    assert whole.choices[0].finish_reason == "stop"
    assert (whole.usage, whole.model) == (chunks[-1].usage, "echo")
    assert whole.usage is not None
    assert whole.usage.prompt_tokens > 0


@providers
def test_a_stream_is_labelled_as_the_clients_dialect_has_it(gateway: World, provider: str) -> None:
    # Quirk 13: Bedrock's streams are binary, Ollama's are lines; an OpenAI client is sent server-sent events.
    _, headers, data = gateway.chat(f"{provider}/echo", "你好", stream=True)
    assert headers["content-type"].startswith("text/event-stream")
    assert data.endswith(b"data: [DONE]\n\n")


@providers
def test_anthropics_client_reads_a_whole_answer_and_the_same_in_pieces(anthropics: Anthropic, provider: str) -> None:
    asked: Any = {"model": f"{provider}/thinker", "max_tokens": 4000, "messages": HI, "system": "简短。"}
    whole = anthropics.messages.create(**asked)
    with anthropics.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert [block.model_dump() for block in final.content] == [block.model_dump() for block in whole.content]
    assert final.stop_reason == whole.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens > 20


@providers
@pytest.mark.parametrize("stream", [False, True])
def test_openais_client_calls_tools_and_answers_them(client: OpenAI, provider: str, stream: bool) -> None:
    asked: Any = {"model": f"{provider}/echo", "tools": [TOOL]}
    forced: Any = {"type": "function", "function": {"name": "查天气"}}
    messages: Any = [{"role": "user", "content": "北京"}]
    if provider == "ollama":  # which cannot be forced: the stand-in calls what the prompt names
        forced = "auto"
        asked["tools"] = [{"type": "function", "function": {**TOOL["function"], "name": "get_weather"}}]
        messages = [{"role": "user", "content": "调用工具 get_weather"}]
    call = called(client, stream, messages=messages, tool_choice=forced, **asked)
    assert call["name"] == asked["tools"][0]["function"]["name"]
    assert "city" in json.loads(call["arguments"])
    history = [
        *messages,
        {"role": "assistant", "tool_calls": [{"id": call["id"], "type": "function", "function": {
            "name": call["name"], "arguments": call["arguments"]}}]},
        {"role": "tool", "tool_call_id": call["id"], "content": "晴，25℃"},
    ]  # fmt: skip
    second = client.chat.completions.create(messages=history, **asked)
    assert second.choices[0].message.content == "The tool returned: 晴，25℃"


def called(client: OpenAI, stream: bool, **asked: Any) -> dict[str, str]:
    if not stream:
        answer = client.chat.completions.create(**asked)
        assert answer.choices[0].finish_reason == "tool_calls"
        call: Any = (answer.choices[0].message.tool_calls or [None])[0]
        return {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
    with client.chat.completions.stream(**asked) as opened:
        final: Any = opened.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    return {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}


def test_anthropics_client_plays_a_tool_loop_with_thinking_on_bedrock(anthropics: Anthropic, gateway: World) -> None:
    ask: Any = {"role": "user", "content": "call the tool get_weather"}
    asked: Any = {"model": "bedrock/thinker", "max_tokens": 4000, "tools": [WEATHER]}
    first: Any = anthropics.messages.create(messages=[ask], **asked)
    thought, use = first.content
    assert first.stop_reason == "tool_use"
    result: Any = {"type": "tool_result", "tool_use_id": use.id, "content": "晴", "is_error": True}
    history: Any = [ask, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second: Any = anthropics.messages.create(messages=history, **asked)
    assert second.content[-1].text == "The tool returned: 晴"
    # The signature went through a client of another dialect and came back to the provider that made it.
    assert gateway.simulator.heard("bedrock").replayed == (thought.thinking,)


@providers
def test_a_picture_reaches_the_provider(client: OpenAI, gateway: World, provider: str) -> None:
    content = [{"type": "text", "text": "What is it?"},
               {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]  # fmt: skip
    client.chat.completions.create(model=f"{provider}/echo", messages=[{"role": "user", "content": content}])  # type: ignore[list-item,misc]  # a plain dictionary
    assert "[image" in gateway.simulator.heard(provider).prompt


@providers
def test_an_address_of_a_picture_is_refused_with_the_reason(client: OpenAI, provider: str) -> None:
    content: Any = [{"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}]
    with pytest.raises(openai.APIStatusError, match="fetches nothing"):
        client.chat.completions.create(model=f"{provider}/echo", messages=[{"role": "user", "content": content}])


@providers
def test_json_by_a_schema(client: OpenAI, provider: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
    answer = client.chat.completions.create(model=f"{provider}/echo", messages=HI, response_format=form)
    assert json.loads(answer.choices[0].message.content or "") == {"city": "你好，世界"}


@providers
def test_a_limit_and_a_stop_are_kept(client: OpenAI, provider: str) -> None:
    cut = client.chat.completions.create(model=f"{provider}/echo", messages=HI, max_completion_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 2
    stopped = client.chat.completions.create(model=f"{provider}/echo", messages=HI, stop=["wrote"])
    assert stopped.choices[0].finish_reason == "stop"
    assert "wrote" not in (stopped.choices[0].message.content or "")


def test_a_long_prompt_is_not_cut_by_ollama(client: OpenAI, gateway: World) -> None:
    # Quirk 11: with the server's own context, 4,096 tokens, its beginning would be lost without a word.
    answer = client.chat.completions.create(
        model="ollama/echo", messages=[{"role": "user", "content": "起" + "文" * 9000}]
    )
    assert "起文" in (answer.choices[0].message.content or "")
    assert gateway.simulator.heard("ollama").options["context"] == 16384
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 9001


def test_a_prompt_marked_for_the_cache_is_written_and_read_on_bedrock(anthropics: Anthropic) -> None:
    system: Any = [{"type": "text", "text": "港" * 1500, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    asked: Any = {"model": "bedrock/echo", "max_tokens": 100, "messages": HI, "system": system}
    first, again = (anthropics.messages.create(**asked).usage for _ in range(2))
    assert first.cache_creation_input_tokens == 1500
    assert again.cache_read_input_tokens == 1500
    assert again.cache_creation_input_tokens == 0
    assert first.input_tokens == again.input_tokens


@providers
@pytest.mark.parametrize("fault", ["error-frame", "close-midway", "half-chunk"])
def test_a_stream_that_breaks_in_the_middle_is_an_error_to_each_client(
    client: OpenAI, anthropics: Anthropic, provider: str, fault: str
) -> None:
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model=f"{provider}/echo~{fault}", messages=HI, stream=True):
            pass
    opened = anthropics.messages.stream(model=f"{provider}/echo~{fault}", max_tokens=200, messages=HI)
    with opened as stream, pytest.raises(anthropic.APIStatusError):
        stream.get_final_message()


def test_bedrocks_answer_without_its_metadata_is_whole_and_ollamas_without_its_last_line_is_not(client: OpenAI) -> None:
    def text(provider: str) -> str:
        chunks = client.chat.completions.create(model=f"{provider}/echo~no-done", messages=HI, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    assert "你好" in text("bedrock")
    with pytest.raises(openai.APIError):
        text("ollama")


@providers
@pytest.mark.parametrize("fault", ["one-byte-writes", "pings"])
def test_strange_manners_lose_nothing(client: OpenAI, provider: str, fault: str) -> None:
    chunks = client.chat.completions.create(model=f"{provider}/echo~{fault}", messages=HI, stream=True)
    assert "你好，世界" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@providers
def test_a_limit_of_the_providers_is_the_sdks_own_error(client: OpenAI, provider: str) -> None:
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=f"{provider}/echo~status:429", messages=HI)


@providers
def test_the_exchange_is_written_down_with_what_the_provider_billed(gateway: World, provider: str) -> None:
    status, headers, _ = gateway.chat(f"{provider}/echo", "一句话")
    assert status == 200
    assert headers["x-entrepot-deployment"] == f"{provider}/echo"
    row = booked(gateway, provider)
    assert row.cost_nano is not None
    assert round(float(headers["x-entrepot-cost-usd"]) * 10**9) == row.cost_nano


def test_the_directory_of_the_installation_holds_no_secret(gateway: World) -> None:
    files = [file for file in Path(gateway.directory).rglob("*") if file.is_file()]
    assert files
    assert all(PROVIDER_SECRET.encode() not in file.read_bytes() for file in files)
