from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.stream import Ended, Noted, TextDelta
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.gemini_generate import GeminiGenerate
from entrepot.dialects.logprobs import WithoutLogprobs, asking_for_logprobs
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.registry import provider_dialect

DECLARES = Target("https://host.example/v1", "m", capabilities=frozenset({"logprobs"}))
CHAT = OpenAIChat().parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode())
MESSAGES = AnthropicMessages().parse_request(
    json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).encode()
)
GEMINI = GeminiGenerate().parse_request(
    json.dumps({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"temperature": 0.5}}).encode(),
    Envelope("/v1beta/models/m:generateContent"),
)


@pytest.mark.parametrize("asked", [CHAT, MESSAGES, GEMINI], ids=["openai-chat", "anthropic", "gemini"])
@pytest.mark.parametrize("provider", ["openai-chat", "gemini-generate", "ollama-chat"])
def test_any_clients_request_asks_any_provider_that_has_them(asked: Asked, provider: str) -> None:
    more = asking_for_logprobs(asked, provider, DECLARES)
    assert more is not None
    sent: Any = json.loads(provider_dialect(provider).render_request(more, DECLARES, None).body)
    plain: Any = json.loads(provider_dialect(provider).render_request(asked, DECLARES, None).body)
    if provider == "gemini-generate":
        assert sent["generationConfig"].pop("responseLogprobs") is True
        assert (sent["generationConfig"] or None) == plain.get("generationConfig")
        sent["generationConfig"] = plain["generationConfig"] = None
    else:
        assert sent.pop("logprobs") is True
        sent.pop("top_logprobs", None)
    assert sent == plain


def test_nobody_is_asked_for_what_it_does_not_declare_or_cannot_say() -> None:
    assert asking_for_logprobs(CHAT, "anthropic-messages", DECLARES) is None
    assert asking_for_logprobs(CHAT, "openai-chat", Target("https://host.example/v1", "m")) is None
    other = Target("https://host.example/v1", "m", capabilities=frozenset({"tools"}))
    assert asking_for_logprobs(CHAT, "openai-chat", other) is None


def test_a_client_that_asks_for_them_itself_is_left_alone() -> None:
    body = {"model": "m", "logprobs": True, "messages": [{"role": "user", "content": "hi"}]}
    assert asking_for_logprobs(OpenAIChat().parse_request(json.dumps(body).encode()), "openai-chat", DECLARES) is None


class Said:
    def feed(self, data: bytes) -> list[Any]:
        return [TextDelta(data.decode()), Noted({"logprobs": {"content": []}, "index": 1}, 0), Noted({"x": 2})]

    def close(self) -> list[Any]:
        return [Noted({"avgLogprobs": -0.1}, 0), Ended()]


def test_nothing_is_said_of_them_and_all_else_is() -> None:
    parser = WithoutLogprobs(Said())
    assert parser.feed(b"42") == [TextDelta("42"), Noted({"index": 1}, 0), Noted({"x": 2})]
    assert parser.close() == [Noted({}, 0), Ended()]
