"""Canonical events to a whole answer in this dialect; `render_stream.py` says the same as a stream.

Left out, because the dialect has no words for it: images by address, sounds, parts that only another dialect knows, citations
without an address, choices after the first, logprobs, and another dialect's `extra`.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Refusal
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import Started
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.head import Head, state_of
from entrepot.dialects.openai_responses.names import ClientNames
from entrepot.dialects.openai_responses.render_items import ItemIds, items_of_parts
from entrepot.dialects.openai_responses.usage import usage_fields
from entrepot.dialects.openai_responses.wire import DIALECT


def render_response(response: Response, asked: Asked, created_s: int = 0) -> dict[str, Any]:
    """A whole answer as the wire's object."""
    choice = response.choices[0] if response.choices else Choice(0, (), "unknown")
    if response.dialect == DIALECT:
        named = {"id": response.id, "object": "response", "model": response.model}
        return {**named, "output": choice.extra.get("output", []), **response.extra, **asked.echo}
    head = Head(asked, created_s)
    head.start(Started(response.id, response.model, response.created, response.dialect))
    status, why = state_of(choice.finish_reason, any(isinstance(part, Refusal) for part in choice.parts))
    items = items_of_parts(choice.parts, ItemIds(head.id), ClientNames(asked.request), status)
    usage = None if response.usage is None else usage_fields(response.usage, own=False)
    return head.response(status, list(items), usage=usage, incomplete=why)
