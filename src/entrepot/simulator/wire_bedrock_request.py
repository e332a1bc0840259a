"""The Bedrock wire, inward: the address and settings of a request, checked as Converse checks them.

Source: Amazon Bedrock API reference (Converse, ConverseStream) and botocore's service model (1.44.5). Rules of this file: a field
that the API does not have is refused. A model's own fields are read as Anthropic's, Amazon's and OpenAI's models take them.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.wire_bedrock_turns import Turns, invalid, refusal

_PATH = re.compile(r"/model/([^/]+)/converse(-stream)?")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/[a-z0-9-]+/bedrock/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?"
    r"Signature=[0-9a-f]{64}"
)
_FIELDS = frozenset(
    "messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables "
    "additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig".split()
)
_INFERENCE = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})


def check_key(request: HttpRequest, key: str) -> None:
    """A bearer token, or a signature made with the access key `key`. What was signed is not proven here."""
    given = request.headers.get("authorization", "")
    scheme, _, token = given.partition(" ")
    if not given:
        raise refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if scheme.lower() == "bearer":
        known = token == key
    else:
        signed = _SIGNED.fullmatch(given)
        if (
            signed is None
            or not {"host", "x-amz-date"} <= set(signed[2].split(";"))
            or "x-amz-date" not in request.headers
        ):
            raise refusal(
                403, "IncompleteSignatureException", "The request signature does not conform to AWS standards."
            )
        known = signed[1] == key
    if not known:
        raise refusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")


def parse_request(request: HttpRequest, path: str) -> Heard | None:
    """A request to converse; None if the path is another. Raises WireError."""
    address = _PATH.fullmatch(path)
    if address is None or request.method != "POST":
        return None
    try:
        given = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(400, "SerializationException", f"The request body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise refusal(400, "SerializationException", "The request body must be a JSON object.")
    if extra := sorted(given.keys() - _FIELDS):
        raise invalid(
            f"Malformed input request: extraneous key [{extra[0]}] is not permitted, please reformat your input."
        )
    turns = Turns()
    tools, choice = _tools(given.get("toolConfig"), turns)
    turns.read_system(given.get("system"))
    turns.read_messages(given.get("messages"))
    if turns.has_tool_blocks and not tools:
        raise invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    inference = _inference(given.get("inferenceConfig"))
    fields = _object(given, "additionalModelRequestFields")
    schema = _schema(given.get("outputConfig"))
    return Heard(
        model=unquote(address[1]),
        prompt=turns.prompt,
        read=turns.read,
        tool_results=turns.results,
        tools=tools,
        tool_choice=choice,
        format="text" if schema is None else "json_schema",
        schema=schema,
        max_tokens=inference.get("maxTokens"),
        stop=tuple(inference.get("stopSequences", ())),
        stream=address[2] is not None,
        reasoning_effort=_effort(fields, choice),
        max_reasoning_tokens=_budget(fields, inference),
        system=turns.system,
        temperature=inference.get("temperature"),
        replayed=tuple(turns.replayed),
        marks=turns.marks,
        options={"paths": given.get("additionalModelResponseFieldPaths") or [], "fields": fields},
    )


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise invalid(f"The format of the value at {name} is invalid. Provide a json object for the field.")
    return value


def _inference(given: object) -> dict[str, Any]:
    config = {} if given is None else given
    if not isinstance(config, dict) or config.keys() - _INFERENCE:
        raise invalid("Malformed input request: inferenceConfig holds a key that is not permitted.")
    limit = config.get("maxTokens")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise invalid(
            "Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must be greater than or equal to 1"
        )
    for name in ("temperature", "topP"):
        value = config.get(name)
        if value is not None and (not isinstance(value, int | float) or not 0 <= value <= 1):
            raise invalid(
                f"Value at 'inferenceConfig.{name}' failed to satisfy constraint: Member must be between 0 and 1"
            )
    stops = config.get("stopSequences", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise invalid(
            "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must have length >= 1"
        )
    return config


def _tools(given: object, turns: Turns) -> tuple[tuple[OfferedTool, ...], str]:
    if given is None:
        return (), "auto"
    if not isinstance(given, dict) or given.keys() - {"tools", "toolChoice"}:
        raise invalid("Malformed input request: toolConfig holds a key that is not permitted.")
    tools = given.get("tools")
    if not isinstance(tools, list) or not tools:
        raise invalid(
            "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )
    offered: list[OfferedTool] = []
    for index, tool in enumerate(tools):
        at = f"toolConfig.tools.{index}"
        if not isinstance(tool, dict) or len(tool) != 1:
            raise invalid(f"Malformed input request: {at} must set exactly one member")
        if "cachePoint" in tool:
            turns.mark(tool["cachePoint"], at)
            continue
        offered.append(_tool(tool.get("toolSpec"), at))
        turns.segments.append(msgspec.json.encode(tool).decode())
    names = [tool.name for tool in offered]
    if len(set(names)) < len(names):
        raise invalid("The tool names in toolConfig.tools must be unique.")
    return tuple(offered), _choice(given.get("toolChoice"), names)


def _tool(spec: object, at: str) -> OfferedTool:
    if not isinstance(spec, dict) or spec.keys() - {"name", "description", "inputSchema", "strict"}:
        raise invalid(f"Malformed input request: {at}.toolSpec")
    name, schema = spec.get("name"), spec.get("inputSchema")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise invalid(f"Value at '{at}.toolSpec.name' failed to satisfy constraint: pattern [a-zA-Z0-9_-]+")
    if spec.get("description") == "":
        raise invalid(
            f"Value at '{at}.toolSpec.description' failed to satisfy constraint: Member must have length >= 1"
        )
    parameters = schema.get("json") if isinstance(schema, dict) and schema.keys() == {"json"} else None
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        raise invalid(f"The value at {at}.toolSpec.inputSchema.json.type must be one of the following: object.")
    return OfferedTool(name, parameters)


def _choice(given: object, names: list[str]) -> str:
    match given:
        case None | {"auto": {}}:
            return "auto"
        case {"any": {}}:
            return "required"
        case {"tool": {"name": str(name)}} if name in names:
            return name
    raise invalid("The toolChoice field must set one of auto, any, tool, and name a tool that is there.")


def _schema(given: object) -> dict[str, Any] | None:
    if given is None:
        return None
    text_format = given.get("textFormat") if isinstance(given, dict) else None
    try:
        if text_format is None or text_format["type"] != "json_schema":
            raise invalid("Value at 'outputConfig.textFormat.type' failed to satisfy constraint: [json_schema]")
        schema = msgspec.json.decode(text_format["structure"]["jsonSchema"]["schema"])
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise invalid("The schema at outputConfig.textFormat.structure.jsonSchema is no JSON.") from error
    if not isinstance(schema, dict) or schema.get("additionalProperties") is not False:
        raise invalid("outputConfig: for 'object' type, 'additionalProperties' must be explicitly set to false")
    return schema


def _effort(fields: dict[str, Any], choice: str) -> str | None:
    thinking = fields.get("thinking")
    if isinstance(thinking, dict):
        if thinking.get("type") not in ("enabled", "adaptive", "disabled"):
            raise invalid(
                "thinking: Input tag does not match any of the expected tags: 'enabled', 'adaptive', 'disabled'"
            )
        if thinking["type"] == "disabled":
            return "none"
        if choice != "auto":
            raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
        config = fields.get("output_config")
        return config.get("effort") if isinstance(config, dict) else None
    config = fields.get("reasoningConfig")
    if isinstance(config, dict):
        return config.get("maxReasoningEffort") if config.get("type") == "enabled" else "none"
    effort = fields.get("reasoning_effort", fields.get("reasoning_config"))
    return effort if isinstance(effort, str) else None


def _budget(fields: dict[str, Any], inference: dict[str, Any]) -> int | None:
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return None
    budget, limit = thinking.get("budget_tokens"), inference.get("maxTokens")
    if not isinstance(budget, int) or budget < 1024:
        raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if limit is not None and budget >= limit:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    return budget
