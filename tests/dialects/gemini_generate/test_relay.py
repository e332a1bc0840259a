"""What a stream came to that its client left: a count from its middle is no bill."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.dialects.base import Envelope, Relay, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, open_relay, provider_dialect

TARGET = Target("https://p.example/v1beta", "m")
CLIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gemini-generate": (
        "/v1beta/models/m:streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
    ),
    "openai-chat": (
        "/v1/chat/completions",
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]},
    ),
}


def relay_for(client: str) -> Relay:
    path, body = CLIENTS[client]
    dialect = CLIENT_DIALECTS[client]
    asked = dialect.parse_request(json.dumps(body).encode(), Envelope(path, "alt=sse"))
    return open_relay(dialect, provider_dialect("gemini-generate", "generate"), asked, TARGET, created_s=1)


def chunk(text: str, tokens: int, **more: Any) -> bytes:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
    usage = {"promptTokenCount": 3, "candidatesTokenCount": tokens, "totalTokenCount": 3 + tokens}
    return b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_a_count_from_the_middle_is_marked_and_the_one_that_ends_it_is_not(client: str) -> None:
    relay = relay_for(client)
    relay.feed(chunk("a", 50))
    left = relay.summary(70)
    assert left.usage.estimated
    assert left.usage.output_tokens == 50
    assert not left.finished
    relay.feed(chunk("b", 80, finishReason="STOP"))
    relay.close()
    whole = relay.summary(70)
    assert whole.finished
    assert not whole.usage.estimated
    assert whole.usage.output_tokens == 80
