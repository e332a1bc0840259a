"""What the official SDKs' own strict types read in the bytes that we render for their clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from google.genai import types
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from entrepot.canonical.request import Request
from entrepot.canonical.stream import StreamEvent
from entrepot.dialects.base import Asked
from entrepot.dialects.registry import CLIENT_DIALECTS
from entrepot.dialects.sse import FrameSplitter

_ANTHROPIC_EVENT = TypeAdapter[Any](BetaRawMessageStreamEvent)
_RESPONSES_EVENT = TypeAdapter[Any](ResponseStreamEvent)


def rendered(client: str, events: list[StreamEvent], request: Request, *, stream: bool) -> bytes:
    """The bytes for a client of this dialect, which asked `request`."""
    extra = {"alt": "sse"} if client == "gemini-generate" else {}  # else Google streams a JSON array
    asked = Asked(msgspec.structs.replace(request, stream=stream, include_usage=True, extra=extra), client, {})
    return CLIENT_DIALECTS[client].open_renderer(asked, 1_700_000_000).render(events)


def text_in_whole(client: str, body: bytes) -> str:
    """The text of a whole answer, as the SDK's types have it."""
    return _WHOLE[client](json.loads(body))


def text_in_stream(client: str, body: bytes) -> str:
    """The text of a stream, as the SDK's types have it, every event of it."""
    frames = FrameSplitter().feed(body)
    return _STREAMED[client]([frame.data for frame in frames if frame.data is not None])


def _openai_whole(answer: dict[str, Any]) -> str:
    return ChatCompletion.model_validate(answer).choices[0].message.content or ""


def _openai_streamed(data: list[bytes]) -> str:
    assert data[-1] == b"[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(each) for each in data[:-1]]
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def _anthropic_whole(answer: dict[str, Any]) -> str:
    return "".join(block.text for block in BetaMessage.model_validate(answer).content if block.type == "text")


def _anthropic_streamed(data: list[bytes]) -> str:
    events = [_ANTHROPIC_EVENT.validate_python(json.loads(each)) for each in data]
    assert events[-1].type == "message_stop"
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    return "".join(delta.text for delta in deltas if delta.type == "text_delta")


def _google_text(answer: dict[str, Any]) -> str:
    read = types.GenerateContentResponse.model_validate(answer)
    content = read.candidates[0].content if read.candidates else None
    parts = (content.parts if content else None) or []
    return "".join(part.text or "" for part in parts if not part.thought)


def _google_streamed(data: list[bytes]) -> str:
    return "".join(_google_text(json.loads(each)) for each in data)


def _responses_whole(answer: dict[str, Any]) -> str:
    return Response.model_validate(answer).output_text


def _responses_streamed(data: list[bytes]) -> str:
    events = [_RESPONSES_EVENT.validate_python(json.loads(each)) for each in data if each != b"[DONE]"]
    assert events[-1].type in ("response.completed", "response.incomplete")
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


_WHOLE: dict[str, Callable[[dict[str, Any]], str]] = {
    "openai-chat": _openai_whole,
    "anthropic-messages": _anthropic_whole,
    "gemini-generate": _google_text,
    "openai-responses": _responses_whole,
}
_STREAMED: dict[str, Callable[[list[bytes]], str]] = {
    "openai-chat": _openai_streamed,
    "anthropic-messages": _anthropic_streamed,
    "gemini-generate": _google_streamed,
    "openai-responses": _responses_streamed,
}
CLIENTS = sorted(_WHOLE)
