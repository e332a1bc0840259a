"""Counting a request's tokens without an answer: which paths ask for that, and how each dialect asks and is told.

Rules of this file: what is counted is a request as that dialect's clients send it, so each is read by its own parser; what
only an answer needs may be missing.
"""

from __future__ import annotations

import msgspec

from entrepot.dialects.base import Asked, ClientDialect, Envelope
from entrepot.dialects.registry import CLIENT_DIALECTS
from entrepot.errors import InvalidRequest

_ANTHROPIC = "/v1/messages/count_tokens"
_GEMINI = ":countTokens"
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def counting_dialect(path: str) -> ClientDialect | None:
    """The dialect in which this path asks for a count; None where it asks for something else."""
    if path == _ANTHROPIC:
        return CLIENT_DIALECTS["anthropic-messages"]
    if path.endswith(_GEMINI) and path.startswith(("/v1beta/models/", "/v1/models/")):
        return CLIENT_DIALECTS["gemini-generate"]
    return None


def parse_count(dialect: ClientDialect, body: bytes, envelope: Envelope) -> Asked:
    """The request whose tokens are to be counted. Raises InvalidRequest naming the offending part."""
    if not envelope.path.endswith(_GEMINI):
        return dialect.parse_request(body, envelope)
    path = envelope.path.removesuffix(_GEMINI) + ":generateContent"
    return dialect.parse_request(_whole_request(body), msgspec.structs.replace(envelope, path=path))


def _whole_request(body: bytes) -> bytes:
    """Gemini's clients send the contents alone, or a whole request as `generateContentRequest`."""
    try:
        fields = _decode_fields(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body  # the parser says what is wrong with it
    inner = fields.get("generateContentRequest", fields.get("generate_content_request"))
    if inner is None:
        return body
    if "contents" in fields:
        raise InvalidRequest("send either 'contents' or 'generateContentRequest', not both", param="contents")
    return bytes(inner)


def render_count(path: str, tokens: int) -> bytes:
    """The count, as this path's clients read it."""
    return msgspec.json.encode({"totalTokens": tokens} if path.endswith(_GEMINI) else {"input_tokens": tokens})
