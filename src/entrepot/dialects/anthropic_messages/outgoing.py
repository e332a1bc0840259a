"""Requests as we send them to providers of this dialect.

A client of this dialect is passed on field by field; `model` is written, and thinking that another dialect's provider sealed is
taken out; in a tool loop that loses all of its thinking that way, thinking with a budget, which is refused without, is off. For a
client of another dialect the request is made from its canonical form. Settings that cannot be said are downgraded or left out,
and only these:

- `seed`, `logprobs`, penalties and all of `Request.extra` are left out; `strict` of a JSON schema is always on.
- Bounds in a JSON schema (minimum, maxLength, …) become words of its descriptions: they are refused otherwise.
- JSON without a schema is asked for in the system instructions.
- `temperature` above 1 is sent as 1; with a temperature, `top_p` is left out; with thinking, both and `top_k` are.
- Thinking is left out where a tool call is forced, where the limit leaves no room for it, and, for providers that take a
  budget, in a tool loop whose own thinking is not there to be replayed.
- Stop texts of nothing but white space are left out. More than one choice is refused.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.effort import budget_of_effort, effort_of_budget
from entrepot.canonical.request import Request, Tool, ToolChoice
from entrepot.dialects.address import join_address
from entrepot.dialects.anthropic_messages.names import Names, tool_names
from entrepot.dialects.anthropic_messages.turns import Turns, thinks_through_its_last_calls
from entrepot.dialects.anthropic_messages.wire import DIALECT, encode
from entrepot.dialects.base import Asked, HeaderPairs, Target, WireRequest
from entrepot.dialects.closed_schema import close_schema
from entrepot.dialects.seal import is_ours
from entrepot.errors import InvalidRequest

_VERSION_HEADER, _VERSION = b"anthropic-version", b"2023-06-01"
_JSON: HeaderPairs = ((b"content-type", b"application/json"),)
_MIN_BUDGET = 1024
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_MARK = b'"entrepot'


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    own = asked.dialect == DIALECT
    fields = _own_fields(asked, target) if own else compose(asked.request, target, max_output_tokens)
    headers = asked.headers if own else ()
    if "vertex" in target.quirks:
        return _at_vertex(fields, headers, asked.request.stream, target)
    versions = () if any(name == _VERSION_HEADER for name, _ in headers) else ((_VERSION_HEADER, _VERSION),)
    url = join_address(target.base_url, "/v1/messages", target.upstream_name)
    return WireRequest(url, encode(fields), (*_JSON, *versions, *headers))


def _at_vertex(fields: dict[str, Any], headers: HeaderPairs, stream: bool, target: Target) -> WireRequest:
    """Source: platform.claude.com, "Claude on Vertex AI". The one version that has another name there is the first."""
    asked_version = dict(headers).get(_VERSION_HEADER, _VERSION).decode("ascii")
    version = "vertex-2023-10-16" if asked_version == _VERSION.decode("ascii") else asked_version
    body = {name: value for name, value in fields.items() if name != "model"}
    action = "streamRawPredict" if stream else "rawPredict"
    url = join_address(target.base_url, f"/models/{{model}}:{action}", target.upstream_name)
    others = tuple(pair for pair in headers if pair[0] != _VERSION_HEADER)
    return WireRequest(url, encode({"anthropic_version": version, **body}), (*_JSON, *others))


def _own_fields(asked: Asked, target: Target) -> dict[str, msgspec.Raw]:
    fields = dict(asked.fields)
    fields["model"] = msgspec.Raw(encode(target.upstream_name))
    if _MARK in bytes(fields["messages"]):
        messages = msgspec.json.decode(fields["messages"])
        own = [_without_foreign_thinking(message) for message in messages]
        fields["messages"] = msgspec.Raw(encode([message for message in own if message["content"] != []]))
        budgeted = asked.request.reasoning_budget_tokens is not None and "thinking" in fields
        if budgeted and not thinks_through_its_last_calls(asked.request.messages):
            fields["thinking"] = msgspec.Raw(b'{"type":"disabled"}')
    return fields


def _without_foreign_thinking(message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(message["content"], list):
        return message
    kept = [block for block in message["content"] if not _is_foreign(block)]
    return {**message, "content": kept}


def _is_foreign(block: dict[str, Any]) -> bool:
    sealed = {"thinking": "signature", "redacted_thinking": "data"}.get(block.get("type", ""))
    return sealed is not None and is_ours(str(block.get(sealed, "")))


def compose(request: Request, target: Target, max_output_tokens: int | None) -> dict[str, Any]:
    """The wire's object from a canonical request."""
    if request.n > 1:
        raise InvalidRequest(f"'n' is {request.n}: this model's provider gives one choice", param="n")
    limit = request.max_output_tokens or max_output_tokens or target.max_output_tokens
    if limit is None:
        raise InvalidRequest(
            "a limit on the answer is needed for this model and none is known: set 'max_tokens'", param="max_tokens"
        )
    turns, names = Turns(request, target.quirks), tool_names(request)
    thinking = _thinking(request, target.quirks, limit)
    words = _schema_in_words(request, target.quirks)
    system = [*turns.system, *([{"type": "text", "text": words}] if words else [])]
    wire: dict[str, Any] = {
        "model": target.upstream_name,
        "max_tokens": limit,
        "messages": turns.messages,
        "system": system,
        "tools": [_tool(tool, names, f"tools[{i}]") for i, tool in enumerate(request.tools)],
        "tool_choice": _tool_choice(request, names),
        "stop_sequences": [stop for stop in request.stop if stop.strip()],
        "metadata": {"user_id": request.user} if request.user else None,
        "stream": True if request.stream else None,
        **thinking,
        **_sampling(request, target.quirks, thinks=bool(thinking) and thinking["thinking"]["type"] != "disabled"),
    }
    if request.output_format.kind == "json_schema" and not words:
        schema = close_schema(request.output_format.schema or {"type": "object"})
        wire["output_config"] = {**wire.get("output_config", {}), "format": {"type": "json_schema", "schema": schema}}
    return {name: value for name, value in wire.items() if value not in (None, [], {})}


