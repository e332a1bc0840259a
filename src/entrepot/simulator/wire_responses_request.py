"""The OpenAI responses wire, inward: settings of a request, checked as OpenAI's API checks them.

Source: OpenAI's API reference (Responses) and its SDK's parameter types (3.54.0). Rules of this file: unlike chat completions, a
setting that the API does not have is refused by name.
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
from entrepot.simulator.wire_responses_items import Items

_FIELDS = frozenset(
    (
        "model input instructions tools tool_choice parallel_tool_calls text reasoning max_output_tokens temperature top_p "
        "stream stream_options store include previous_response_id metadata user truncation service_tier safety_identifier "
        "prompt_cache_key prompt_cache_retention prompt_cache_options background top_logprobs prompt max_tool_calls conversation "
        "context_management moderation"
    ).split()
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LEAST_OUTPUT_TOKENS = 16


def parse_request(body: bytes) -> Heard:
    """Check a body and read it. Raises WireError."""
    given = {name: value for name, value in decoded_body(body).items() if value is not None}
    if unknown := sorted(given.keys() - _FIELDS):
        raise invalid(f"Unknown parameter: '{unknown[0]}'.", unknown[0], "unknown_parameter")
    if "previous_response_id" in given:
        message = f"Previous response with id '{given['previous_response_id']}' not found."
        raise invalid(message, "previous_response_id", "previous_response_not_found")
    number(given, "temperature", 0, 2)
    number(given, "top_p", 0, 1)
    items = Items()
    if "instructions" in given:
        items.system.append(str(given["instructions"]))
        items.texts.append(items.system[0])
    tools = _tools(given, items)
    items.read_input(given.get("input"))
    kind, schema = _output_format(given, items)
    reasoning = given.get("reasoning", {})
    effort = reasoning.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise invalid(f"Invalid value: '{effort}'.", "reasoning.effort")
    include = given.get("include", [])
    return Heard(
        model=given["model"],
        prompt=items.prompt,
        read="\n".join(items.texts),
        tool_results=items.results,
        tools=tools,
        tool_choice=_tool_choice(given, tools),
        format=kind,
        schema=schema,
        max_tokens=integer(given, "max_output_tokens", _LEAST_OUTPUT_TOKENS),
        stream=boolean(given, "stream"),
        reasoning_effort=effort,
        shows_reasoning=reasoning.get("summary") is not None,
        system="\n".join(items.system),
        parallel_calls=given.get("parallel_tool_calls") is not False,
        temperature=given.get("temperature"),
        replayed=tuple(items.replayed),
        options={"encrypts": "reasoning.encrypted_content" in include, "given": given},
    )


def _tools(given: dict[str, Any], items: Items) -> tuple[OfferedTool, ...]:
    tools = given.get("tools", [])
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects", tools)
    offered = []
    for index, tool in enumerate(tools):
        at = f"tools[{index}]"
        if not isinstance(tool, dict) or "type" not in tool:
            raise missing(f"{at}.type")
        if tool["type"] != "function":
            continue  # one of OpenAI's own: what these stand-ins never use
        if not isinstance(tool.get("name"), str):
            raise missing(f"{at}.name")
        check_name(tool["name"], f"{at}.name")
        if tool.get("strict"):
            check_strict(tool.get("parameters"), f"{at}.parameters")
        offered.append(OfferedTool(tool["name"], tool.get("parameters") or {}))
        items.texts.append(msgspec.json.encode(tool).decode())
    return tuple(offered)


def _tool_choice(given: dict[str, Any], tools: tuple[OfferedTool, ...]) -> str:
    choice = given.get("tool_choice", "auto")
    if choice in ("auto", "none"):
        return str(choice)
    if not given.get("tools"):
        raise invalid("Tool choices other than 'auto' and 'none' need 'tools'.", "tool_choice")
    if choice == "required":
        return "required"
    name = choice.get("name") if isinstance(choice, dict) and choice.get("type") == "function" else None
    if name not in {tool.name for tool in tools}:
        raise invalid(f"Tool choice {name!r} not found in 'tools' parameter.", "tool_choice")
    return str(name)


def _output_format(
    given: dict[str, Any], items: Items
) -> tuple[Literal["text", "json_object", "json_schema"], dict[str, Any] | None]:
    form = given.get("text", {}).get("format", {"type": "text"})
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return "text", None
    if kind == "json_object":
        if not any("json" in text.lower() for text in items.texts):
            raise invalid(
                "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                "'json_object'.",
                "input",
            )
        return "json_object", None
    if kind != "json_schema":
        raise invalid(f"Invalid value: {kind!r}.", "text.format.type")
    for name in ("name", "schema"):
        if name not in form:
            raise missing(f"text.format.{name}")
    check_name(form["name"], "text.format.name")
    if form.get("strict"):
        check_strict(form["schema"], "text.format.schema")
    if not isinstance(form["schema"], dict):
        raise WireError(400, "Invalid schema for text.format", param="text.format.schema")
    return "json_schema", form["schema"]
