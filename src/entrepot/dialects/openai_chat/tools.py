"""Tools and the choice among them, from the wire to the canonical form.

Rules of this file: where a choice allows some tools only, the others are left out of what the model is told, which is what the
choice means. A mode may be an object that names it, and Mistral's `any` is `required`.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Tool, ToolChoice
from entrepot.dialects.openai_chat.wire import WireTool
from entrepot.errors import InvalidRequest

_MODES = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),
}


def tool_of(wire: WireTool, at: str) -> Tool:
    """One tool. Raises InvalidRequest for a function without its definition."""
    if wire.function is None:
        if wire.type == "function":
            raise InvalidRequest(f"'{at}.function' is missing", param=f"{at}.function")
        own = (wire.custom or {}).get("name") if wire.type == "custom" else None
        return Tool(name=own if isinstance(own, str) and own else wire.type, hosted={"type": wire.type})
    function = wire.function
    extra = {} if wire.cache_control is None else {"cache_control": wire.cache_control}
    return Tool(function.name, function.description, function.parameters, function.strict, extra)


def choose(wire: str | dict[str, Any] | None, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools that it leaves. Raises InvalidRequest for a choice that does not say what is chosen."""
    if not isinstance(wire, dict):
        return _MODES.get(wire or ""), tools
    kind = str(wire.get("type"))
    if kind == "allowed_tools":
        return _allowed(wire.get("allowed_tools"), tools)
    if kind in _MODES:
        return _MODES[kind], tools
    name = _name(wire)
    if name is None:
        raise InvalidRequest(
            "'tool_choice' must be auto, none, required or an object that names a tool", param="tool_choice"
        )
    return ToolChoice("named", name), tools


def _allowed(wire: object, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    at = "tool_choice.allowed_tools"
    listed = wire.get("tools") if isinstance(wire, dict) else None
    mode = _MODES.get(str(wire.get("mode", "auto"))) if isinstance(wire, dict) else None
    if mode is None or not isinstance(listed, list):
        raise InvalidRequest(f"'{at}' must have a mode (auto or required) and a list of tools", param=at)
    allowed = {_name(each) for each in listed if isinstance(each, dict)}
    return mode, tuple(tool for tool in tools if tool.name in allowed)


def _name(wire: dict[str, Any]) -> str | None:
    """What is named: by `function` or `custom`, in a sub-object as the API has it, or beside the type; else by its type."""
    kind = wire.get("type", "function")
    inner = wire.get(str(kind))
    name = inner.get("name") if isinstance(inner, dict) else wire.get("name")
    if isinstance(name, str) and name:
        return name
    return kind if isinstance(kind, str) and kind not in ("function", "custom") else None
