"""The wire's shapes, as far as we look at them: msgspec skips what is not named, and the original is kept beside.

Source: OpenAI API reference, Chat Completions (openai SDK 3.54.0, `types/chat`), and the departures of the hosts that speak
the dialect. Null is accepted wherever a host was seen to send it.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "openai-chat"


class WireFunction(msgspec.Struct):
    """A call's function."""

    name: str | None = None
    arguments: str | dict[str, Any] | list[Any] | None = None


class WireToolCall(msgspec.Struct):
    """A tool call, whole or a piece of one: then `index` says of which."""

    id: str | None = None
    type: str | None = None
    index: int | None = None
    function: WireFunction | None = None
    extra_content: dict[str, Any] | None = None


class WireMessage(msgspec.Struct):
    """A message of a request."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[WireToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    audio: dict[str, Any] | None = None
    function_call: WireFunction | None = None


class WireToolFunction(msgspec.Struct):
    """A function's definition."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class WireTool(msgspec.Struct):
    """A tool's definition; of those that are no functions, the name of a custom one is read."""

    type: str = "function"
    function: WireToolFunction | None = None
    custom: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None


class WireRequest(msgspec.Struct):
    """A request's known settings."""

    model: str
    messages: list[WireMessage]
    tools: list[WireTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    functions: list[WireToolFunction] | None = None
    function_call: str | dict[str, Any] | None = None


class WireInputDetails(msgspec.Struct):
    """How input tokens divide."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class WireOutputDetails(msgspec.Struct):
    """How output tokens divide."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Tokens as the wire counts them: cached inside prompt, reasoning inside completion (but see `usage_of`)."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: WireInputDetails | None = None
    completion_tokens_details: WireOutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None


class WireAnswer(msgspec.Struct):
    """The message of a choice, or a delta of it."""

    content: str | list[Any] | None = None
    reasoning_content: str | list[Any] | None = None
    reasoning: str | dict[str, Any] | list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None


class WireChoice(msgspec.Struct):
    """One choice: `message` in a whole answer, `delta` in a stream."""

    index: int | None = None
    message: WireAnswer | None = None
    delta: WireAnswer | None = None
    finish_reason: str | None = None


class WireCompletion(msgspec.Struct):
    """A whole answer or one chunk of a stream. `error` is there where a host reports one under status 200."""

    model: str | None = None
    choices: list[WireChoice] | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    error: Any = None


REQUEST_FIELDS = frozenset(WireRequest.__struct_fields__)
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
decode_any = msgspec.json.Decoder().decode
decode_completion = msgspec.json.Decoder(WireCompletion).decode
encode = msgspec.json.Encoder().encode

Fields = dict[str, Any]
"""An object of a request, whose values are as decoded or still `msgspec.Raw`."""


def value_of(fields: Fields, name: str) -> Any:  # noqa: ANN401 - whatever a client sends
    """A field's value, decoded; None where there is none. The field stays as it is."""
    value = fields.get(name)
    return decode_any(value) if isinstance(value, msgspec.Raw) else value
