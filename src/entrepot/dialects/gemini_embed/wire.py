"""The wire's shapes, as far as we look at them; vectors stay the bytes they are.

Source: Gemini API reference v1beta, `models.embedContent` and `models.batchEmbedContents`; Vertex AI v1,
`models.embedContent` and `models.predict` of text embedding models. Settings may be beside the content or in
`embedContentConfig`, which wins.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.dialects.gemini_generate.wire import WireContent

DIALECT = "gemini-embed"


class WireConfig(msgspec.Struct, rename="camel"):
    """How one input is to be embedded."""

    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class WireRequest(msgspec.Struct, rename="camel"):
    """One input. The model is in the address, and here again in a batch."""

    content: WireContent
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    embed_content_config: WireConfig | None = None


class WireBatch(msgspec.Struct):
    """Several inputs, each with settings of its own."""

    requests: list[WireRequest]


class WireUsage(msgspec.Struct, rename="camel"):
    """Tokens as the wire counts them; not every model's answers have it."""

    prompt_token_count: int | None = None
    total_token_count: int | None = None


class WireStatistics(msgspec.Struct):
    """What Vertex's `predict` says of one input; its numbers may be written as 6.0."""

    token_count: float | None = None


class WireEmbedding(msgspec.Struct):
    """The vector of one input."""

    values: msgspec.Raw
    statistics: WireStatistics | None = None


class WirePrediction(msgspec.Struct):
    """What Vertex's `predict` has around a vector."""

    embeddings: WireEmbedding


class WireAnswer(msgspec.Struct, rename="camel"):
    """A whole answer: of one content, of a batch, or of `predict`."""

    embedding: WireEmbedding | None = None
    embeddings: list[WireEmbedding] | None = None
    predictions: list[WirePrediction] | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] | None = None


decode_answer = msgspec.json.Decoder(WireAnswer).decode
decode_usage = msgspec.json.Decoder(WireUsage | None).decode
decode_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
