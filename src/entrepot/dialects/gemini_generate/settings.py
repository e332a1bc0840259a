"""Tools and settings of a request, to the canonical form.

Rules of this file: a setting that no canonical name says is kept by its wire name, and so is what of a setting is more than its
canonical name says (a list of allowed functions, an unlimited thinking budget).
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import OutputFormat, Tool, ToolChoice
from entrepot.dialects.gemini_generate.schema import to_json_schema
from entrepot.dialects.gemini_generate.thinking import parse_thinking
from entrepot.dialects.gemini_generate.wire import (
    WireDeclaration,
    WireFunctionCalling,
    WireGeneration,
    WireThinking,
    WireTool,
    WireToolConfig,
    rest,
)
from entrepot.errors import InvalidRequest

MAX_CHOICES = 8
_MODES = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}


def parse_tools(wire: WireTool, raw: dict[str, Any], at: str) -> list[Tool]:
    """A group of functions, or tools that Google runs."""
    tools = [
        Tool(
            declared.name,
            declared.description,
            declared.parameters_json_schema
            if declared.parameters_json_schema is not None
            else to_json_schema(declared.parameters)
            if declared.parameters is not None
            else None,
            extra=rest(given, WireDeclaration),
        )
        for declared, given in zip(wire.function_declarations or (), raw.get("functionDeclarations") or (), strict=True)
    ]
    for name, settings in rest(raw, WireTool).items():
        if not isinstance(settings, dict):
            raise InvalidRequest(f"'{at}.{name}' must be an object", param=f"{at}.{name}")
        tools.append(Tool(name, hosted={name: settings}))
    return tools


def parse_tool_choice(config: WireToolConfig | None) -> tuple[ToolChoice | None, dict[str, Any]]:
    """The choice, and what of it only this dialect can say, in its own words."""
    calling = (config and config.function_calling_config) or WireFunctionCalling()
    mode = _MODES.get((calling.mode or "").upper())
    names = calling.allowed_function_names or []
    if mode == "required" and len(names) == 1:
        return ToolChoice("named", names[0]), {}
    choice = ToolChoice(mode) if mode is not None else None  # type: ignore[arg-type]  # one of the four, see _MODES
    beside: dict[str, Any] = {"mode": "VALIDATED"} if (calling.mode or "").upper() == "VALIDATED" else {}
    if names:
        beside["allowedFunctionNames"] = names
    return choice, {"functionCallingConfig": beside} if beside else {}


def parse_settings(wire: WireGeneration, raw: dict[str, Any]) -> dict[str, Any]:
    """The fields of canonical Request that `generationConfig` says. Raises InvalidRequest for a value out of range."""
    if wire.max_output_tokens is not None and wire.max_output_tokens < 1:
        raise _setting("maxOutputTokens", wire.max_output_tokens, "must be at least 1")
    if wire.candidate_count is not None and not 1 <= wire.candidate_count <= MAX_CHOICES:
        raise _setting("candidateCount", wire.candidate_count, f"must be between 1 and {MAX_CHOICES}")
    effort, budget = parse_thinking(wire.thinking_config)
    beside = rest(raw, WireGeneration)
    thinking = raw.get("thinkingConfig") or {}
    if kept := {**rest(thinking, WireThinking), **_thinking_beside(wire.thinking_config)}:
        beside["thinkingConfig"] = kept
    output_format = _output_format(wire)
    if output_format.kind == "text" and wire.response_mime_type not in (None, "text/plain"):
        beside["responseMimeType"] = wire.response_mime_type
        if wire.response_schema is not None:
            beside["responseSchema"] = wire.response_schema
    extra: dict[str, Any] = {"generationConfig": beside} if beside else {}
    if wire.response_logprobs:
        # As OpenAI chat names them, so that a candidate is chosen that has them; see `body.py`.
        extra.update({"logprobs": True, **({} if wire.logprobs is None else {"top_logprobs": wire.logprobs})})
    return {
        "temperature": wire.temperature,
        "top_p": wire.top_p,
        "top_k": None if wire.top_k is None else int(wire.top_k),
        "max_output_tokens": wire.max_output_tokens,
        "stop": tuple(wire.stop_sequences or ()),
        "seed": wire.seed,
        "n": wire.candidate_count or 1,
        "output_format": output_format,
        "reasoning_effort": effort,
        "reasoning_budget_tokens": budget,
        "extra": extra,
    }


def _thinking_beside(wire: WireThinking | None) -> dict[str, Any]:
    if wire is None:
        return {}
    beside: dict[str, Any] = {} if wire.include_thoughts is None else {"includeThoughts": wire.include_thoughts}
    return {**beside, "thinkingBudget": -1} if (wire.thinking_budget or 0) < 0 else beside


def _setting(name: str, value: object, rule: str) -> InvalidRequest:
    path = f"generationConfig.{name}"
    return InvalidRequest(f"'{path}' is {value}: it {rule}", param=path)


def _output_format(wire: WireGeneration) -> OutputFormat:
    if (wire.response_mime_type or "").lower() != "application/json":
        return OutputFormat()
    if wire.response_json_schema is not None:
        return OutputFormat("json_schema", wire.response_json_schema)
    if wire.response_schema is not None:
        return OutputFormat("json_schema", to_json_schema(wire.response_schema))
    return OutputFormat("json")
