"""Canonical parts as the output items of an answer.

Rules of this file: text and refusals that follow one another are one message, texts joined to one, because clients parse each
text of a message by itself where they asked for JSON. Reasoning is given as a summary, which every client shows and sends back;
`encrypted_content` says whose it is (`dialects/seal.py`). A call's own signature is an empty reasoning item before the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.dialects.openai_responses.names import ClientNames
from entrepot.dialects.openai_responses.wire import DIALECT, OUR_ID
from entrepot.dialects.seal import seal, seal_call

Item = dict[str, Any]


class ItemIds:
    """Ids of an answer's items, made from its own."""

    def __init__(self, response_id: str) -> None:
        self._stem = response_id.removeprefix("resp_")
        self._count = 0

    def next(self, kind: str) -> str:
        """The next one; `kind` is `msg`, `rs`, `fc`, `ctc` or `ig`."""
        self._count += 1
        return f"{kind}{OUR_ID}{self._stem}_{self._count - 1}"


def items_of_parts(parts: Sequence[Part], ids: ItemIds, names: ClientNames, status: str) -> Iterator[Item]:
    """The items of an answer; `names` are those of its tools, `status` is that of the last message."""
    said: list[Text | Refusal] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            said.append(part)
            continue
        items = list(items_of_part(part, ids, names))
        if items and said:
            yield message_item(said, ids, "completed")
            said = []
        yield from items
    if said:
        yield message_item(said, ids, status)


def items_of_part(part: Part, ids: ItemIds, names: ClientNames) -> Iterator[Item]:
    """What a part other than text becomes; nothing for what the dialect has no words for."""
    match part:
        case Reasoning():
            yield reasoning_item(part, ids.next("rs"))
        case ToolCall():
            if part.signature is not None:
                yield signature_item(part.signature, part.bound_to, ids.next("rs"))
            if names.is_custom(part.name):
                yield names.spell(custom_item(ids.next("ctc"), part.id, part.name, input_of_arguments(part.arguments)))
            else:
                yield names.spell(call_item(ids.next("fc"), part.id, part.name, part.arguments))
        case Media(kind="image", data=str(data)):
            yield image_item(ids.next("ig"), data)
        case Unknown(dialect=dialect, raw=raw) if dialect == DIALECT:
            yield raw
        case _:
            pass


def message_item(said: Sequence[Text | Refusal], ids: ItemIds, status: str) -> Item:
    """A message."""
    content: list[Item] = []
    texts = [part for part in said if isinstance(part, Text)]
    if texts:
        text = "".join(part.text for part in texts)
        content.append(text_part(text, annotations_of(texts)))
    content.extend({"type": "refusal", "refusal": part.text} for part in said if isinstance(part, Refusal))
    return {"id": ids.next("msg"), "type": "message", "role": "assistant", "status": status, "content": content}


def text_part(text: str, annotations: Sequence[Item] = ()) -> Item:
    """A text in a message."""
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def annotations_of(texts: Sequence[Text]) -> list[Item]:
    """Citations that name a page, placed in the joined text."""
    found, offset = [], 0
    for part in texts:
        for cited in part.extra.get("citations", ()):
            if cited.get("url"):
                found.append(annotation(cited, offset, offset + len(part.text)))
        offset += len(part.text)
    return found


def annotation(cited: Item, start: int, end: int) -> Item:
    """One citation of a text that stands from `start` to `end` in the whole."""
    first, last = cited.get("start"), cited.get("end")
    return {
        "type": "url_citation",
        "url": cited["url"],
        "title": cited.get("title") or "",
        "start_index": start + first if isinstance(first, int) else start,
        "end_index": start + last if isinstance(last, int) else end,
    }


def reasoning_item(part: Reasoning, item_id: str) -> Item:
    """Reasoning, with what says whose it is."""
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    item = {"id": item_id, "type": "reasoning", "summary": summary}
    if part.signature is None and part.bound_to == DIALECT:
        return item
    return {**item, "encrypted_content": seal(part.signature, part.bound_to, DIALECT)}


def signature_item(signature: str, bound_to: str | None, item_id: str) -> Item:
    """A call's signature as an item that a client keeps and sends back before the call."""
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": [],
        "encrypted_content": seal_call(signature, bound_to),
    }


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Item:
    """A function's call."""
    named = {"id": item_id, "type": "function_call", "call_id": call_id, "name": name}
    return {**named, "arguments": arguments, "status": status}


def custom_item(item_id: str, call_id: str, name: str, text: str) -> Item:
    """A custom tool's call."""
    return {"id": item_id, "type": "custom_tool_call", "call_id": call_id, "name": name, "input": text}


def image_item(item_id: str, data: str) -> Item:
    """An image in base64."""
    return {"id": item_id, "type": "image_generation_call", "status": "completed", "result": data}


def input_of_arguments(arguments: str) -> str:
    """The free text in a custom tool's arguments (`tools.py`); what is no such object is taken as the text itself."""
    try:
        value = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
