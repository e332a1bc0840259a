"""The dialect's name and its JSON, in and out.

Source: Amazon Bedrock runtime's service model, 2023-09-30 (botocore 1.44.5, `data/bedrock-runtime`): Converse, ConverseStream.
"""

from __future__ import annotations

from typing import Any

import msgspec

DIALECT = "bedrock-converse"
CLAUDE = "anthropic-messages"
"""The dialect of Claude's maker: what Claude seals at one host it can read at every other (Anthropic, Extended thinking)."""

decode_any = msgspec.json.Decoder().decode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.Encoder().encode


def object_of(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """The value if it is text, else none."""
    return value if isinstance(value, str) else ""
