"""Requests as we send them to Bedrock, from their canonical form. What is left out or downgraded is in the package's docstring.

Sources: Amazon Bedrock API reference, Converse; the exchanges recorded with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from entrepot.canonical.request import Request, Tool, ToolCall, ToolResult
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.bedrock_converse.models import Model, fields_for, model_of, takes_fixed_budget
from entrepot.dialects.bedrock_converse.turns import MAX_NAME, Turns, cache_point, thinks_through_its_last_calls
from entrepot.dialects.bedrock_converse.wire import encode
from entrepot.dialects.closed_schema import close_schema
from entrepot.dialects.names import Names, tool_names
from entrepot.errors import InvalidRequest

PASSED_ON = (
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "promptVariables",
    "additionalModelRequestFields",
)
"""Converse's own fields that a client of any dialect may add by these names, as objects."""

_EVENT_STREAM = b"application/vnd.amazon.eventstream"
_JSON = b"application/json"
_NO_CALL = "Answer in words: do not call any tool."


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    streams = asked.request.stream
    action = "converse-stream" if streams else "converse"
    return WireRequest(
        join_address(target.base_url, f"/model/{quote(target.upstream_name, safe='')}/{action}", target.upstream_name),
        encode(compose(asked.request, target, max_output_tokens)),
        ((b"content-type", _JSON), (b"accept", _EVENT_STREAM if streams else _JSON)),
    )


def compose(request: Request, target: Target, max_output_tokens: int | None) -> dict[str, Any]:
    """The wire's object from a canonical request."""
    if request.n > 1:
        raise InvalidRequest(f"'n' is {request.n}: Bedrock gives one choice", param="n")
    model = model_of(target)
    turns, names = Turns(request, model), tool_names(request, MAX_NAME)
    limit = request.max_output_tokens or max_output_tokens
    fields = _model_fields(request, model, target, limit)
    tools, words = _tool_config(request, model, names)
    format_, asked_for = _output_format(request, model)
    system = [*turns.system, *({"text": each} for each in (*words, *asked_for))]
    if not model.system and (words or asked_for):
        turns.messages[0]["content"].extend(system)
        system = []
    wire: dict[str, Any] = {
        "messages": turns.messages,
        "system": system,
        "inferenceConfig": _inference(request, model, target.quirks, limit, fields),
        "toolConfig": tools,
        "outputConfig": format_,
    }
    for name in PASSED_ON:
        if isinstance(given := request.extra.get(name), dict):
            wire[name] = given
    wire["additionalModelRequestFields"] = {**fields, **wire.get("additionalModelRequestFields", {})}
    if model.claude and request.stop:
        wire["additionalModelResponseFieldPaths"] = [
            "/stop_sequence"
        ]  # Converse itself does not say which text ended it
    return {name: value for name, value in wire.items() if value not in (None, [], {})}


def _model_fields(request: Request, model: Model, target: Target, limit: int | None) -> dict[str, Any]:
    forced = (
        request.tool_choice is not None and request.tool_choice.mode in ("required", "named") and bool(request.tools)
    )
    thinks = not (model.claude and forced)  # the two exclude each other
    fields = fields_for(request, model, target.quirks, limit or target.max_output_tokens, thinks=thinks)
    if takes_fixed_budget(fields) and not thinks_through_its_last_calls(request.messages, model):
        fields = fields_for(request, model, target.quirks, limit, thinks=False)
    return fields


def _inference(
    request: Request, model: Model, quirks: frozenset[str], limit: int | None, fields: Mapping[str, Any]
) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "maxTokens": limit,
        "stopSequences": [stop for stop in request.stop if stop.strip()],
    }
    thinks = model.claude and fields.get("thinking", {"type": "disabled"})["type"] != "disabled"
    if not thinks and "no_sampling" not in quirks:
        if request.temperature is not None:
            wire["temperature"] = min(1.0, request.temperature)
        if request.top_p is not None and not (model.claude and request.temperature is not None):
            wire["topP"] = request.top_p
    return {name: value for name, value in wire.items() if value not in (None, [])}


def _output_format(request: Request, model: Model) -> tuple[dict[str, Any] | None, list[str]]:
    """(`outputConfig`, what is asked for in words instead)."""
    format_ = request.output_format
    if format_.kind == "text":
        return None, []
    if format_.kind == "json":
        return None, ["Answer with one JSON value and nothing else."]
    schema = encode(close_schema(format_.schema or {"type": "object"})).decode()
    if not model.structure:
        return None, [f"Answer with one JSON value of this JSON Schema and nothing else:\n{schema}"]
    named = {"name": Names([format_.name], MAX_NAME).there(format_.name)} if format_.name else {}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, **named}}}}, []


def _tool_config(request: Request, model: Model, names: Names) -> tuple[dict[str, Any] | None, list[str]]:
    """(`toolConfig`, what is asked for in words instead)."""
    choice = request.tool_choice
    calls_before = any(isinstance(part, ToolCall | ToolResult) for part in request.parts())
    if choice is not None and choice.mode == "none" and not calls_before:
        return None, []
    tools = list(request.tools)
    if not tools:
        called = dict.fromkeys(part.name for part in request.parts() if isinstance(part, ToolCall))
        tools = [Tool(name) for name in called]
        return ({"tools": _specs(tools, model, names)}, [_NO_CALL]) if tools else (None, [])
    config: dict[str, Any] = {"tools": _specs(tools, model, names)}
    match choice.mode if choice is not None else "auto":
        case "none":
            return config, [_NO_CALL]
        case "required" if model.tool_choice:
            return {**config, "toolChoice": {"any": {}}}, []
        case "required":
            return config, ["Call at least one of the tools."]
        case "named" if choice is not None:
            name = names.there(choice.name or "")
            if model.tool_choice and model.named_choice:
                return {**config, "toolChoice": {"tool": {"name": name}}}, []
            config["tools"] = [spec for spec in config["tools"] if spec.get("toolSpec", {}).get("name") == name]
            if not config["tools"]:
                raise InvalidRequest(
                    f"'tool_choice' names '{choice.name}', which is none of the tools", param="tool_choice"
                )
            if model.tool_choice:
                return {**config, "toolChoice": {"any": {}}}, []
            return config, [f"Call the tool '{name}'."]
        case _:
            return config, []


def _specs(tools: list[Tool], model: Model, names: Names) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = []
    for i, tool in enumerate(tools):
        at = f"tools[{i}]"
        if tool.hosted is not None:
            raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
        schema = tool.parameters or {}
        spec: dict[str, Any] = {
            "name": names.there(tool.name),
            "inputSchema": {"json": schema if schema.get("type") == "object" else {**schema, "type": "object"}},
        }
        if tool.description and tool.description.strip():
            spec["description"] = tool.description
        if tool.strict and model.structure:
            spec["strict"] = True
        specs.append({"toolSpec": spec})
        if model.cache and model.cache_tools:
            specs.extend(cache_point(tool.extra))
    return specs
