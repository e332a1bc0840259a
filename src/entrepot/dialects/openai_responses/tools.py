"""Tools and the choice among them, from the wire to the canonical form.

Rules of this file: a function is a function. A custom tool, which takes free text, becomes a function of one text `input`, so
that every model can call it; `custom` in its `extra` says so, and the answer names it as the client knows it. Any other kind of
tool runs at the provider: only this dialect can say it. Where a choice allows some tools only, the others are left out of what
the model is told, which is what the choice means.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Request, Tool, ToolChoice
from entrepot.errors import InvalidRequest

_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's input, as free text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def tool_of(wire: dict[str, Any], at: str) -> Tool:
    """One tool."""
    kind, name = wire.get("type", "function"), wire.get("name")
    if kind not in ("function", "custom"):
        return Tool(name if isinstance(name, str) else str(kind), hosted=wire)
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"'{at}.name' is missing", param=f"{at}.name")
    given = wire.get("description")
    description = given if isinstance(given, str) else None
    if kind == "custom":
        return Tool(name, _with_grammar(description, wire.get("format")), _INPUT, extra={"custom": True})
    parameters, strict = wire.get("parameters"), wire.get("strict")
    return Tool(
        name,
        description,
        parameters if isinstance(parameters, dict) else None,
        strict if isinstance(strict, bool) else None,
    )


def custom_names(request: Request) -> frozenset[str]:
    """The names of the tools that take free text."""
    return frozenset(tool.name for tool in request.tools if tool.extra.get("custom"))


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
    return name if isinstance(name, str) else str(wire.get("type"))


def _mode(word: object, at: str) -> ToolChoice:
    match word:
        case "auto" | "none" | "required":
            return ToolChoice(word)
        case _:
            raise InvalidRequest(f"'{at}' must be auto, none, required or an object that names a tool", param=at)
