"""The wire's shapes, as far as we look at them; what is not named here is kept beside, by `rest`.

Source: Gemini API reference v1beta, `models.generateContent`, and google-genai 3.4.0 `types.py`. The wire is the JSON form of
protocol buffers: requests may spell a field in camelCase or snake_case and give one object where a list is meant, answers are
camelCase and leave out zeros. Null is accepted wherever a field is optional.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "gemini-generate"
"""The dialect's name, in settings, in the catalog and in values bound to it."""

# Below these names are the words of users and functions, not fields of the API.
_OPAQUE = frozenset(
    {
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseJsonSchema",
        "responseSchema",
        "labels",
        "partMetadata",
    }
)


class WireBlob(msgspec.Struct, rename="camel"):
    """Media as base64 data."""

    data: str
    mime_type: str | None = None
    display_name: str | None = None


class WireFile(msgspec.Struct, rename="camel"):
    """Media by address: of the Files API, of Cloud Storage, or on the web."""

    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class WireFunctionCall(msgspec.Struct, rename="camel"):
    """The model asks for a function. The classic API gives no `id`."""

    name: str
    id: str | None = None
    args: dict[str, Any] | None = None


class WireFunctionResponse(msgspec.Struct, rename="camel"):
    """What a function returned; `response` is any object, `parts` the media that go with it."""

    name: str
    id: str | None = None
    response: dict[str, Any] | None = None
    parts: list[dict[str, Any]] | None = None


class WirePart(msgspec.Struct, rename="camel"):
    """A piece of content: one of its data fields is set, and a signature may be on any."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: WireBlob | None = None
    file_data: WireFile | None = None
    function_call: WireFunctionCall | None = None
    function_response: WireFunctionResponse | None = None


class WireContent(msgspec.Struct, rename="camel"):
    """One turn."""

    parts: list[WirePart] | None = None
    role: str | None = None


class WireDeclaration(msgspec.Struct, rename="camel"):
    """A function's definition: its parameters as the API's own schema or as JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None


class WireTool(msgspec.Struct, rename="camel"):
    """A group of functions, or one of the API's own tools (then under its own name, see `rest`)."""

    function_declarations: list[WireDeclaration] | None = None


class WireFunctionCalling(msgspec.Struct, rename="camel"):
    """Whether and which functions may be called."""

    mode: str | None = None
    allowed_function_names: list[str] | None = None


class WireToolConfig(msgspec.Struct, rename="camel"):
    """Settings of all tools."""

    function_calling_config: WireFunctionCalling | None = None


class WireThinking(msgspec.Struct, rename="camel"):
    """How much to think: a level, or a budget in tokens (0 none, -1 as much as the model likes)."""

    thinking_level: str | None = None
    thinking_budget: int | None = None
    include_thoughts: bool | None = None


class WireGeneration(msgspec.Struct, rename="camel"):
    """Settings of the answer."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    thinking_config: WireThinking | None = None


class WireRequest(msgspec.Struct, rename="camel"):
    """A request. The model is in the address."""

    contents: list[WireContent]
    system_instruction: WireContent | None = None
    tools: list[WireTool] | None = None
    tool_config: WireToolConfig | None = None
    generation_config: WireGeneration | None = None
    cached_content: str | None = None


class WireUsage(msgspec.Struct, rename="camel"):
    """Tokens as the wire counts them; see `usage.usage_of`."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class WireCandidate(msgspec.Struct, rename="camel"):
    """One choice, or a piece of it. A safety stop has no content."""

    content: WireContent | None = None
    finish_reason: str | None = None
    index: int | None = None


class WireAnswer(msgspec.Struct, rename="camel"):
    """A whole answer or one chunk of a stream. `error` is there where one is reported under status 200."""

    candidates: list[WireCandidate] | None = None
    usage_metadata: WireUsage | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    prompt_feedback: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


decode_value = msgspec.json.Decoder().decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
encode = msgspec.json.Encoder().encode


def rest(raw: dict[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of `raw` that `shape` does not name."""
    named = shape.__struct_encode_fields__
    return {name: value for name, value in raw.items() if name not in named and value is not None}


def camel_case(name: str) -> str:
    """`function_declarations` as `functionDeclarations`."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others) if first else name


def normalize(fields: dict[str, Any]) -> dict[str, Any]:
    """A request's object with its fields in camelCase; what belongs to users and functions is left as it is."""
    named = ((camel_case(name), inner) for name, inner in fields.items())
    return {name: inner if name in _OPAQUE else _normalize(inner) for name, inner in named}


def _normalize(value: object) -> object:
    if isinstance(value, dict):
        return normalize(value)
    return [_normalize(inner) for inner in value] if isinstance(value, list) else value


def listed(value: object) -> list[Any]:
    """A list, also where one object was given for it, or nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
