"""Short ways to say a request and an answer, for the tests of this dialect."""

from __future__ import annotations

import json
from typing import Any

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Response
from entrepot.canonical.stream import StreamEvent
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.gemini_generate import GeminiGenerate

DIALECT = GeminiGenerate()
GEMINI_3 = Target("https://host/v1beta", "gemini-3-flash-preview")
GEMINI_25 = Target("https://host/v1beta", "gemini-2.5-flash")


def ask(body: dict[str, Any] | None = None, *, action: str = "generateContent", query: str = "") -> Asked:
    """A client's request of this dialect; one turn of a user where `body` has no contents."""
    fields = {"contents": [{"role": "user", "parts": [{"text": "天气?"}]}], **(body or {})}
    return DIALECT.parse_request(json.dumps(fields).encode(), Envelope(f"/v1beta/models/auto:{action}", query))


def foreign(*messages: Message, **settings: Any) -> Asked:
    """A request of another dialect's client."""
    said = messages or (Message("user", (Text("天气?"),)),)
    return Asked(Request(model="auto", messages=said, **settings), "openai-chat", {})


def sent(asked: Asked, target: Target = GEMINI_25, limit: int | None = None) -> dict[str, Any]:
    """The body that the provider gets."""
    body: dict[str, Any] = json.loads(DIALECT.render_request(asked, target, limit).body)
    return body


def frames(*chunks: dict[str, Any]) -> bytes:
    """A stream of server-sent events."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    """An answer, or a chunk of one, with one candidate."""
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **candidate}], "responseId": "r"}


def events(body: bytes | dict[str, Any], asked: Asked | None = None) -> list[StreamEvent]:
    """What a provider's body says."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    parser = DIALECT.open_parser(asked or ask(), GEMINI_3)
    return parser.feed(data) + parser.close()


def response(body: bytes | dict[str, Any], asked: Asked | None = None) -> Response:
    """The whole answer that a provider's body is."""
    return fold(events(body, asked))