def _thinking(request: Request, quirks: frozenset[str], limit: int) -> dict[str, Any]:
    effort, budget = request.reasoning_effort, request.reasoning_budget_tokens
    if effort == "none" or (effort is None and budget is None):
        return {"thinking": {"type": "disabled"}} if effort == "none" else {}
    choice = request.tool_choice
    if choice is not None and choice.mode in ("required", "named"):
        return {}  # the two exclude each other
    if "thinking_budget" not in quirks:
        word = _EFFORTS.get(effort or effort_of_budget(budget or 0), "medium")
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": word}}
    tokens = min(max(budget or budget_of_effort(effort or "medium"), _MIN_BUDGET), limit - 1)
    if tokens < _MIN_BUDGET or not thinks_through_its_last_calls(request.messages):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _sampling(request: Request, quirks: frozenset[str], *, thinks: bool) -> dict[str, Any]:
    if thinks or "no_sampling" in quirks:
        return {}
    if request.temperature is not None:
        return {"temperature": min(1.0, request.temperature), "top_k": request.top_k}
    return {"top_p": request.top_p, "top_k": request.top_k}


def _tool(tool: Tool, names: Names, at: str) -> dict[str, Any]:
    if tool.hosted is not None:
        raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
    schema = {**(tool.parameters or {}), "type": "object"}
    wire = {
        "name": names.there(tool.name),
        "description": tool.description,
        "input_schema": close_schema(schema) if tool.strict else schema,
        "strict": tool.strict,
        "cache_control": tool.extra.get("cache_control"),
    }
    return {name: value for name, value in wire.items() if value is not None}


def _tool_choice(request: Request, names: Names) -> dict[str, Any] | None:
    if not request.tools:
        return None
    choice = request.tool_choice
    if choice is None and request.parallel_tool_calls is not False:
        return None
    choice = choice or ToolChoice("auto")
    if choice.mode == "none":
        return {"type": "none"}
    wire: dict[str, Any] = {"type": {"auto": "auto", "required": "any", "named": "tool"}[choice.mode]}
    if choice.mode == "named":
        wire["name"] = names.there(choice.name or "")
    if request.parallel_tool_calls is False:
        wire["disable_parallel_tool_use"] = True
    return wire


def _schema_in_words(request: Request, quirks: frozenset[str]) -> str | None:
    format_ = request.output_format
    if format_.kind == "json":
        return "Answer with one JSON value and nothing else."
    if format_.kind == "json_schema" and "no_output_format" in quirks:
        schema = encode(format_.schema or {}).decode()
        return f"Answer with one JSON value of this JSON Schema and nothing else:\n{schema}"
    return None
