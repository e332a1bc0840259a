"""The wire's shapes, as far as we look at them: msgspec skips what is not named, and vectors stay the bytes they are.

Source: OpenAI API reference, Embeddings (openai SDK 3.54.0, `types/create_embedding_response.py`); Mistral, vLLM and
OpenRouter add fields beside, and some hosts say `"usage": null`.
"""

from __future__ import annotations

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


class WireHead(msgspec.Struct):
    """An answer but for its vectors."""

    model: str | None = None
    usage: WireUsage | None = None
    id: str | None = None
    created: int | float | None = None


REQUEST_FIELDS = frozenset(WireRequest.__struct_fields__)
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_head = msgspec.json.Decoder(WireHead).decode
decode_index = msgspec.json.Decoder(int).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
decode_any = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
