"""Tools and the choice among them, from the wire to the canonical form.

Rules of this file: a function is a function. A custom tool, which takes free text, becomes a function of one text `input`, so
that every model can call it; `custom` in its `extra` says so, and the answer names it as the client knows it. Tools in a
namespace are tools (`names.py`). Any other kind of tool runs at the provider: only this dialect can say it. Of a web search
other dialects are not told where it is one help among others: where the client offers functions of its own beside it, as Codex
always does, and leaves the choice to the model. Where a choice allows some tools only, the others are left out of what
the model is told, which is what the choice means.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Tool, ToolChoice
from entrepot.dialects.openai_responses.names import flat_name, spread
from entrepot.errors import InvalidRequest

_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's input, as free text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def tools_of(wire: list[dict[str, Any]], at: str) -> tuple[Tool, ...]:
    """The tools of a list."""
    return tuple(tool_of(tool, where, namespace) for tool, namespace, where in spread(wire, at))


def without_search(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """The tools without a web search that nothing depends on."""
    if (choice is not None and choice.mode != "auto") or all(tool.hosted is not None for tool in tools):
        return tools
    return tuple(tool for tool in tools if not str((tool.hosted or {}).get("type")).startswith("web_search"))


def tool_of(wire: dict[str, Any], at: str, namespace: str | None = None) -> Tool:
    """One tool."""
    kind, name = wire.get("type", "function"), wire.get("name")
    if kind not in ("function", "custom"):
        return Tool(name if isinstance(name, str) else str(kind), hosted=wire)
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"'{at}.name' is missing", param=f"{at}.name")
    given = wire.get("description")
    description = given if isinstance(given, str) else None
    extra = {} if namespace is None else {"spelled": {"name": name, "namespace": namespace}}
    flat = flat_name(name, namespace)
    if kind == "custom":
        words = _with_grammar(description, wire.get("format"))
        return Tool(flat, words, _INPUT, extra={"custom": True, **extra})
    parameters, strict = wire.get("parameters"), wire.get("strict")
    return Tool(
        flat,
        description,
        parameters if isinstance(parameters, dict) else None,
        strict if isinstance(strict, bool) else None,
        extra,
    )


def _with_grammar(description: str | None, format_: object) -> str | None:
    if not isinstance(format_, dict) or format_.get("type") != "grammar":
        return description
    words = f"The input must follow this {format_.get('syntax', '')} grammar:\n{format_.get('definition', '')}"
    return words if not description else f"{description}\n\n{words}"


def choose(wire: str | dict[str, Any] | None, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools that it leaves."""
    if wire is None:
        return None, tools
    if isinstance(wire, str):
        return _mode(wire, "tool_choice"), tools
    kind = wire.get("type")
    if kind == "allowed_tools":
        listed = wire.get("tools")
        allowed = [_name(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        left = tuple(tool for tool in tools if tool.name in allowed or (tool.hosted or {}).get("type") in allowed)
        return _mode(wire.get("mode", "auto"), "tool_choice.mode"), left
    name = _name(wire)
    if kind in ("function", "custom") and not isinstance(wire.get("name"), str):
        raise InvalidRequest("'tool_choice.name' is missing: name the tool to call", param="tool_choice.name")
    return ToolChoice("named", name), tools


def _name(wire: dict[str, Any]) -> str:
    """What a choice calls a tool: by its name, a hosted one by its type."""
    name = wire.get("name")
    return flat_name(name, wire.get("namespace")) if isinstance(name, str) else str(wire.get("type"))


def _mode(word: object, at: str) -> ToolChoice:
    match word:
        case "auto" | "none" | "required":
            return ToolChoice(word)
        case _:
            raise InvalidRequest(f"'{at}' must be auto, none, required or an object that names a tool", param=at)
