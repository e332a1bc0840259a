"""Canonical events to a whole answer in this dialect; `render_stream.py` says the same as a stream.

Reasoning of another dialect's provider is a thinking block whose signature is marked (`dialects/seal.py`), so that it comes
back on the next turn and is never sent to a provider that cannot read it. Left out, because the dialect has no words for it:
images and sounds in an answer, parts that only another dialect knows, citations of another dialect's making, logprobs, choices
after the first, and another dialect's `extra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.request import Part, Refusal, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.dialects.anthropic_messages.render_blocks import blocks_of_part
from entrepot.dialects.anthropic_messages.usage import STOP_REASONS, usage_fields
from entrepot.dialects.anthropic_messages.wire import DIALECT


def render_response(response: Response) -> dict[str, Any]:
    """A whole answer as the wire's object."""
    own = response.dialect == DIALECT
    choice = response.choices[0] if response.choices else Choice(0, (), "unknown")
    rendered = {
        "id": response.id or "msg",
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": [block for part in choice.parts for block in blocks_of_part(part, own)],
        **stop_fields(choice.finish_reason, choice.parts, choice.extra, own),
        "usage": usage_fields(response.usage or Usage(), own),
    }
    return {**rendered, **response.extra} if own else rendered


def stop_fields(reason: FinishReason, parts: Sequence[Part], extra: dict[str, Any], own: bool) -> dict[str, Any]:
    """`stop_reason` and `stop_sequence`, and beside them what else this dialect's provider said of the stop."""
    word = STOP_REASONS[reason]
    stop_sequence = extra.get("stop_sequence")
    if own and "stop_reason" in extra:
        word = extra["stop_reason"]
    elif reason == "stop" and isinstance(stop_sequence, str):
        word = "stop_sequence"
    elif reason in ("stop", "unknown") and any(isinstance(part, ToolCall) for part in parts):
        word = "tool_use"
    elif reason in ("stop", "unknown") and any(isinstance(part, Refusal) for part in parts):
        word = "refusal"
    rest = {name: value for name, value in extra.items() if name not in ("stop_reason", "stop_sequence")} if own else {}
    return {"stop_reason": word, "stop_sequence": stop_sequence, **rest}
