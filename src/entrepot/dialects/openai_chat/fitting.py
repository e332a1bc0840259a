"""A request made to fit a provider's departures from the dialect, whoever wrote it: a client of this dialect or we ourselves.

Rules of this file: each step is a quirk's (`quirks.py`), and without the quirk nothing is changed. What a client wrote is taken
apart only as far as a step looks at it, and everything beside that stays the bytes it was. A setting is downgraded, never a
content: what cannot be taken in any form is refused before this (`outgoing.py`, `turns.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.dialects.openai_chat.fitting_messages import MESSAGE_QUIRKS, fit_messages
from entrepot.dialects.openai_chat.wire import Fields, encode, value_of
from entrepot.errors import InvalidRequest

_SWITCHES = frozenset({"enable_thinking", "thinking_type", "template_thinking"})
_COARSE_EFFORTS = {"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"}
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_VALUES = frozenset({"enum", "const", "default", "examples"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_JSON_WORDS = "Answer with one JSON value and nothing else."


def fit(fields: Fields, quirks: frozenset[str]) -> Fields:
    """The request's fields as this provider takes them. `fields` is changed in place and given back.

    Raises InvalidRequest for a tool that the provider cannot be told.
    """
    _fit_limit(fields, quirks)
    _fit_sampling(fields, quirks)
    _fit_thinking(fields, quirks)
    if "tools" in fields:
        _fit_tools(fields, quirks)
    words = _fit_output_format(fields, quirks) if "response_format" in fields else None
    if words is not None or quirks & MESSAGE_QUIRKS:
        fields["messages"] = fit_messages(fields["messages"], quirks, words)
    _fit_names(fields, quirks)
    return fields


def wants_thinking(fields: Fields) -> bool:
    """Whether the request itself asks for reasoning."""
    effort = value_of(fields, "reasoning_effort")
    thinking = value_of(fields, "thinking")
    return (
        (effort is not None and effort != "none")
        or value_of(fields, "enable_thinking") is True
        or (isinstance(thinking, dict) and thinking.get("type") == "enabled")
    )


def _fit_limit(fields: Fields, quirks: frozenset[str]) -> None:
    """The limit under the name that the provider knows. Most hosts know the older one, OpenAI's reasoning models the newer.

    Where both are there the newer is meant, as the request is read: it is what budgets were asked for.
    """
    newer, older = "max_completion_tokens", "max_tokens"
    known, unknown = (newer, older) if newer in quirks else (older, newer)
    if unknown in fields:
        meant = newer if value_of(fields, newer) is not None else older
        limit = fields.get(meant)
        del fields[unknown]
        if limit is not None:
            fields[known] = limit


def _fit_names(fields: Fields, quirks: frozenset[str]) -> None:
    if "no_user" in quirks:
        fields.pop("user", None)
    if "random_seed" in quirks and "seed" in fields:
        fields["random_seed"] = fields.pop("seed")
    if "no_stream_options" in quirks:
        fields.pop("stream_options", None)


def _fit_sampling(fields: Fields, quirks: frozenset[str]) -> None:
    if "no_sampling" in quirks:
        for name in _SAMPLING:
            fields.pop(name, None)
    if "temperature_to_1" in quirks:
        temperature = value_of(fields, "temperature")
        if isinstance(temperature, int | float) and temperature > 1:
            fields["temperature"] = 1


def _fit_thinking(fields: Fields, quirks: frozenset[str]) -> None:
    """The effort in the provider's own words, where it has its own and the client did not use them."""
    effort = value_of(fields, "reasoning_effort")
    if "thinking_streams_only" in quirks and value_of(fields, "stream") is not True:
        if wants_thinking(fields):  # asked as a stream, and folded for the client
            fields["stream"] = True
            fields["stream_options"] = {"include_usage": True}
        else:
            fields["enable_thinking"] = False
    if isinstance(effort, str):
        thinks = effort != "none"
        if "enable_thinking" in quirks:
            fields.setdefault("enable_thinking", thinks)
        if "thinking_type" in quirks:
            fields.setdefault("thinking", {"type": "enabled" if thinks else "disabled"})
        if "template_thinking" in quirks:
            template = value_of(fields, "chat_template_kwargs") or {}
            fields["chat_template_kwargs"] = {"enable_thinking": thinks, **template}
        if quirks & _SWITCHES and ("reasoning_effort" not in quirks or not thinks):
            del fields["reasoning_effort"]
        elif "coarse_effort" in quirks:
            fields["reasoning_effort"] = _COARSE_EFFORTS.get(effort, effort)


def _fit_tools(fields: Fields, quirks: frozenset[str]) -> None:
    choice = value_of(fields, "tool_choice")
    tools = value_of(fields, "tools") or []
    forced = choice == "required" or isinstance(choice, dict)
    if "functions_only" in quirks:
        _refuse_other_tools(tools)
    if "tool_choice_auto_only" in quirks:
        if forced:
            fields["tool_choice"] = "auto"
        elif choice == "none":
            del fields["tools"], fields["tool_choice"]
            fields.pop("parallel_tool_calls", None)
            return
    elif choice == "required" and "no_required_tool_choice" in quirks:
        function = tools[0].get("function") if len(tools) == 1 else None
        named = {"type": "function", "function": {"name": function["name"]}} if isinstance(function, dict) else "auto"
        fields["tool_choice"] = named
    if "no_parallel_tool_calls" in quirks:
        fields.pop("parallel_tool_calls", None)
    if "no_strict_tools" in quirks:
        fields["tools"] = [_without_strict(tool) for tool in tools]


def _refuse_other_tools(tools: list[dict[str, Any]]) -> None:
    for number, tool in enumerate(tools):
        kind = tool.get("type", "function")
        if kind != "function":
            at = f"tools[{number}]"
            raise InvalidRequest(f"{at} is of the kind '{kind}': this provider takes functions only", param=at)


def _without_strict(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    rest = {name: value for name, value in function.items() if name != "strict"}
    if "parameters" in rest:
        rest["parameters"] = _open_schema(rest["parameters"])
    return {**tool, "function": rest}


def _open_schema(schema: object, *, names: bool = False) -> object:
    """A schema that does not forbid further properties. `names`: the keys here are names of a user's own, not keywords."""
    if isinstance(schema, list):
        return [_open_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    opened: dict[str, Any] = {}
    for name, value in schema.items():
        if names:
            opened[name] = _open_schema(value)
        elif name in _VALUES:
            opened[name] = value
        elif name != "additionalProperties":
            opened[name] = _open_schema(value, names=name in _NAMED)
    return opened


def _fit_output_format(fields: Fields, quirks: frozenset[str]) -> str | None:
    """What must be added to the instructions for the output format to be taken."""
    format_ = value_of(fields, "response_format")
    kind = format_.get("type") if isinstance(format_, dict) else None
    if kind == "json_schema" and "no_json_schema" in quirks:
        fields["response_format"] = {"type": "json_object"}
        asked = format_.get("json_schema") or {}
        schema = asked.get("schema") or {} if isinstance(asked, dict) else {}
        return f"Answer with one JSON value of this JSON Schema and nothing else:\n{encode(schema).decode()}"
    if kind == "json_object" and b"json" not in _bytes_of(fields["messages"]).lower():
        return _JSON_WORDS  # hosts refuse it where nobody says the word
    return None


def _bytes_of(value: object) -> bytes:
    return bytes(value) if isinstance(value, msgspec.Raw) else encode(value)
