"""The Bedrock wire's binary frames, outward: `application/vnd.amazon.eventstream`.

Source: the AWS event stream encoding as Smithy describes it ("Amazon Event Stream Specification"). Rules of this file: all header
values are texts, as Bedrock's are; every number is big-endian; both checksums are CRC-32.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

STREAM_TYPE = "application/vnd.amazon.eventstream"
_TEXT = 7


def event_frame(kind: str, payload: bytes) -> bytes:
    """One event of a stream; `payload` is its JSON."""
    return _frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception_frame(kind: str, payload: bytes) -> bytes:
    """An exception inside a stream, by its type in lower camel case."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(headers, payload)


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    length = 4 + 4 + 4 + len(encoded) + len(payload) + 4
    begun = length.to_bytes(4, "big") + len(encoded).to_bytes(4, "big")
    begun += zlib.crc32(begun).to_bytes(4, "big") + encoded + payload
    return begun + zlib.crc32(begun).to_bytes(4, "big")


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return len(key).to_bytes(1, "big") + key + bytes([_TEXT]) + len(text).to_bytes(2, "big") + text
