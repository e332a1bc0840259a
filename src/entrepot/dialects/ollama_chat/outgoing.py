"""Requests as we send them to Ollama, from their canonical form. What is left out or downgraded is in the package's docstring."""

from __future__ import annotations

import re
from typing import Any

from entrepot.canonical.effort import effort_of_budget
from entrepot.canonical.request import Request, Tool
from entrepot.dialects.address import join_address, without_call
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.ollama_chat.context import context_tokens_for
from entrepot.dialects.ollama_chat.turns import render_messages
from entrepot.dialects.ollama_chat.wire import encode
from entrepot.errors import InvalidRequest

_PASTED_END = re.compile(r"/(?:v1|api)/?(?=\?|\Z)")
_THINKS_IN_LEVELS = re.compile(r"gpt-oss")
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked.

    A base address that ends in `/v1` or `/api`, as clients of the same server's other dialects have it, is taken without.
    """
    root = _PASTED_END.sub("", without_call(target.base_url))
    return WireRequest(
        join_address(root, "/api/chat", target.upstream_name), encode(compose(asked.request, target, max_output_tokens))
    )


def compose(request: Request, target: Target, max_output_tokens: int | None) -> dict[str, Any]:
    """The wire's object from a canonical request."""
    if request.n > 1:
        raise InvalidRequest(f"'n' is {request.n}: Ollama gives one choice", param="n")
    limit = request.max_output_tokens or max_output_tokens
    tools, words = _tools(request)
    words.extend(_json_in_words(request))
    messages = render_messages(request)
    if words:
        messages.insert(0, {"role": "system", "content": "\n".join(words)})
    wire: dict[str, Any] = {
        "model": target.upstream_name,
        "messages": messages,
        "stream": request.stream,  # always said: it is on where nothing is said
        "tools": tools,
        "format": _format(request),
        "think": _think(request, target),
        "keep_alive": request.extra.get("keep_alive"),
        "truncate": False,
        "options": _options(request, target, limit),
    }
    if request.extra.get("logprobs") is True:
        wire["logprobs"] = True
        wire["top_logprobs"] = request.extra.get("top_logprobs")
    return {name: value for name, value in wire.items() if value is not None and value != []}


def _options(request: Request, target: Target, limit: int | None) -> dict[str, Any]:
    asked_for = request.extra.get("options")
    options: dict[str, Any] = {}
    if "own_context" not in target.quirks:
        options["num_ctx"] = context_tokens_for(request, limit or target.max_output_tokens, target.context_tokens)
    if isinstance(asked_for, dict):
        options |= asked_for
    named = {
        "num_predict": limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
        "stop": list(request.stop) or None,
    }
    return {**options, **{name: value for name, value in named.items() if value is not None}}


def _think(request: Request, target: Target) -> bool | str | None:
    effort, budget = request.reasoning_effort, request.reasoning_budget_tokens
    if (effort is None and budget is None) or "no_thinking" in target.quirks:
        return None
    word = effort or effort_of_budget(budget or 0)
    if word == "none":
        return False
    if "thinking_levels" in target.quirks or _THINKS_IN_LEVELS.search(target.upstream_name):
        return _LEVELS.get(word, "medium")
    return True


def _format(request: Request) -> str | dict[str, Any] | None:
    format_ = request.output_format
    if format_.kind == "json":
        return "json"
    return None if format_.kind == "text" else format_.schema or {"type": "object"}


def _json_in_words(request: Request) -> list[str]:
    if request.output_format.kind != "json" or any("json" in each.text().lower() for each in request.messages):
        return []
    return ["Answer with one JSON value and nothing else."]


def _tools(request: Request) -> tuple[list[dict[str, Any]], list[str]]:
    """(`tools`, what is asked for in words instead of a choice)."""
    choice = request.tool_choice
    if choice is not None and choice.mode == "none":
        return [], []
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(request.tools)]
    if choice is None or choice.mode == "auto" or not tools:
        return tools, []
    if choice.mode == "required":
        return tools, ["Call at least one of the tools."]
    named = [tool for tool in tools if tool["function"]["name"] == choice.name]
    if not named:
        raise InvalidRequest(f"'tool_choice' names '{choice.name}', which is none of the tools", param="tool_choice")
    return named, [f"Call the tool '{choice.name}'."]


def _tool(tool: Tool, at: str) -> dict[str, Any]:
    if tool.hosted is not None:
        raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}
