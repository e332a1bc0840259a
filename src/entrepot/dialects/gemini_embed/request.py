"""What a client asks, to the canonical form. The model and whether it is a batch are in the address.

Rules of this file: the body may spell fields in camelCase or snake_case and give one object where a list is meant. The pieces
of one content are one input, and make one vector together.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from entrepot.canonical.request import Embedding, Message, Part, Request, ToolCall, ToolResult
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.gemini_embed.wire import DIALECT, WireBatch, WireConfig, WireRequest
from entrepot.dialects.gemini_generate.parts import parse_part
from entrepot.dialects.gemini_generate.wire import decode_fields, decode_value, listed, normalize, rest
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import InvalidRequest, NotFound

_ADDRESS = re.compile(r"/models/(?P<model>[^/]+(?:/[^/]+)*):(?P<action>embedContent|batchEmbedContents)$")
_NO_ENVELOPE = Envelope()
BATCH = "batch"
"""In `Request.extra`: the client asked for a batch, whose answer is a list also where it is of one."""


def parse_request(body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes and their address to a request. Raises InvalidRequest naming the offending part, NotFound for an address that is
    none of this dialect's.
    """
    found = _ADDRESS.search(unquote(envelope.path))
    if found is None:
        raise NotFound("the path names no model: use /v1beta/models/{model}:embedContent or :batchEmbedContents")
    batch = found["action"] == "batchEmbedContents"
    with taking_apart(body):
        fields = decode_fields(body)
        raw = normalize(decode_value(body))
        if batch:
            raw["requests"] = [_listed(each) for each in listed(raw.get("requests"))]
            wires = msgspec.convert(raw, WireBatch).requests
            raws = raw["requests"]
        else:
            raws = [_listed(raw)]
            wires = [msgspec.convert(raws[0], WireRequest)]
    if not wires:
        raise InvalidRequest("'requests' is empty: at least one content is needed", param="requests")
    ats = [f"requests[{index}]" if batch else "" for index in range(len(wires))]
    request = Request(
        model=found["model"],
        messages=tuple(_message(wire, each, at) for wire, each, at in zip(wires, raws, ats, strict=True)),
        operation="embed",
        embeddings=tuple(_embedding(wire, at) for wire, at in zip(wires, ats, strict=True)),
        extra={BATCH: True} if batch else {},
    )
    return Asked(request=request, dialect=DIALECT, fields=fields)


def _listed(raw: Any) -> Any:  # noqa: ANN401 - what a client sends; its shape is checked afterwards
    """The pieces of its content as a list, also where one piece was given for it."""
    content = raw.get("content") if isinstance(raw, dict) else None
    if not isinstance(content, dict) or "parts" not in content:
        return raw
    return {**raw, "content": {**content, "parts": listed(content["parts"])}}


def _message(wire: WireRequest, raw: dict[str, Any], at: str) -> Message:
    at = f"{at}.content.parts".removeprefix(".")
    parts: list[Part] = []
    for part, given in zip(wire.content.parts or (), raw["content"].get("parts") or (), strict=True):
        parsed = parse_part(part, given, lambda: "", lambda _name: None)
        if isinstance(parsed, ToolCall | ToolResult):
            raise InvalidRequest(f"'{at}' holds a function's call or result, which cannot be embedded", param=at)
        parts.append(parsed)
    if not parts:
        raise InvalidRequest(f"'{at}' is empty: there is nothing to embed", param=at)
    return Message("user", tuple(parts), extra=rest(raw, WireRequest))


def _embedding(wire: WireRequest, at: str) -> Embedding:
    config = wire.embed_content_config or WireConfig()
    dimensions = config.output_dimensionality or wire.output_dimensionality
    if dimensions is not None and dimensions < 1:
        at = f"{at}.outputDimensionality".removeprefix(".")
        raise InvalidRequest(f"'{at}' is {dimensions}: it must be at least 1", param=at)
    return Embedding(dimensions, config.task_type or wire.task_type, config.title or wire.title)
