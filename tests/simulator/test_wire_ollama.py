"""The stand-in that speaks Ollama's own chat, as Ollama's own client reads it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from ollama import AsyncClient, ResponseError

from entrepot.simulator.provider import Simulator
from tests.simulator.sdk_world import CITY, KEY, NOTHING, PIXEL, stand_ins

pytestmark = pytest.mark.sockets

HELLO: Any = [{"role": "user", "content": "你好，港口"}]
BOTH: Any = {"role": "user", "content": "call the tool get_weather and call the tool get_time"}
TOOLS: Any = [
    {"type": "function", "function": {"name": "get_weather", "description": "天气", "parameters": CITY}},
    {"type": "function", "function": {"name": "get_time", "parameters": NOTHING}},
]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with stand_ins() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(simulator.base_url("ollama-chat"), headers={"authorization": f"Bearer {KEY}"}) as opened:
        yield opened


async def chat(client: AsyncClient, model: str = "echo", messages: Any = HELLO, **more: Any) -> Any:
    return await client.chat(model, messages, **more)


async def lines_of(client: AsyncClient, model: str = "echo", messages: Any = HELLO, **more: Any) -> list[Any]:
    return [line async for line in await client.chat(model, messages, stream=True, **more)]


async def raw(client: Any, body: dict[str, Any]) -> None:
    """A request as the client would send it, did its own types let it."""
    await client._request_raw("POST", "/api/chat", json=body)


async def test_a_whole_answer_and_its_usage_are_what_the_books_say(client: AsyncClient, simulator: Simulator) -> None:
    answer = await chat(client, messages=[{"role": "system", "content": "简短。"}, *HELLO])
    assert "你好，港口" in answer.message.content
    assert (answer.done, answer.done_reason, answer.model) == (True, "stop", "echo")
    (row,) = simulator.books.rows
    assert (answer.prompt_eval_count, answer.eval_count) == (row.tokens.input_tokens, row.tokens.output_tokens)
    assert simulator.heard("ollama-chat").system == "简短。"


@pytest.mark.parametrize("model", ["echo", "thinker"])
async def test_a_stream_comes_to_the_same_message(client: AsyncClient, model: str) -> None:
    whole = await chat(client, model)
    lines = await lines_of(client, model)
    assert "".join(line.message.content for line in lines) == whole.message.content
    assert "".join(line.message.thinking or "" for line in lines) == (whole.message.thinking or "")
    assert bool(whole.message.thinking) == (model == "thinker")
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1].eval_count == whole.eval_count


async def test_thinking_is_switched_off(client: AsyncClient, simulator: Simulator) -> None:
    assert not (await chat(client, "thinker", think=False)).message.thinking
    assert simulator.books.rows[-1].tokens.reasoning_tokens == 0
    assert (await chat(client, "thinker", think="high")).message.thinking


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel_and_answered(client: AsyncClient, stream: bool) -> None:
    if stream:
        lines = await lines_of(client, messages=[BOTH], tools=TOOLS)
        calls = [call for line in lines for call in line.message.tool_calls or ()]
    else:
        calls = (await chat(client, messages=[BOTH], tools=TOOLS)).message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert "city" in calls[0].function.arguments
    assert calls[1].function.arguments == {}
    history = [
        BOTH,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "get_weather", "content": "晴"},
        {"role": "tool", "tool_name": "get_time", "content": "noon"},
    ]
    second = await chat(client, messages=history, tools=TOOLS)
    assert second.message.content == "The tool returned: 晴; noon"


async def test_formats_and_stops_are_heard(client: AsyncClient) -> None:
    by_schema = await chat(client, format=CITY)
    assert msgspec.json.decode(by_schema.message.content) == {"city": "你好，港口"}
    assert "answer" in msgspec.json.decode((await chat(client, format="json")).message.content)
    cut = await chat(client, options={"num_predict": 2})
    assert (cut.done_reason, cut.eval_count) == ("length", 2)
    stopped = await chat(client, options={"stop": ["wrote"], "temperature": 0.1})
    assert stopped.message.content.endswith("You ")


async def test_a_picture_is_seen(client: AsyncClient, simulator: Simulator) -> None:
    await chat(client, messages=[{"role": "user", "content": "What?", "images": [base64.b64decode(PIXEL)]}])
    assert simulator.heard("ollama-chat").prompt.startswith("[image ")


async def test_what_does_not_fit_the_context_is_cut_without_a_word_unless_that_is_refused(
    client: AsyncClient, simulator: Simulator
) -> None:
    # Quirk 11: the default context is small, and silently cuts long prompts.
    long = [{"role": "user", "content": "起" + "文" * 5000}]
    cut = await chat(client, messages=long)
    assert cut.prompt_eval_count == 4096
    assert "起" not in simulator.heard("ollama-chat").prompt
    whole = await chat(client, messages=long, options={"num_ctx": 8192})
    assert whole.prompt_eval_count == 5001
    body = {"model": "echo", "messages": long, "truncate": False, "stream": False}
    with pytest.raises(ResponseError, match="exceeds the available context size") as caught:
        await raw(client, body)
    assert caught.value.status_code == 400


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"messages": HELLO}, "model is required"),
    ({"model": 3}, "cannot unmarshal number into Go struct field ChatRequest.model"),
    ({"model": "echo", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "cannot unmarshal array"),
    ({"model": "echo", "messages": [{"role": "robot", "content": "x"}]}, "invalid role"),
    ({"model": "echo", "messages": [{"role": "user", "content": "x", "images": ["!"]}]}, "illegal base64"),
    ({"model": "echo", "messages": HELLO, "format": "yaml"}, "invalid format"),
    ({"model": "echo", "messages": HELLO, "think": "very"}, "invalid think value"),
    ({"model": "echo", "messages": HELLO, "options": {"num_ctx": "x"}}, "num_ctx"),
    (
        {"model": "echo", "messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}]},
        "arguments",
    ),
    ({"model": "echo", "messages": HELLO, "tools": [{"function": {}}]}, "tools.function"),
]


@pytest.mark.parametrize(("body", "reason"), MALFORMED)
async def test_what_ollama_refuses_is_refused(client: AsyncClient, body: dict[str, Any], reason: str) -> None:
    with pytest.raises(ResponseError, match=reason) as caught:
        await raw(client, body)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_status_is_the_clients_own_error(client: AsyncClient, status: int) -> None:
    with pytest.raises(ResponseError) as caught:
        await chat(client, f"echo~status:{status}")
    assert caught.value.status_code == status


async def test_an_error_in_the_middle_and_an_unknown_model_are_errors(client: AsyncClient) -> None:
    with pytest.raises(ResponseError, match="error while processing"):
        await lines_of(client, "echo~error-frame")
    with pytest.raises(ResponseError, match="does not exist"):
        await chat(client, "nobody")
    assert {model.model for model in (await client.list()).models} == {"echo", "thinker", "slow"}


@pytest.mark.parametrize("fault", ["one-byte-writes", "other-model:x", "early-hints", "slow-chunks:1"])
async def test_strange_manners_lose_nothing(client: AsyncClient, fault: str) -> None:
    lines = await lines_of(client, f"echo~{fault}")
    assert "你好，港口" in "".join(line.message.content for line in lines)
    assert lines[-1].model == ("x" if fault.startswith("other") else "echo")
