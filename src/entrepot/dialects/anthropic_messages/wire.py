"""The wire's shapes, as far as we check them: the content of messages is taken apart block by block (`blocks.py`).

Source: Anthropic API reference, Messages (anthropic SDK 2.12.0, `types/`), versions 2023-06-01 and 2026-10-21.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "anthropic-messages"


class WireMessage(msgspec.Struct):
    """A turn."""

    role: str
    content: str | list[dict[str, Any]]


class WireRequest(msgspec.Struct):
    """A request's known settings."""

    model: str
    messages: list[WireMessage]
    max_tokens: int | None = None
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] | None = None


REQUEST_FIELDS = frozenset(WireRequest.__struct_fields__)
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_any = msgspec.json.Decoder().decode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.Encoder().encode
