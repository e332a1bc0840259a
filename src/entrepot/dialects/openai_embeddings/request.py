"""Requests as clients send them, and as we send them to providers.

Rules of this file: the client's own fields are kept as the bytes they were, for a provider of the same dialect. An input given as
token ids is one that only such a provider can be sent. How vectors are to be encoded is between the client and its dialect
(`Request.extra`): what a provider of another dialect is asked for does not change with it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Embedding, Message, Request, Text, Unknown
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Envelope, Target, WireRequest
from entrepot.dialects.openai_embeddings.wire import (
    DIALECT,
    REQUEST_FIELDS,
    decode_any,
    decode_fields,
    decode_request,
    encode,
)
from entrepot.dialects.openai_embeddings.wire import WireRequest as OpenAIRequest
from entrepot.dialects.request_body import taking_apart
from entrepot.dialects.vectors import dimensions_of, text_of
from entrepot.errors import InvalidRequest

ENCODINGS = ("float", "base64")
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, _envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    with taking_apart(body):
        fields = decode_fields(body)
        wire = decode_request(body)
        extra = {name: decode_any(raw) for name, raw in fields.items() if name not in REQUEST_FIELDS}
    return Asked(request=_canonical(wire, extra), dialect=DIALECT, fields=fields)


def _canonical(wire: OpenAIRequest, extra: dict[str, Any]) -> Request:
    if not wire.model:
        raise InvalidRequest("'model' is empty: name an embedding model, a route or a deployment", param="model")
    if wire.encoding_format not in (None, *ENCODINGS):
        raise InvalidRequest(
            f"'encoding_format' is '{wire.encoding_format[:40]}': use float or base64", param="encoding_format"
        )
    if wire.dimensions is not None and wire.dimensions < 1:
        raise InvalidRequest(f"'dimensions' is {wire.dimensions}: it must be at least 1", param="dimensions")
    if wire.encoding_format is not None:
        extra = {**extra, "encoding_format": wire.encoding_format}
    messages = _inputs(wire.input)
    return Request(
        model=wire.model,
        messages=messages,
        user=wire.user,
        extra=extra,
        operation="embed",
        embeddings=(Embedding(dimensions=wire.dimensions),) * len(messages),
    )


def _inputs(given: str | list[str | int | list[int]]) -> tuple[Message, ...]:
    if isinstance(given, str):
        return (_message(given),)
    if not given:
        raise InvalidRequest("'input' is empty: at least one text is needed", param="input")
    if isinstance(given[0], int):
        ids = [each for each in given if isinstance(each, int)]
        if len(ids) != len(given):
            raise _mixed()
        return (_message(ids),)
    kinds = {type(each) for each in given}
    if len(kinds) > 1:
        raise _mixed()
    return tuple(_message(each) for each in given if not isinstance(each, int))


def _message(given: str | list[int]) -> Message:
    if isinstance(given, str):
        return Message("user", (Text(given),))
    return Message("user", (Unknown(DIALECT, {"token_ids": given}),))


def _mixed() -> InvalidRequest:
    return InvalidRequest("'input' mixes texts and token ids: send one kind", param="input")


def render_request(asked: Asked, target: Target, _max_output_tokens: int | None = None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    url = join_address(target.base_url, "/embeddings", target.upstream_name)
    if asked.dialect == DIALECT:
        fields = {**asked.fields, "model": msgspec.Raw(encode(target.upstream_name))}
        if "no_base64_vectors" in target.quirks:
            fields.pop("encoding_format", None)
        return WireRequest(url=url, body=encode(fields))
    return WireRequest(url=url, body=encode(_composed(asked.request, target)))


def _composed(request: Request, target: Target) -> dict[str, Any]:
    wire = {
        "model": target.upstream_name,
        "input": [text_of(message, f"messages[{index}]") for index, message in enumerate(request.messages)],
        "dimensions": dimensions_of(request),
        "user": request.user,
    }
    return {name: value for name, value in wire.items() if value is not None}
