"""The wire's shapes, as far as we check them: items are taken apart one by one (`items.py`).

Source: OpenAI API reference, Responses (openai SDK 3.54.0, `types/responses`), and the departures of the hosts that speak the
dialect: ids of any form, a status `complete`, a stream without sequence numbers that ends in `[DONE]`.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "openai-responses"

OUR_ID = "_entrepot_"
"""In every id of an item that we made, so that it is known when it comes back: no provider knows it."""


class WireRequest(msgspec.Struct):
    """A request's known settings."""

    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    include: list[str] | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    background: bool | None = None
    store: bool | None = None


REQUEST_FIELDS = frozenset(WireRequest.__struct_fields__)
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_any = msgspec.json.Decoder().decode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.Encoder().encode
