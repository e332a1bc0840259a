"""Requests and targets that the tests of this dialect share."""

from __future__ import annotations

import json
from typing import Any

from entrepot.canonical.request import Request
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_responses import OpenAIResponses
from entrepot.dialects.openai_responses.request import parse_request

DIALECT = OpenAIResponses()
TARGET = Target("https://api.example/v1", "upstream")


def ask(**fields: Any) -> Asked:
    """A client's request; `input` is `hi` unless it is given."""
    return parse_request(json.dumps({"model": "m", "input": "hi", **fields}, ensure_ascii=False).encode())


def asked_for(request: Request) -> Asked:
    """A request of a client of another dialect."""
    return Asked(request, "another-dialect", {})


def sent(asked: Asked, *quirks: str, limit: int | None = None) -> dict[str, Any]:
    """What a provider of this dialect is sent."""
    target = Target(TARGET.base_url, TARGET.upstream_name, frozenset(quirks))
    body: dict[str, Any] = json.loads(DIALECT.render_request(asked, target, limit).body)
    return body


def frames(*events: dict[str, Any]) -> bytes:
    """Events as they come over the wire."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in events
    )


def events_in(stream: bytes) -> list[dict[str, Any]]:
    """The events that a stream of ours says."""
    return [json.loads(block.split(b"data: ", 1)[1]) for block in stream.split(b"\n\n") if b"data: " in block]
