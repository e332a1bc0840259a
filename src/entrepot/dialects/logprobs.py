"""Log-probabilities of tokens that we ask for and the client did not: asked for upstream, heard, and kept from the client.

Rules of this file: they are asked for only of a deployment that declares them, because models that have none refuse the whole
request. A client that asks for them itself gets them as ever.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from entrepot.canonical.stream import Noted, StreamEvent
from entrepot.dialects.base import AnswerParser, Asked, Target

_SPEAK_OF_THEM = frozenset({"openai-chat", "gemini-generate", "ollama-chat"})
_KEPT_BACK = frozenset({"logprobs", "logprobsResult", "avgLogprobs"})


def gives_logprobs(provider: str, capabilities: Collection[str] | None) -> bool:
    """Whether the provider's dialect speaks of log-probabilities, and the deployment declares them."""
    return provider in _SPEAK_OF_THEM and "logprobs" in (capabilities or ())


def asking_for_logprobs(asked: Asked, provider: str, target: Target) -> Asked | None:
    """The request with log-probabilities asked for; None where they cannot be had, or the client asks for them itself."""
    request = asked.request
    if not gives_logprobs(provider, target.capabilities) or request.extra.get("logprobs"):
        return None
    fields = dict(asked.fields)
    if asked.dialect == "openai-chat":
        fields["logprobs"] = msgspec.Raw(b"true")
    elif asked.dialect == "gemini-generate":
        fields["generationConfig"] = _with(fields.get("generationConfig"), "responseLogprobs")
    extra = {**request.extra, "logprobs": True}
    return msgspec.structs.replace(asked, request=msgspec.structs.replace(request, extra=extra), fields=fields)


def _with(told: msgspec.Raw | None, name: str) -> msgspec.Raw:
    value: Any = {} if told is None else msgspec.json.decode(told)
    return msgspec.Raw(msgspec.json.encode({**value, name: True} if isinstance(value, dict) else {name: True}))


class WithoutLogprobs:
    """An AnswerParser of any other, which says nothing of log-probabilities."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        return [_kept(event) for event in self._parser.feed(data)]

    def close(self) -> list[StreamEvent]:
        """The body is over."""
        return [_kept(event) for event in self._parser.close()]


def _kept(event: StreamEvent) -> StreamEvent:
    if not isinstance(event, Noted) or _KEPT_BACK.isdisjoint(event.extra):
        return event
    return msgspec.structs.replace(event, extra={k: v for k, v in event.extra.items() if k not in _KEPT_BACK})
