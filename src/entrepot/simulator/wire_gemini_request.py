"""The Gemini wire, inward: address, key and settings of a request, checked as generateContent checks them.

Source: the Gemini API reference (v1beta), its pages on function calling, structured output and thinking. Rules of this file: the
model and what is done with it stand in the path. A generation before 3 takes no level of thinking and wants no signatures.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.wire_gemini_contents import Contents
from entrepot.simulator.wire_gemini_fields import (
    CALLING,
    COUNT_REQUEST,
    DECLARATION,
    GENERATION,
    REQUEST,
    THINKING,
    TOOL,
    TOOL_CONFIG,
    fields,
    invalid,
    listed,
    plain_schema,
    whole_number,
)

_ADDRESS = re.compile(r"/v1(?:beta)?/models/(.+):(generateContent|streamGenerateContent|countTokens)")
_GENERATION = re.compile(r"gemini-(\d+)")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_LEVELS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
_MAX_STOPS = 5


def check_key(request: HttpRequest, key: str) -> None:
    """The key in `x-goog-api-key`, in the query, or as a bearer token. A wrong one is a 400 here, not a 401."""
    _, _, token = request.headers.get("authorization", "").partition(" ")
    given = request.headers.get("x-goog-api-key") or parse_qs(request.query).get("key", [""])[0] or token
    if not given:
        raise WireError(403, "Method doesn't allow unregistered callers (callers without established identity).")
    if given != key:
        raise WireError(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")


def generation_of(model: str) -> int:
    """A model's generation by its name; one that does not say is new."""
    found = _GENERATION.search(model)
    return int(found[1]) if found else 99


def parse_request(request: HttpRequest, path: str) -> Heard | None:
    """Check a request and read it; None if there is no such path. Raises WireError."""
    found = _ADDRESS.fullmatch(unquote(path))
    if request.method != "POST" or found is None:
        return None
    model, method = found.groups()
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if method == "countTokens":
        return _count(body, model)
    array = parse_qs(request.query).get("alt") != ["sse"]
    return _generate(body, model, stream=method.startswith("stream"), array=array)


def _count(body: object, model: str) -> Heard:
    given = fields(body, COUNT_REQUEST, "")
    if "generateContentRequest" in given:
        inner = {name: value for name, value in given["generateContentRequest"].items() if name != "model"}
        heard = _generate(inner, model, stream=False, array=False)
    else:
        heard = _generate(given, model, stream=False, array=False)
    return msgspec.structs.replace(heard, operation="count_tokens")


def _generate(body: object, model: str, *, stream: bool, array: bool) -> Heard:
    given = fields(body, REQUEST, "")
    if "cachedContent" in given:
        raise WireError(403, "CachedContent not found (or permission denied)")
    generation = generation_of(model)
    contents = Contents(signs=generation >= 3)
    contents.read_system(given.get("systemInstruction"))
    tools = _tools(given.get("tools", []), contents)
    contents.read_contents(given.get("contents"))
    settings = fields(given.get("generationConfig", {}), GENERATION, "generation_config")
    kind, schema = _output_format(settings)
    if kind != "text" and tools and generation < 3:
        raise invalid("Function calling with a response mime type: 'application/json' is unsupported")
    effort, budget, shows = _thinking(settings.get("thinkingConfig", {}), generation)
    return Heard(
        model=model,
        prompt=contents.prompt,
        read=contents.read,
        tool_results=contents.results,
        tools=tools,
        tool_choice=_tool_choice(given.get("toolConfig", {}), tools),
        format=kind,
        schema=schema,
        max_tokens=_at_least_one(settings, "maxOutputTokens"),
        stop=_stops(settings),
        n=_at_least_one(settings, "candidateCount") or 1,
        stream=stream,
        reasoning_effort=effort,
        max_reasoning_tokens=budget,
        shows_reasoning=shows,
        system=contents.system,
        temperature=_temperature(settings),
        replayed=tuple(contents.replayed),
        options={"array": array, "generation": generation},
    )


def _tools(given: object, contents: Contents) -> tuple[OfferedTool, ...]:
    offered: list[OfferedTool] = []
    for index, tool in enumerate(listed(given, "tools")):
        read = fields(tool, TOOL, f"tools[{index}]")
        for number, declaration in enumerate(read.get("functionDeclarations", [])):
            at = f"tools[{index}].function_declarations[{number}]"
            declared = fields(declaration, DECLARATION, at)
            name = declared.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise invalid(f"* GenerateContentRequest.{at}.name: [Invalid function name. {_NAME_RULE}]\n")
            if name in {each.name for each in offered}:
                raise invalid(f"Duplicate function declaration found: {name}")
            offered.append(OfferedTool(name, _either_schema(declared, "parameters", "parametersJsonSchema", at)))
            contents.segments.append(msgspec.json.encode(declaration).decode())
    return tuple(offered)


