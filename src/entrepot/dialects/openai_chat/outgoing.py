"""Requests as we send them to providers of this dialect.

A client of this dialect is passed on field by field: only `model`, the token limit where the client named none, and
`stream_options` (so that usage is reported) are written by us. For a client of another dialect the request is made from its
canonical form (`turns.py`). Settings that cannot be said are downgraded or left out, and only these:

- `top_k` and all of `Request.extra` are left out; so is reasoning effort, unless the provider declares that it takes it, because
  models that do not reason refuse it. A budget in tokens becomes an effort.
- `temperature` and `top_p` are left out for providers that refuse them (models that reason often do).
- A tool choice of `required` or of one tool becomes `auto` for providers that take nothing else.
- A JSON schema becomes JSON mode with the schema in the instructions for providers that do not know schemas; JSON mode says the
  word JSON in the instructions where nobody did, because hosts refuse it without.
- Cache markers are left out, unless the provider declares that it takes them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.effort import effort_of_budget
from entrepot.canonical.request import Request, Tool
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.openai_chat.content import OUR_MARK
from entrepot.dialects.openai_chat.turns import render_messages, without_foreign_seals
from entrepot.dialects.openai_chat.wire import DIALECT, decode_any, decode_messages, encode
from entrepot.errors import InvalidRequest

Quirks = frozenset[str]
_OUR_MARK = f'"{OUR_MARK}'.encode()


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    url = join_address(target.base_url, "/chat/completions", target.upstream_name)
    if asked.dialect == DIALECT:
        return WireRequest(url=url, body=encode(_own_fields(asked, target, max_output_tokens)))
    return WireRequest(url=url, body=encode(compose(asked.request, target, max_output_tokens)))


def _own_fields(asked: Asked, target: Target, max_output_tokens: int | None) -> dict[str, msgspec.Raw]:
    """The client's own fields, with the few that are ours to write."""
    fields = dict(asked.fields)
    fields["model"] = msgspec.Raw(encode(target.upstream_name))
    if _OUR_MARK in bytes(fields["messages"]):
        messages = msgspec.json.decode(fields["messages"])
        fields["messages"] = msgspec.Raw(encode([without_foreign_seals(message) for message in messages]))
    request = asked.request
    if request.stream and not request.include_usage and "no_stream_options" not in target.quirks:
        given = fields.get("stream_options")
        options = (msgspec.json.decode(given) if given is not None else None) or {}
        fields["stream_options"] = msgspec.Raw(encode({**options, "include_usage": True}))
    wants_new_name = "max_completion_tokens" in target.quirks
    if request.max_output_tokens is None and max_output_tokens is not None:
        name = "max_completion_tokens" if wants_new_name else "max_tokens"
        fields[name] = msgspec.Raw(encode(max_output_tokens))
    elif wants_new_name and "max_tokens" in fields and "max_completion_tokens" not in fields:
        fields["max_completion_tokens"] = fields.pop("max_tokens")
    if "no_developer_role" in target.quirks and any(message.role == "developer" for message in request.messages):
        fields["messages"] = _without_developer_role(fields["messages"])
    return fields


def _without_developer_role(raw: msgspec.Raw) -> msgspec.Raw:
    system = msgspec.Raw(b'"system"')
    messages = decode_messages(raw)
    return msgspec.Raw(encode([{**m, "role": system} if decode_any(m["role"]) == "developer" else m for m in messages]))


def compose(request: Request, target: Target, max_output_tokens: int | None) -> dict[str, Any]:
    """The wire's object from a canonical request."""
    quirks = target.quirks
    limit_name = "max_completion_tokens" if "max_completion_tokens" in quirks else "max_tokens"
    wire: dict[str, Any] = {
        "model": target.upstream_name,
        "messages": render_messages(request, quirks, _words(request, quirks)),
        "tools": [_tool(tool, quirks, f"tools[{i}]") for i, tool in enumerate(request.tools)],
        "response_format": _response_format(request, quirks),
        limit_name: request.max_output_tokens or max_output_tokens,
        "temperature": None if "no_sampling" in quirks else request.temperature,
        "top_p": None if "no_sampling" in quirks else request.top_p,
        "stop": list(request.stop),
        "seed": request.seed,
        "n": request.n if request.n > 1 else None,
        "user": request.user,
        "reasoning_effort": _effort(request, quirks),
    }
    if request.tools:
        wire["tool_choice"] = _tool_choice(request, quirks)
        wire["parallel_tool_calls"] = None if "no_parallel_tool_calls" in quirks else request.parallel_tool_calls
    if request.stream:
        wire["stream"] = True
        wire["stream_options"] = None if "no_stream_options" in quirks else {"include_usage": True}
    return {name: value for name, value in wire.items() if value not in (None, [])}


def _tool(tool: Tool, quirks: Quirks, at: str) -> dict[str, Any]:
    if tool.hosted is not None:
        raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
    given = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    wire: dict[str, Any] = {"type": "function", "function": {k: v for k, v in given.items() if v is not None}}
    if "cache_control" in quirks and "cache_control" in tool.extra:
        wire["cache_control"] = tool.extra["cache_control"]
    return wire


def _tool_choice(request: Request, quirks: Quirks) -> str | dict[str, Any] | None:
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.mode in ("required", "named") and "tool_choice_auto_only" in quirks:
        return "auto"
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "named" else choice.mode


def _effort(request: Request, quirks: Quirks) -> str | None:
    if "reasoning_effort" not in quirks:
        return None
    budget = request.reasoning_budget_tokens
    return request.reasoning_effort or (None if budget is None else effort_of_budget(budget))


def _response_format(request: Request, quirks: Quirks) -> dict[str, Any] | None:
    format_ = request.output_format
    if format_.kind == "text":
        return None
    if format_.kind == "json" or "no_json_schema" in quirks:
        return {"type": "json_object"}
    schema = {"name": format_.name or "answer", "schema": format_.schema or {}}
    return {
        "type": "json_schema",
        "json_schema": {**schema, **({} if format_.strict is None else {"strict": format_.strict})},
    }


def _words(request: Request, quirks: Quirks) -> str | None:
    """What must be added to the instructions for the output format to be taken."""
    format_ = request.output_format
    if format_.kind == "json_schema" and "no_json_schema" in quirks:
        return (
            f"Answer with one JSON value of this JSON Schema and nothing else:\n{encode(format_.schema or {}).decode()}"
        )
    if format_.kind == "json" and not any("json" in message.text().lower() for message in request.messages):
        return "Answer with one JSON value and nothing else."
    return None
