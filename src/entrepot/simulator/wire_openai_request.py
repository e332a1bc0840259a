"""The OpenAI chat wire, inward: a request body is checked as a provider checks it.

Rules of this file: written from the wire, not from `dialects`, so that a misunderstanding cannot pass on both sides. What
is malformed raises `WireError` with the status, type, code and param that OpenAI's API gives for it. Unknown settings are
ignored, as most providers do.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool, WireError
from entrepot.simulator.wire_openai_fields import (
    boolean,
    check_name,
    check_strict,
    decoded_body,
    integer,
    invalid,
    missing,
    number,
    wrong_type,
)
from entrepot.simulator.wire_openai_logprobs import read_logprobs
from entrepot.simulator.wire_openai_messages import ReadMessage, read_messages


def parse_request(body: bytes) -> Heard:
    """Check a body and read it. Raises WireError."""
    given = decoded_body(body)
    messages = read_messages(given)
    stream = boolean(given, "stream")
    options = given.get("stream_options")
    if options is not None and not stream:
        raise WireError(
            400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    number(given, "temperature", 0, 2)
    number(given, "top_p", 0, 1)
    tools = _tools(given)
    kind, schema = _output_format(given)
    users = [each.text for each in messages if each.role == "user"]
    if kind == "json_object" and not any("json" in each.text.lower() for each in messages):
        raise invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    return Heard(
        model=given["model"],
        prompt=users[-1] if users else "",
        read="\n".join(each.text for each in messages) + _text_of_tools(given),
        tool_results=_closing_tool_results(messages),
        tools=tools,
        tool_choice=_tool_choice(given, tools),
        format=kind,
        schema=schema,
        max_tokens=integer(given, "max_completion_tokens", 1) or integer(given, "max_tokens", 1),
        stop=_stop(given),
        n=integer(given, "n", 1) or 1,
        stream=stream,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        reasoning_effort=given.get("reasoning_effort"),
        system="\n".join(each.text for each in messages if each.role in ("system", "developer")),
        parallel_calls=given.get("parallel_tool_calls") is not False,
        temperature=given.get("temperature"),
        replayed=tuple(each.reasoning for each in messages if each.reasoning),
        options=read_logprobs(given),
    )


def _closing_tool_results(messages: list[ReadMessage]) -> tuple[str, ...]:
    results: list[str] = []
    for each in reversed(messages):
        if each.role != "tool":
            break
        results.insert(0, each.text)
    return tuple(results)


def _tools(given: dict[str, Any]) -> tuple[OfferedTool, ...]:
    tools = given.get("tools")
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects", tools)
    offered = []
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise missing(f"tools[{index}].function.name")
        check_name(function["name"], f"tools[{index}].function.name")
        if function.get("strict"):
            check_strict(function.get("parameters"), f"tools[{index}].function.parameters")
        offered.append(OfferedTool(function["name"], function.get("parameters") or {}))
    return tuple(offered)


def _tool_choice(given: dict[str, Any], tools: tuple[OfferedTool, ...]) -> str:
    choice = given.get("tool_choice")
    if choice is None:
        return "auto"
    if not tools:
        raise WireError(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if isinstance(choice, str) and choice in {"auto", "none", "required"}:
        return choice
    name = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    if name not in {tool.name for tool in tools}:
        raise WireError(400, f"Tool choice {name!r} not found in 'tools' parameter.", param="tool_choice")
    return str(name)


def _text_of_tools(given: dict[str, Any]) -> str:
    tools = given.get("tools")
    return "\n" + msgspec.json.encode(tools).decode() if tools else ""


def _output_format(
    given: dict[str, Any],
) -> tuple[Literal["text", "json_object", "json_schema"], dict[str, Any] | None]:
    form = given.get("response_format")
    if form is None:
        return "text", None
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return "text", None
    if kind == "json_object":
        return "json_object", None
    if kind == "json_schema":
        named = form.get("json_schema")
        if not isinstance(named, dict) or not isinstance(named.get("name"), str):
            raise missing("response_format.json_schema.name")
        check_name(named["name"], "response_format.json_schema.name")
        if named.get("strict"):
            check_strict(named.get("schema"), "response_format")
        return "json_schema", named.get("schema") or {}
    raise WireError(400, f"Invalid value: {kind!r}.", code="invalid_value", param="response_format.type")


def _stop(given: dict[str, Any]) -> tuple[str, ...]:
    stop = given.get("stop")
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,)
    if isinstance(stop, list) and all(isinstance(text, str) for text in stop) and len(stop) <= 4:
        return tuple(stop)
    raise wrong_type("stop", "a string or an array of at most four strings", stop)
