"""What a provider that speaks OpenAI's chat dialect sends, as events of an exchange."""

from __future__ import annotations

import json

from entrepot.exchange.commands import Command
from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamHead


def ok(attempt: int = 0) -> UpstreamHead:
    return UpstreamHead(attempt, 200, ((b"content-type", b"text/event-stream"),))


def chunk(content: str, attempt: int = 0) -> UpstreamChunk:
    return UpstreamChunk(attempt, frame({"choices": [{"index": 0, "delta": {"content": content}}]}))


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


STOP = frame({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE = frame({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 500}})
DONE = b"data: [DONE]\n\n"
WHOLE = json.dumps(
    {
        "choices": [{"index": 0, "message": {"content": "hi"}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
    }
).encode()


def end(attempt: int = 0) -> UpstreamChunk:
    return UpstreamChunk(attempt, STOP + USAGE + DONE)


def error(attempt: int, status: int, message: str = "", **more: object) -> list[Event]:
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return [UpstreamHead(attempt, status, ()), UpstreamChunk(attempt, body), UpstreamEnded(attempt)]


def kinds(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]
