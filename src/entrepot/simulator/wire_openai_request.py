"""The OpenAI chat wire, inward: a request body is checked as a provider checks it.

Rules of this file: written from the wire, not from `dialects`, so that a misunderstanding cannot pass on both sides. What
is malformed raises `WireError` with the status, type, code and param that OpenAI's API gives for it. Unknown settings are
ignored, as most providers do.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool, WireError

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def parse_request(body: bytes) -> Heard:
    """Check a body and read it. Raises WireError."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(400, f"We could not parse the JSON body of your request. ({error})") from error
    if not isinstance(given, dict):
        raise WireError(400, "The body of a request must be a JSON object.")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise WireError(400, "you must provide a model parameter", param="model")
    messages = _messages(given)
    stream = _boolean(given, "stream")
    options = given.get("stream_options")
    if options is not None and not stream:
        raise WireError(
            400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    _number(given, "temperature", 0, 2)
    _number(given, "top_p", 0, 1)
    tools = _tools(given)
    kind, schema = _output_format(given)
    users = [text for role, text in messages if role == "user"]
    return Heard(
        model=model,
        prompt=users[-1] if users else "",
        read="\n".join(text for _, text in messages) + _text_of_tools(given),
        tool_results=_closing_tool_results(messages),
        tools=tools,
        tool_choice=_tool_choice(given, tools),
        format=kind,
        schema=schema,
        max_tokens=_integer(given, "max_completion_tokens", 1) or _integer(given, "max_tokens", 1),
        stop=_stop(given),
        n=_integer(given, "n", 1) or 1,
        stream=stream,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        reasoning_effort=given.get("reasoning_effort"),
    )


def _messages(given: dict[str, Any]) -> list[tuple[str, str]]:
    messages = given.get("messages")
    if messages is None:
        raise WireError(
            400, "Missing required parameter: 'messages'.", code="missing_required_parameter", param="messages"
        )
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise WireError(
            400, "Invalid 'messages': empty array. Expected at least 1.", code="empty_array", param="messages"
        )
    read = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise _wrong_type(where, "an object", message)
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise WireError(400, f"Invalid value: {role!r}.", code="invalid_value", param=f"{where}.role")
        read.append((role, _content(message, where)))
    return read


def _content(message: dict[str, Any], where: str) -> str:
    content = message.get("content")
    calls = message.get("tool_calls") or ()
    called = " ".join(
        f"{call['function'].get('name', '')} {call['function'].get('arguments', '')}"
        for call in calls
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
    )
    if content is None:
        if message["role"] != "assistant":
            raise WireError(400, "Invalid value for 'content': expected a string, got null.", param=f"{where}.content")
        return called
    if isinstance(content, str):
        return f"{content} {called}" if called else content
    if not isinstance(content, list):
        raise _wrong_type(f"{where}.content", "one of a string or array of objects", content)
    texts = []
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise _wrong_type(f"{where}.content[{index}]", "an object with a type", part)
        if part["type"] in {"text", "refusal"}:
            text = part.get(part["type"])
            if not isinstance(text, str):
                raise _wrong_type(f"{where}.content[{index}].{part['type']}", "a string", text)
            texts.append(text)
    return "\n".join(texts)


def _closing_tool_results(messages: list[tuple[str, str]]) -> tuple[str, ...]:
    results: list[str] = []
    for role, text in reversed(messages):
        if role != "tool":
            break
        results.insert(0, text)
    return tuple(results)


def _tools(given: dict[str, Any]) -> tuple[OfferedTool, ...]:
    tools = given.get("tools")
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise _wrong_type("tools", "an array of objects", tools)
    offered = []
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise WireError(
                400,
                f"Missing required parameter: 'tools[{index}].function.name'.",
                code="missing_required_parameter",
                param=f"tools[{index}].function.name",
            )
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
            raise WireError(
                400,
                "Missing required parameter: 'response_format.json_schema.name'.",
                code="missing_required_parameter",
                param="response_format.json_schema.name",
            )
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
    raise _wrong_type("stop", "a string or an array of at most four strings", stop)


def _boolean(given: dict[str, Any], name: str) -> bool:
    value = given.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong_type(name, "a boolean", value)
    return value


def _integer(given: dict[str, Any], name: str, least: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "an integer", value)
    if value < least:
        raise WireError(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            code="integer_below_min_value",
            param=name,
        )
    return value


def _number(given: dict[str, Any], name: str, least: float, most: float) -> None:
    value = given.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(name, "a decimal", value)
    if not least <= value <= most:
        raise WireError(
            400,
            f"Invalid '{name}': expected a value between {least} and {most}, but got {value} instead.",
            code="decimal_out_of_range",
            param=name,
        )


def _wrong_type(param: str, wanted: str, got: object) -> WireError:
    message = f"Invalid type for '{param}': expected {wanted}, but got {_JSON_TYPES.get(type(got), 'null')} instead."
    return WireError(400, message, code="invalid_type", param=param)


_JSON_TYPES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}
