"""The dialect's name and its JSON, in and out.

Source: Amazon Bedrock runtime's service model, 2023-09-30 (botocore 1.44.5, `data/bedrock-runtime`): Converse, ConverseStream.
"""

from __future__ import annotations

import msgspec

DIALECT = "bedrock-converse"
CLAUDE = "anthropic-messages"
"""The dialect of Claude's maker: what Claude seals at one host it can read at every other (Anthropic, Extended thinking)."""

encode = msgspec.json.Encoder().encode


def text_of(value: object) -> str:
    """The value if it is text, else none."""
    return value if isinstance(value, str) else ""
