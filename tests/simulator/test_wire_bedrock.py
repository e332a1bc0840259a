"""The stand-in that speaks Bedrock's Converse, as Amazon's own client reads it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.eventstream import EventStreamError

from entrepot.simulator.provider import Simulator
from tests.simulator.sdk_world import CITY, KEY, NOTHING, PIXEL, stand_ins

pytestmark = pytest.mark.sockets

HELLO: Any = [{"role": "user", "content": [{"text": "你好，港口"}]}]
TOOLS: Any = {
    "tools": [
        {"toolSpec": {"name": "get_weather", "description": "天气", "inputSchema": {"json": CITY}}},
        {"toolSpec": {"name": "get_time", "inputSchema": {"json": NOTHING}}},
    ]
}
BOTH: Any = {"role": "user", "content": [{"text": "call the tool get_weather and call the tool get_time"}]}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with stand_ins() as running:
        yield running


def client_of(simulator: Simulator, key: str = KEY) -> Any:
    config = Config(retries={"total_max_attempts": 1}, signature_version="v4", read_timeout=20)
    return botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=simulator.base_url("bedrock-converse"),
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=config,
    )


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Any]:
    opened = await asyncio.to_thread(client_of, simulator)
    yield opened
    opened.close()


async def converse(client: Any, model: str = "echo", messages: Any = HELLO, **more: Any) -> Any:
    return await asyncio.to_thread(client.converse, modelId=model, messages=messages, **more)


async def events_of(client: Any, model: str = "echo", messages: Any = HELLO, **more: Any) -> list[Any]:
    def read() -> list[Any]:
        with closing(client.converse_stream(modelId=model, messages=messages, **more)["stream"]) as stream:
            return list(stream)

    return await asyncio.to_thread(read)


def folded(events: list[Any]) -> list[Any]:
    """The content that the events of a stream come to."""
    blocks: dict[int, Any] = {}
    for event in events:
        match event:
            case {"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": use}}}:
                blocks[index] = {"toolUse": {**use, "input": ""}}
            case {"contentBlockDelta": {"contentBlockIndex": index, "delta": {"text": piece}}}:
                blocks.setdefault(index, {"text": ""})["text"] += piece
            case {"contentBlockDelta": {"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}}}:
                blocks[index]["toolUse"]["input"] += piece
            case {"contentBlockDelta": {"contentBlockIndex": index, "delta": {"reasoningContent": said}}}:
                reasoned = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
                for name, piece in said.items():
                    text = reasoned["reasoningContent"]["reasoningText"]
                    text[name] = text.get(name, "") + piece
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = msgspec.json.decode(block["toolUse"]["input"])
    return [blocks[index] for index in sorted(blocks)]


async def test_a_whole_answer_and_its_usage_are_what_the_books_say(client: Any, simulator: Simulator) -> None:
    answer = await converse(client, system=[{"text": "简短。"}])
    assert "你好，港口" in answer["output"]["message"]["content"][0]["text"]
    assert answer["stopReason"] == "end_turn"
    (row,) = simulator.books.rows
    assert (row.state, row.id) == ("completed", answer["ResponseMetadata"]["RequestId"])
    usage = answer["usage"]
    assert (usage["inputTokens"], usage["outputTokens"]) == (row.tokens.input_tokens, row.tokens.output_tokens)
    assert simulator.heard("bedrock-converse").system == "简短。"


@pytest.mark.parametrize("model", ["echo", "thinker"])
async def test_a_stream_comes_to_the_same_message(client: Any, model: str) -> None:
    whole = await converse(client, model)
    events = await events_of(client, model)
    assert folded(events) == whole["output"]["message"]["content"]
    assert next(iter(events[0])) == "messageStart"
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert events[-2] == {"messageStop": {"stopReason": "end_turn"}}


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel_and_answered(client: Any, simulator: Simulator, stream: bool) -> None:
    if stream:
        content = folded(await events_of(client, "thinker", [BOTH], toolConfig=TOOLS))
    else:
        answer = await converse(client, "thinker", [BOTH], toolConfig=TOOLS)
        assert answer["stopReason"] == "tool_use"
        content = answer["output"]["message"]["content"]
    thought, *uses = content
    assert [use["toolUse"]["name"] for use in uses] == ["get_weather", "get_time"]
    assert "city" in uses[0]["toolUse"]["input"]
    assert uses[1]["toolUse"]["input"] == {}
    results = [
        {"toolResult": {"toolUseId": use["toolUse"]["toolUseId"], "content": [{"text": said}]}}
        for use, said in zip(uses, ("晴", "noon"), strict=True)
    ]
    history = [BOTH, {"role": "assistant", "content": content}, {"role": "user", "content": results}]
    second = await converse(client, "thinker", history, toolConfig=TOOLS)
    assert second["output"]["message"]["content"][-1]["text"] == "The tool returned: 晴; noon"
    said = thought["reasoningContent"]["reasoningText"]["text"]
    assert simulator.heard("bedrock-converse").replayed == (said,)


async def test_choices_schemas_and_stops_are_heard(client: Any, simulator: Simulator) -> None:
    forced = await converse(client, toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "get_time"}}})
    assert forced["output"]["message"]["content"][0]["toolUse"]["name"] == "get_time"
    anyone = await converse(client, toolConfig={**TOOLS, "toolChoice": {"any": {}}})
    assert anyone["stopReason"] == "tool_use"
    schema = msgspec.json.encode({**CITY, "additionalProperties": False}).decode()
    asked = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "city"}}}}
    answer = await converse(client, outputConfig=asked)
    assert msgspec.json.decode(answer["output"]["message"]["content"][0]["text"]) == {"city": "你好，港口"}
    stopped = await converse(
        client, inferenceConfig={"stopSequences": ["wrote"]}, additionalModelResponseFieldPaths=["/stop_sequence"]
    )
    assert stopped["stopReason"] == "stop_sequence"
    assert stopped["additionalModelResponseFields"] == {"stop_sequence": "wrote"}
    cut = await converse(client, inferenceConfig={"maxTokens": 2, "temperature": 0.5})
    assert (cut["stopReason"], cut["usage"]["outputTokens"]) == ("max_tokens", 2)
    assert simulator.heard("bedrock-converse").temperature == 0.5
    refused = await converse(client, messages=[{"role": "user", "content": [{"text": "拒绝回答"}]}])
    assert refused["stopReason"] == "content_filtered"


async def test_pictures_and_documents_are_seen(client: Any, simulator: Simulator) -> None:
    image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PIXEL)}}}
    document = {"document": {"format": "txt", "name": "Document 1", "source": {"bytes": b"abc"}}}
    await converse(client, messages=[{"role": "user", "content": [image, document, {"text": "What is it?"}]}])
    prompt = simulator.heard("bedrock-converse").prompt
    assert prompt.startswith("[image/png ")
    assert "[document/txt " in prompt


async def test_what_is_marked_is_written_to_the_cache_then_read(client: Any, simulator: Simulator) -> None:
    system = [
        {"text": "港" * 1500},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "口" * 300},
        {"cachePoint": {"type": "default"}},
    ]
    first = (await converse(client, system=system))["usage"]
    assert first["cacheWriteInputTokens"] == 1800
    assert first["cacheDetails"] == [{"ttl": "1h", "inputTokens": 1500}, {"ttl": "5m", "inputTokens": 300}]
    again = (await converse(client, system=system))["usage"]
    assert (again["cacheReadInputTokens"], again["cacheWriteInputTokens"]) == (1800, 0)
    assert again["totalTokens"] == again["inputTokens"] + again["outputTokens"] + 1800
    assert [row.tokens.cache_write_tokens for row in simulator.books.rows] == [1800, 0]


USE: Any = {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}}
RESULT: Any = {"toolResult": {"toolUseId": "t1", "content": [{"text": "晴"}]}}


def user(*blocks: Any) -> Any:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> Any:
    return {"role": "assistant", "content": list(blocks)}


HI: Any = {"text": "hi"}
POINT: Any = {"cachePoint": {"type": "default"}}
DOCUMENT: Any = {"document": {"format": "txt", "name": "a", "source": {"bytes": b"abc"}}}
MALFORMED: list[tuple[list[Any], dict[str, Any], str]] = [
    ([], {}, "at least one message"),
    ([assistant(HI)], {}, "must start with a user message"),
    ([user(HI), user(HI)], {}, "alternate"),
    ([user()], {}, "is empty"),
    ([user({"text": " "})], {}, "is blank"),
    ([user(HI), assistant(USE), user(RESULT)], {}, "toolConfig field must be defined"),
    ([user(HI), assistant(USE), user(HI)], {"toolConfig": TOOLS}, "Expected toolResult blocks"),
    ([user(HI), assistant(USE)], {"toolConfig": TOOLS}, "Expected toolResult blocks"),
    ([user(RESULT)], {"toolConfig": TOOLS}, "exceeds the number of toolUse blocks"),
    ([user(HI), assistant(USE), user(RESULT, RESULT)], {"toolConfig": TOOLS}, "exceeds the number of toolUse blocks"),
    ([user(USE)], {"toolConfig": TOOLS}, r"extraneous key \[toolUse\]"),
    ([user(POINT, HI)], {}, "follows nothing"),
    ([user(HI, DOCUMENT, POINT)], {}, "directly follows a document"),
    ([user(DOCUMENT)], {}, "without a text block"),
    ([user(HI, DOCUMENT, DOCUMENT)], {}, "used twice"),
    ([user(HI)], {"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "nobody"}}}}, "toolChoice"),
    ([user(HI)], {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 5}}}, "1024"),
]


@pytest.mark.parametrize(("messages", "settings", "reason"), MALFORMED)
async def test_what_converse_refuses_is_refused(
    client: Any, messages: list[Any], settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(exceptions.ClientError, match=reason) as caught:
        await converse(client, messages=messages, **settings)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


STATUSES = [
    ("status:400", "ValidationException"),
    ("status:403", "AccessDeniedException"),
    ("status:404", "ResourceNotFoundException"),
    ("status:424", "ModelErrorException"),
    ("status:429", "ThrottlingException"),
    ("status:500", "InternalServerException"),
    ("status:503", "ServiceUnavailableException"),
]


@pytest.mark.parametrize(("fault", "code"), STATUSES)
async def test_a_status_is_the_clients_own_error(client: Any, fault: str, code: str) -> None:
    with pytest.raises(exceptions.ClientError) as caught:
        await converse(client, f"echo~{fault}")
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == int(fault.removeprefix("status:"))


async def test_an_exception_in_the_middle_and_an_unknown_model_are_errors(client: Any) -> None:
    with pytest.raises(EventStreamError, match="internalServerException"):
        await events_of(client, "echo~error-frame")
    with pytest.raises(exceptions.ClientError, match="does not exist"):
        await converse(client, "nobody")


@pytest.mark.parametrize("fault", ["pings", "one-byte-writes", "slow-chunks:1"])
async def test_strange_manners_lose_nothing(client: Any, fault: str) -> None:
    events = await events_of(client, f"echo~{fault}")
    assert "你好，港口" in folded(events)[0]["text"]
    assert "metadata" in events[-1]


async def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    stranger = await asyncio.to_thread(client_of, simulator, "wrong")
    with pytest.raises(exceptions.ClientError) as caught:
        await converse(stranger)
    stranger.close()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
