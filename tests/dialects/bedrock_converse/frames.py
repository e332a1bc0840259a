"""Event stream frames as Bedrock sends them, for tests."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any


def header(name: str, kind: int, value: bytes) -> bytes:
    named = name.encode()
    return bytes([len(named)]) + named + bytes([kind]) + value


def text_header(name: str, value: str) -> bytes:
    data = value.encode()
    return header(name, 7, struct.pack(">H", len(data)) + data)


def frame(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


def event(kind: str, **members: Any) -> bytes:
    headers = text_header(":event-type", kind) + text_header(":content-type", "application/json")
    return frame(headers + text_header(":message-type", "event"), json.dumps({**members, "p": "abc"}).encode())


def exception(kind: str, **members: Any) -> bytes:
    headers = text_header(":exception-type", kind) + text_header(":content-type", "application/json")
    return frame(headers + text_header(":message-type", "exception"), json.dumps(members).encode())


def start(index: int, **block: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=block)


def grow(index: int, **delta: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=delta)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def end(reason: str = "end_turn", **more: Any) -> bytes:
    return event("messageStop", stopReason=reason, **more)


USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
BEGIN = event("messageStart", role="assistant")
METADATA = event("metadata", usage=USAGE, metrics={"latencyMs": 12})
