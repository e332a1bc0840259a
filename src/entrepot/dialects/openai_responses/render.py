"""Canonical events to a whole answer in this dialect; `render_stream.py` says the same as a stream.

Left out, because the dialect has no words for it: images by address, sounds, parts that only another dialect knows, citations
without an address, choices after the first, logprobs, and another dialect's `extra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.fold import Folder
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import Started, StreamEvent
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.errors import error_body
from entrepot.dialects.openai_responses.head import Head, state_of
from entrepot.dialects.openai_responses.render_items import ItemIds, items_of_parts
from entrepot.dialects.openai_responses.tools import custom_names
from entrepot.dialects.openai_responses.usage import usage_fields
from entrepot.dialects.openai_responses.wire import DIALECT, encode
from entrepot.errors import EntrepotError


class WholeRenderer:
    """An answer in one piece."""

    content_type = b"application/json"

    def __init__(self, asked: Asked, created_s: int) -> None:
        self._asked = asked
        self._created_s = created_s
        self._folder = Folder()

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """Nothing, until the answer is complete."""
        for event in events:
            self._folder.take(event)
        if not self._folder.ended:
            return b""
        return encode(render_response(self._folder.response(), self._asked, self._created_s))

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off: nothing of it has left."""
        return encode(error_body(error))


def render_response(response: Response, asked: Asked, created_s: int = 0) -> dict[str, Any]:
    """A whole answer as the wire's object."""
    choice = response.choices[0] if response.choices else Choice(0, (), "unknown")
    if response.dialect == DIALECT:
        named = {"id": response.id, "object": "response", "model": response.model}
        return {**named, "output": choice.extra.get("output", []), **response.extra, **asked.echo}
    head = Head(asked, created_s)
    head.start(Started(response.id, response.model, response.created, response.dialect))
    status, why = state_of(choice.finish_reason, choice.parts)
    items = items_of_parts(choice.parts, ItemIds(head.id), custom_names(asked.request), status)
    usage = None if response.usage is None else usage_fields(response.usage, own=False)
    return head.response(status, list(items), usage=usage, incomplete=why)
