"""The wire's shapes, as far as we look at them: msgspec skips what is not named, and vectors stay the bytes they are.

Source: OpenAI API reference, Embeddings (openai SDK 3.54.0, `types/create_embedding_response.py`); Mistral, vLLM and
OpenRouter add fields beside, and some hosts say `"usage": null`.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "openai-embeddings"


class WireRequest(msgspec.Struct):
    """A request's known settings. `input` is a text, texts, token ids, or lists of token ids."""

    model: str
    input: str | list[str | int | list[int]]
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


class WireInputDetails(msgspec.Struct):
    """How input tokens divide."""

    cached_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Tokens as the wire counts them."""

    prompt_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: WireInputDetails | None = None


class WireEmbedding(msgspec.Struct):
    """The vector of one input; some hosts number none."""

    embedding: msgspec.Raw
    index: int | None = None


class WireAnswer(msgspec.Struct):
    """A whole answer. `error` is there where a host reports one under status 200."""

    data: list[WireEmbedding] | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] | str | None = None
    id: str | None = None
    created: int | float | None = None


REQUEST_FIELDS = frozenset(WireRequest.__struct_fields__)
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_answer = msgspec.json.Decoder(WireAnswer).decode
decode_usage = msgspec.json.Decoder(WireUsage | None).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
decode_any = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
