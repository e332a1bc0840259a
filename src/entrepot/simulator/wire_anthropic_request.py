"""The Anthropic wire, inward: headers and settings of a request, checked as the Messages API checks them.

Source: Anthropic's API reference and its SDK's parameter types (2.12.0). Rules of this file: an unknown field is refused, as the
API does. From version 2026-10-21 on `temperature`, `top_p` and `top_k` are refused.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.wire_anthropic_schema import check_schema
from entrepot.simulator.wire_anthropic_turns import Turns, invalid

VERSIONS = ("2023-06-01", "2026-10-21")
_FIELDS = frozenset(
    (
        "model messages max_tokens system tools tool_choice stop_sequences stream temperature top_p top_k thinking metadata "
        "output_config service_tier cache_control container inference_geo speed"
    ).split()
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MIN_BUDGET = 1024
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def check_key(request: HttpRequest, key: str) -> None:
    """The key in `x-api-key`, or as a bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = request.headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")
    if not given:
        raise WireError(401, "x-api-key header is required")
    if given != key:
        raise WireError(401, "invalid x-api-key")


def parse_request(request: HttpRequest, *, counts: bool = False) -> Heard:
    """Check a request and read it; `counts`: only its tokens are to be counted. Raises WireError."""
    version = request.headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')
    given = _object(request.body)
    if extra := sorted(given.keys() - _FIELDS):
        raise invalid(f"{extra[0]}: Extra inputs are not permitted")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model: Field required")
    limit = None if counts else _limit(given)
    stops = _stops(given)
    turns = Turns()
    tools = _tools(given, turns)
    choice, parallel = _tool_choice(given, tools)
    turns.read_system(given.get("system"))
    turns.read_messages(given.get("messages"))
    turns.mark(given, "request")
    thinking = _thinking(given, limit, choice)
    _sampling(given, version, thinks=bool(thinking))
    if thinking.get("type") == "enabled":
        _check_thinking_leads(given["messages"])
    effort, schema = _output_config(given)
    return Heard(
        model=model,
        prompt=turns.prompt,
        read=turns.read,
        tool_results=turns.results,
        tools=tools,
        tool_choice=choice,
        format="text" if schema is None else "json_schema",
        schema=schema,
        max_tokens=limit,
        stop=stops,
        stream=_boolean(given, "stream"),
        reasoning_effort=(effort or "medium") if thinking else "none",
        max_reasoning_tokens=thinking.get("budget_tokens"),
        shows_reasoning=thinking.get("display") != "omitted",
        system=turns.system,
        parallel_calls=parallel,
        temperature=given.get("temperature"),
        replayed=tuple(turns.replayed),
        marks=turns.marks(),
        operation="count_tokens" if counts else "generate",
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The request body is not valid JSON: {error}") from error
    if not isinstance(given, dict):
        raise invalid("Input should be a valid dictionary")
    return given


def _limit(given: dict[str, Any]) -> int:
    limit = given.get("max_tokens")
    if limit is None:
        raise invalid("max_tokens: Field required")
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if limit < 1:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    return limit


def _stops(given: dict[str, Any]) -> tuple[str, ...]:
    stops = given.get("stop_sequences", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise invalid("stop_sequences: Input should be a valid list")
    for index, stop in enumerate(stops):
        if not stop.strip():
            raise invalid(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
    return tuple(stops)


def _tools(given: dict[str, Any], turns: Turns) -> tuple[OfferedTool, ...]:
    tools = given.get("tools", [])
    if not isinstance(tools, list):
        raise invalid("tools: Input should be a valid list")
    offered: list[OfferedTool] = []
    for index, tool in enumerate(tools):
        at = f"tools.{index}"
        if not isinstance(tool, dict):
            raise invalid(f"{at}: Input should be a valid dictionary")
        if tool.get("type", "custom") != "custom":
            continue  # one of Anthropic's own: what these stand-ins never use
        name, schema = tool.get("name"), tool.get("input_schema")
        if extra := sorted(tool.keys() - _TOOL_FIELDS):
            raise invalid(f"{at}.custom.{extra[0]}: Extra inputs are not permitted")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise invalid(f"{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise invalid(f"{at}.custom.input_schema.type: Input should be 'object'")
        if not isinstance(tool.get("description", ""), str):
            raise invalid(f"{at}.custom.description: Input should be a valid string")
        if tool.get("strict"):
            check_schema(schema, f"{at}.custom.input_schema")
        if name in {each.name for each in offered}:
            raise invalid("tools: Tool names must be unique.")
        offered.append(OfferedTool(name, schema))
        turns.segments.append(msgspec.json.encode(tool).decode())
        turns.mark(tool, at)
    return tuple(offered)


_TOOL_FIELDS = frozenset({"type", "name", "description", "input_schema", "cache_control", "strict", "input_examples"})


def _tool_choice(given: dict[str, Any], tools: tuple[OfferedTool, ...]) -> tuple[str, bool]:
    choice = given.get("tool_choice")
    if choice is None:
        return "auto", True
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in _CHOICE_FIELDS:
        raise invalid(f"tool_choice: Input tag '{kind}' does not match any of the expected tags")
    if choice.keys() - {"type", *_CHOICE_FIELDS[kind]}:
        raise invalid(f"tool_choice.{kind}: Extra inputs are not permitted")
    if not given.get("tools"):
        raise invalid("tool_choice: may only be specified while providing `tools`.")
    if kind == "tool":
        if choice.get("name") not in {tool.name for tool in tools}:
            raise invalid(f"tool_choice.tool.name: Tool '{choice.get('name')}' not found in provided tools")
        mode = str(choice["name"])
    else:
        mode = {"auto": "auto", "any": "required", "none": "none"}[kind]
    return mode, not choice.get("disable_parallel_tool_use", False)


_CHOICE_FIELDS: dict[str, tuple[str, ...]] = {
    "auto": ("disable_parallel_tool_use",),
    "any": ("disable_parallel_tool_use",),
    "tool": ("name", "disable_parallel_tool_use"),
    "none": (),
}


def _thinking(given: dict[str, Any], limit: int | None, choice: str) -> dict[str, Any]:
    """What `thinking` says; empty where it is off."""
    thinking = given.get("thinking")
    if thinking is None:
        return {}
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "adaptive", "disabled", "between_tools"):
        raise invalid(f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags")
    allowed = {"enabled": {"budget_tokens", "display"}, "adaptive": {"display"}}.get(kind, set())
    if extra := sorted(thinking.keys() - allowed - {"type"}):
        raise invalid(f"thinking.{kind}.{extra[0]}: Extra inputs are not permitted")
    if kind in ("disabled", "between_tools"):
        return {}
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < _MIN_BUDGET:
            raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if limit is not None and budget >= limit:
            raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if choice not in ("auto", "none"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if given["messages"][-1]["role"] == "assistant":
        raise invalid("messages: a final `assistant` message may not be prefilled when `thinking` is enabled")
    return dict(thinking)


def _sampling(given: dict[str, Any], version: str, *, thinks: bool) -> None:
    for name in ("temperature", "top_p"):
        value = given.get(name)
        if value is not None and (not isinstance(value, int | float) or not 0 <= value <= 1):
            raise invalid(f"{name}: Input should be between 0 and 1")
    present = [name for name in ("temperature", "top_p", "top_k") if given.get(name) is not None]
    if present and version >= "2026-10-21":
        raise invalid(f"{present[0]}: is not accepted from version 2026-10-21 on")
    if "temperature" in present and "top_p" in present:
        raise invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if thinks and given.get("temperature") not in (None, 1):
        raise invalid("`temperature` may only be set to 1 when thinking is enabled.")
    if thinks and "top_k" in present:
        raise invalid("`top_k` must be unset when thinking is enabled.")
    if thinks and given.get("top_p") is not None and given["top_p"] < 0.95:
        raise invalid("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")


def _check_thinking_leads(messages: list[dict[str, Any]]) -> None:
    """With a budget, the assistant turn of a tool loop that is under way begins with its thinking."""
    results = messages[-1]["content"]
    if not isinstance(results, list) or not any(block["type"] == "tool_result" for block in results):
        return
    first = messages[-2]["content"][0]["type"]
    if first not in ("thinking", "redacted_thinking"):
        raise invalid(
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _output_config(given: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    config = given.get("output_config")
    if config is None:
        return None, None
    if not isinstance(config, dict) or config.keys() - {"effort", "format", "task_budget"}:
        raise invalid("output_config: Extra inputs are not permitted")
    effort, form = config.get("effort"), config.get("format")
    if effort is not None and effort not in _EFFORTS:
        raise invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if form is None:
        return effort, None
    if not isinstance(form, dict) or form.get("type") != "json_schema" or form.keys() - {"type", "schema"}:
        raise invalid("output_config.format: Input should be an object of type 'json_schema' with a 'schema'")
    if not isinstance(form.get("schema"), dict):
        raise invalid("output_config.format.schema: Field required")
    check_schema(form["schema"], "output_config.format.schema")
    return effort, form["schema"]


def _boolean(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise invalid(f"{name}: Input should be a valid boolean")
    return value