_NAME_RULE = (
    "Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or "
    "dashes (-), with a maximum length of 64."
)


def _either_schema(given: dict[str, Any], api_name: str, json_name: str, at: str) -> dict[str, Any]:
    """The schema under the one name or the other; empty where there is none."""
    if api_name in given and json_name in given:
        raise invalid(f"{at}: {api_name} and {json_name} must not both be set")
    if api_name in given:
        return plain_schema(given[api_name], f"{at}.{api_name}")
    schema = given.get(json_name, {})
    if not isinstance(schema, dict):
        raise invalid(f"{at}.{json_name}: must be a JSON Schema object")
    return schema


def _tool_choice(given: object, tools: tuple[OfferedTool, ...]) -> str:
    config = fields(given, TOOL_CONFIG, "tool_config")
    calling = fields(config.get("functionCallingConfig", {}), CALLING, "tool_config.function_calling_config")
    mode, allowed = str(calling.get("mode", "AUTO")).upper(), calling.get("allowedFunctionNames", [])
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise invalid(f"Invalid value at 'tool_config.function_calling_config.mode', {mode!r}")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise invalid("allowed_function_names should only be set when function calling mode is ANY.")
    if missing := [name for name in allowed if name not in {tool.name for tool in tools}]:
        raise invalid(f"allowed_function_names: {missing[0]} is not among the function declarations")
    if mode == "ANY":
        if not tools:
            raise invalid("Function calling config is set without function_declarations.")
        return str(allowed[0]) if len(allowed) == 1 else "required"
    return "none" if mode == "NONE" else "auto"


def _output_format(settings: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    media_type = settings.get("responseMimeType", "text/plain")
    if media_type not in ("text/plain", "application/json", "text/x.enum"):
        raise invalid(
            f"response_mime_type: allowed mimetypes are text/plain, application/json, text/x.enum; not {media_type}"
        )
    schema = _either_schema(settings, "responseSchema", "responseJsonSchema", "generation_config")
    if not schema:
        return ("json_object" if media_type == "application/json" else "text"), None
    if media_type == "text/plain":
        raise invalid("response_schema: only supported with response mime type application/json")
    return "json_schema", schema


def _thinking(given: object, generation: int) -> tuple[str | None, int | None, bool]:
    """(effort, most tokens, whether thoughts are shown)."""
    config = fields(given, THINKING, "generation_config.thinking_config")
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if budget is not None and level is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    shows = config.get("includeThoughts", False)
    if not isinstance(shows, bool):
        raise invalid("Invalid value at 'generation_config.thinking_config.include_thoughts' (TYPE_BOOL)")
    if level is not None:
        if generation < 3:
            raise invalid("Thinking level is not supported for this model.")
        if str(level).upper() not in _LEVELS:
            raise invalid(f"Invalid value at 'generation_config.thinking_config.thinking_level', {level!r}")
        return _LEVELS[str(level).upper()], None, shows
    if budget is None:
        return None, None, shows
    tokens = whole_number(budget, "generation_config.thinking_config.thinking_budget")
    if not -1 <= tokens <= 32_768:
        raise invalid(f"The thinking budget {tokens} is invalid. Please choose a value between 0 and 32768.")
    if tokens == 0:
        if shows:
            raise invalid("include_thoughts is only enabled when thinking is enabled.")
        return "none", None, False
    return None, None if tokens < 0 else tokens, shows


def _at_least_one(settings: dict[str, Any], name: str) -> int | None:
    if name not in settings:
        return None
    value = whole_number(settings[name], f"generation_config.{name}")
    if value < 1:
        raise invalid(f"generation_config.{name} must be positive.")
    return value


def _stops(settings: dict[str, Any]) -> tuple[str, ...]:
    stops = listed(settings.get("stopSequences", []), "generation_config.stop_sequences")
    if len(stops) > _MAX_STOPS:
        raise invalid("The number of stop sequences must be at most 5.")
    if not all(isinstance(stop, str) and stop for stop in stops):
        raise invalid("generation_config.stop_sequences: a stop sequence must not be empty")
    return tuple(stops)


def _temperature(settings: dict[str, Any]) -> float | None:
    value = settings.get("temperature")
    if value is not None and (not isinstance(value, int | float) or not 0 <= value <= 2):
        raise invalid(
            "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n"
        )
    return value
