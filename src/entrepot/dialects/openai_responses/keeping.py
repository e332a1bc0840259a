"""What it takes to keep a response and to continue it, without the keeping itself, which the server does.

Rules of this file: an item that is kept has an id and the long form of its content, as `GET …/input_items` shows it and an
`item_reference` names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.request import parse_request
from entrepot.dialects.openai_responses.wire import OUR_ID, decode_any, decode_fields, encode
from entrepot.dialects.sse import FrameSplitter

Item = dict[str, Any]

_LAST = (b'"response.completed"', b'"response.incomplete"')


class FinalResponse:
    """Watches an answer on its way to a client for the response object that ends it."""

    def __init__(self, streams: bool) -> None:
        self._splitter = FrameSplitter() if streams else None
        self._body = bytearray()

    def feed(self, data: bytes, end: bool) -> bytes | None:
        """The object's JSON, once `data` completes it."""
        if self._splitter is None:
            self._body += data
            return bytes(self._body) if end else None
        for frame in self._splitter.feed(data):
            if frame.data is not None and any(word in frame.data for word in _LAST):
                event = decode_fields(frame.data)
                if decode_any(event.get("type", msgspec.Raw(b"null"))) in ("response.completed", "response.incomplete"):
                    return bytes(event["response"])
        return None


def given_items(asked: Asked) -> list[Item]:
    """The items of a request's `input`, a text as the message that it is."""
    given = decode_any(asked.fields["input"]) if "input" in asked.fields else None
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return given or []


def references(items: Sequence[Item]) -> dict[int, str]:
    """Which of these items only name another, and whose id they name."""
    return {
        number: item["id"]
        for number, item in enumerate(items)
        if item.get("type") == "item_reference" and isinstance(item.get("id"), str)
    }


def with_input(asked: Asked, items: Sequence[Item], echo: Item) -> Asked:
    """The request with all its input in its place, as one that asks its provider to keep nothing."""
    fields = {**asked.fields, "input": msgspec.Raw(encode(list(items)))}
    for name in ("previous_response_id", "store"):
        fields.pop(name, None)
    return msgspec.structs.replace(parse_request(encode(fields)), echo=echo)


def kept_items(items: Sequence[Item], response_id: str) -> list[Item]:
    """The items in their long form, each with an id."""
    return [_kept(item, f"{response_id.removeprefix('resp_')}_i{number}") for number, item in enumerate(items)]


def _kept(item: Item, stem: str) -> Item:
    kind = item.get("type") or "message"
    named = {"id": item.get("id") or f"{'msg' if kind == 'message' else kind}{OUR_ID}{stem}", "type": kind}
    if kind != "message":
        return {**item, **named}
    content = item.get("content")
    if isinstance(content, str):
        content = [_long(content, spoken=item.get("role") == "assistant")]
    return {**item, **named, "status": item.get("status") or "completed", "content": content or []}


def _long(text: str, *, spoken: bool) -> Item:
    if spoken:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "input_text", "text": text}
