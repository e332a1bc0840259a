from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Request, Text, ToolCall
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import Ended, Finished, Started, StreamEvent, ToolCallDelta, ToolCallStarted
from entrepot.dialects.openai_responses.names import flat_name
from entrepot.dialects.openai_responses.render import render_response
from entrepot.dialects.openai_responses.render_stream import StreamRenderer
from entrepot.dialects.openai_responses.request import parse_request

FUNCTION: dict[str, Any] = {"type": "function", "name": "list", "parameters": {"type": "object"}}
CUSTOM: dict[str, Any] = {"type": "custom", "name": "exec", "description": "跑代码"}
AGENTS = {"type": "namespace", "name": "agents", "description": "", "tools": [FUNCTION]}
FUNCTIONS = {"type": "namespace", "name": "functions", "description": "", "tools": [CUSTOM]}


def body(*items: dict[str, Any], **more: Any) -> bytes:
    ask = {"type": "message", "role": "user", "content": "你好"}
    return json.dumps({"model": "m", "input": [*items, ask], **more}).encode()


def request_of(*items: dict[str, Any], **more: Any) -> Request:
    return parse_request(body(*items, **more)).request


@pytest.mark.parametrize(
    ("namespace", "flat"),
    [(None, "list"), ("", "list"), ("functions", "list"), ("list", "list"), ("agents", "agents__list"), (3, "list")],
)
def test_a_name_is_flat_with_its_namespace_before_it(namespace: object, flat: str) -> None:
    assert flat_name("list", namespace) == flat


def test_tools_of_namespaces_are_tools() -> None:
    tools = request_of(tools=[AGENTS, FUNCTIONS]).tools
    assert [tool.name for tool in tools] == ["agents__list", "exec"]
    assert [tool.hosted for tool in tools] == [None, None]


def test_tools_that_are_given_among_the_items_are_tools_and_no_message() -> None:
    given = {"type": "additional_tools", "role": "developer", "tools": [AGENTS]}
    request = request_of(given, {**given, "tools": [FUNCTION]})
    assert [tool.name for tool in request.tools] == ["agents__list", "list"]
    assert [message.parts for message in request.messages] == [(Text("你好"),)]


def test_of_tools_of_one_name_the_last_counts() -> None:
    given = [{"type": "additional_tools", "tools": [{**FUNCTION, "description": each}]} for each in ("old", "new")]
    assert [tool.description for tool in request_of(*given).tools] == ["new"]


def test_a_call_of_the_past_has_the_name_of_its_tool() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "list", "namespace": "agents", "arguments": "{}"}
    part = request_of(call, tools=[AGENTS]).messages[0].parts[0]
    assert isinstance(part, ToolCall)
    assert part.name == "agents__list"


def test_a_choice_names_a_tool_in_its_namespace() -> None:
    choice = request_of(
        tools=[AGENTS], tool_choice={"type": "function", "name": "list", "namespace": "agents"}
    ).tool_choice
    assert choice is not None
    assert choice.name == "agents__list"


def test_a_whole_answer_calls_tools_as_the_client_does() -> None:
    calls = (
        ToolCall("c1", "agents__list", "{}"),
        ToolCall("c2", "exec", '{"input": "1"}'),
        ToolCall("c3", "else", "{}"),
    )
    answer = Response("r1", "m", 0, (Choice(0, calls, "tool_calls"),))
    said = render_response(answer, parse_request(body(tools=[AGENTS, FUNCTIONS])))["output"]
    assert [(item["type"], item["name"], item.get("namespace")) for item in said] == [
        ("function_call", "list", "agents"),
        ("custom_tool_call", "exec", "functions"),
        ("function_call", "else", None),
    ]


def test_a_streamed_answer_calls_tools_as_the_client_does() -> None:
    renderer = StreamRenderer(parse_request(body(tools=[AGENTS])), 0)
    events: list[StreamEvent] = [
        Started("r1", "m"),
        ToolCallStarted(0, "c1", "agents__list"),
        ToolCallDelta(0, "{}"),
        Finished("tool_calls"),
        Ended(),
    ]
    frames = [frame.split(b"data: ", 1)[1] for frame in renderer.render(events).split(b"\n\n") if b"data: " in frame]
    items = [found["item"] for frame in frames if "item" in (found := json.loads(frame))]
    assert [(item["name"], item["namespace"]) for item in items] == [("list", "agents")] * 2
    done = next(found for frame in frames if (found := json.loads(frame))["type"].endswith("arguments.done"))
    assert done["name"] == "list"
