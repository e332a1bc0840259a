"""Requests as we send them to providers of this dialect.

A client of this dialect is passed on field by field: only `model`, the token limit where the client named none, and
`stream_options` (so that usage is reported) are written by us. For a client of another dialect the request is made from its
canonical form (`turns.py`). Either is then made to fit what the provider declares (`fitting.py`). Settings that cannot be said
are downgraded or left out, and only these:

- `top_k` and all of `Request.extra` of another dialect but `logprobs` are left out; so is its reasoning effort, unless the
  provider declares how it takes one, because models that do not reason refuse it. A budget in tokens becomes an effort.
- Cache markers of another dialect are left out, unless the provider declares that it takes them.
- A user's name of more than 64 characters, from a client of another dialect, is sent as its SHA-256.
- JSON mode says the word JSON in the instructions where nobody did, because hosts refuse it without.
- `strict` is said to be false of a schema that OpenAI cannot hold a model to (`strictness.py`): strict, it would be refused.
- Call ids longer than 40 characters, which OpenAI refuses, are shortened.
- Whatever a quirk says (`quirks.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.effort import effort_of_budget
from entrepot.canonical.request import Request, Tool
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.names import user_name
from entrepot.dialects.openai_chat.content import OUR_MARK
from entrepot.dialects.openai_chat.fitting import fit, wants_thinking
from entrepot.dialects.openai_chat.turns import render_messages, without_foreign_seals
from entrepot.dialects.openai_chat.wire import DIALECT, Fields, encode, value_of
from entrepot.dialects.strictness import strict_as_asked
from entrepot.errors import InvalidRequest

_REASONING = frozenset({"reasoning_effort", "enable_thinking", "thinking_type", "template_thinking"})
_OUR_MARK = f'"{OUR_MARK}'.encode()


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    url = join_address(target.base_url, "/chat/completions", target.upstream_name)
    own = asked.dialect == DIALECT
    fields = _own_fields(asked, target, max_output_tokens) if own else compose(asked.request, target, max_output_tokens)
    return WireRequest(url=url, body=encode(fit(fields, target.quirks)))


def _own_fields(asked: Asked, target: Target, max_output_tokens: int | None) -> Fields:
    """The client's own fields, with the few that are ours to write."""
    fields: Fields = dict(asked.fields)
    fields["model"] = target.upstream_name
    if _OUR_MARK in bytes(asked.fields["messages"]):
        messages = msgspec.json.decode(asked.fields["messages"])
        fields["messages"] = [without_foreign_seals(message) for message in messages]
    request = asked.request
    if request.stream and not request.include_usage:
        fields["stream_options"] = {**(value_of(fields, "stream_options") or {}), "include_usage": True}
    if request.max_output_tokens is None and max_output_tokens is not None:
        fields["max_tokens"] = max_output_tokens
    return fields


def compose(request: Request, target: Target, max_output_tokens: int | None) -> Fields:
    """The wire's object from a canonical request, before it is made to fit the provider."""
    quirks = target.quirks
    wire: Fields = {
        "model": target.upstream_name,
        "messages": render_messages(request, quirks),
        "tools": [_tool(tool, quirks, f"tools[{i}]") for i, tool in enumerate(request.tools)],
        "response_format": _response_format(request),
        "max_tokens": request.max_output_tokens or max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop),
        "seed": request.seed,
        "n": request.n if request.n > 1 else None,
        "user": user_name(request.user),
        "logprobs": request.extra.get("logprobs") is True or None,
    }
    if quirks & _REASONING:
        budget = request.reasoning_budget_tokens
        wire["reasoning_effort"] = request.reasoning_effort or (None if budget is None else effort_of_budget(budget))
        wire["thinking_budget"] = budget if "enable_thinking" in quirks else None
    if request.tools:
        wire["tool_choice"] = _tool_choice(request)
        wire["parallel_tool_calls"] = request.parallel_tool_calls
    if request.stream:
        wire["stream"] = True
        wire["stream_options"] = {"include_usage": True}
    return {name: value for name, value in wire.items() if value not in (None, [])}


def folds_a_stream(asked: Asked, target: Target) -> bool:
    """Whether a whole answer is asked of this target as a stream, because it reasons in no other way."""
    if asked.request.stream or "thinking_streams_only" not in target.quirks:
        return False
    if asked.dialect == DIALECT:
        return wants_thinking(dict(asked.fields))
    return wants_thinking(compose(asked.request, target, None))


def _tool(tool: Tool, quirks: frozenset[str], at: str) -> dict[str, Any]:
    if tool.hosted is not None:
        raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
    given = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": strict_as_asked(tool.strict, tool.parameters),
    }
    wire: dict[str, Any] = {"type": "function", "function": {k: v for k, v in given.items() if v is not None}}
    if "cache_control" in quirks and "cache_control" in tool.extra:
        wire["cache_control"] = tool.extra["cache_control"]
    return wire


def _tool_choice(request: Request) -> str | dict[str, Any] | None:
    choice = request.tool_choice
    if choice is None:
        return None
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "named" else choice.mode


def _response_format(request: Request) -> dict[str, Any] | None:
    format_ = request.output_format
    if format_.kind == "text":
        return None
    if format_.kind == "json":
        return {"type": "json_object"}
    schema = {"name": format_.name or "answer", "schema": format_.schema or {}}
    strict = strict_as_asked(format_.strict, format_.schema)
    return {"type": "json_schema", "json_schema": {**schema, **({} if strict is None else {"strict": strict})}}
