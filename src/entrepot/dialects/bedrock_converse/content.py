"""Blocks of an answer as canonical parts, whole ones and those that grow."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from entrepot.canonical.request import Media, Part, Reasoning, Text, ToolCall, Unknown
from entrepot.canonical.stream import (
    PartAdded,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from entrepot.dialects.answer_body import object_or_empty
from entrepot.dialects.bedrock_converse.media import MEDIA_BLOCKS, media_of
from entrepot.dialects.bedrock_converse.turns import seal_of_redacted
from entrepot.dialects.bedrock_converse.wire import CLAUDE, DIALECT, text_of
from entrepot.dialects.names import Names

_SERVER = "server_tool_use"


def part_of_block(block: dict[str, Any], names: Names, *, claude: bool) -> Part | None:
    """A block of a whole answer; None for blank text that says nothing. What has no canonical name is Unknown."""
    match block:
        case {"text": str(text)}:
            return Text(text) if text else None
        case {"toolUse": dict(use)} if use.get("type") != _SERVER:
            arguments = msgspec.json.encode(use.get("input") or {}).decode()
            return ToolCall(text_of(use.get("toolUseId")), names.back(text_of(use.get("name"))), arguments)
        case {"reasoningContent": {"reasoningText": dict(said)}}:
            signature = text_of(said.get("signature")) or None
            return Reasoning(text_of(said.get("text")), signature, bound_to=seal_owner(claude=claude))
        case {"reasoningContent": {"redactedContent": str(content)}}:
            signature, bound_to = _redacted(content, claude=claude)
            return Reasoning("", signature, redacted=True, bound_to=bound_to)
        case {"citationsContent": dict(cited)}:
            return _cited_text(cited)
        case _:
            return _media(block) or Unknown(DIALECT, block)


def seal_owner(*, claude: bool) -> str:
    """The dialect whose providers understand a signature: Claude's is understood wherever Claude is."""
    return CLAUDE if claude else DIALECT


def _redacted(content: str, *, claude: bool) -> tuple[str, str]:
    return seal_of_redacted(content) if claude else (content, DIALECT)


def _media(block: dict[str, Any]) -> Media | None:
    name = next((name for name in block if name in MEDIA_BLOCKS), None)
    return None if name is None else media_of(name, block[name])


def _cited_text(cited: dict[str, Any]) -> Text:
    pieces = cited.get("content")
    text = "".join(text_of(object_or_empty(each).get("text")) for each in pieces) if isinstance(pieces, list) else ""
    found = cited.get("citations")
    citations = [shared_citation(each) for each in found] if isinstance(found, list) else []
    return Text(text, {"citations": citations} if citations else {})


def shared_citation(cited: object) -> dict[str, Any]:
    """A citation in the shared form (request.SHARED_EXTRA), Bedrock's own object beside it."""
    given = object_or_empty(cited)
    sources = given.get("sourceContent")
    quoted = (
        "".join(text_of(object_or_empty(each).get("text")) for each in sources) if isinstance(sources, list) else ""
    )
    web = object_or_empty(object_or_empty(given.get("location")).get("web"))
    shared = {"url": web.get("url"), "title": given.get("title"), "cited_text": quoted or None}
    return {**{name: value for name, value in shared.items() if isinstance(value, str)}, "raw": cited}


class Blocks:
    """The blocks of a streamed answer. They come one after the other, each told by its index."""

    def __init__(self, names: Names, *, claude: bool) -> None:
        self._names = names
        self._claude = claude
        self._latest: int | None = None
        self._calls: dict[int, int] = {}
        self._whole: dict[int, dict[str, Any]] = {}
        self.calls = 0

    def start(self, index: int, start: dict[str, Any]) -> list[StreamEvent]:
        """A block says what it will be, which text and reasoning do not."""
        use = object_or_empty(start.get("toolUse"))
        if use and use.get("type") != _SERVER:
            call = self._calls[index] = self.calls
            self.calls += 1
            self._latest = index
            return [ToolCallStarted(call, text_of(use.get("toolUseId")), self._names.back(text_of(use.get("name"))))]
        name = next(iter(start), None)
        if name is not None:
            self._whole[index] = {name: dict(object_or_empty(start[name]))}
        return []

    def delta(self, index: int, delta: dict[str, Any]) -> list[StreamEvent]:
        """A block grows. A delta of a kind not known is passed over."""
        begins = self._latest != index
        events = self._grown(index, delta, begins=begins)
        if events:
            self._latest = index
        return events

    def _grown(self, index: int, delta: dict[str, Any], *, begins: bool) -> list[StreamEvent]:
        match delta:
            case {"text": str(text)}:
                return [TextDelta(text, begins=begins)] if text else []
            case {"citation": dict(cited)}:
                return [TextDelta("", begins=begins, extra={"citations": [shared_citation(cited)]})]
            case {"reasoningContent": dict(said)}:
                return self._reasoned(said, begins=begins)
            case {"toolUse": {"input": str(piece)}} if index in self._calls:
                return [ToolCallDelta(self._calls[index], piece)] if piece else []
            case _:
                self._keep(index, delta)
                return []

    def _reasoned(self, said: dict[str, Any], *, begins: bool) -> list[StreamEvent]:
        match said:
            case {"text": str(text)}:
                owner = seal_owner(claude=self._claude)
                return [ReasoningDelta(text, begins=begins, bound_to=owner)] if text else []
            case {"signature": str(signature)}:
                owner = seal_owner(claude=self._claude)
                return [ReasoningDelta(signature=signature, begins=begins, bound_to=owner)] if signature else []
            case {"redactedContent": str(content)}:
                signature, bound_to = _redacted(content, claude=self._claude)
                return [ReasoningDelta(signature=signature, begins=True, redacted=True, bound_to=bound_to)]
            case _:
                return []

    def _keep(self, index: int, delta: dict[str, Any]) -> None:
        """More of a block that is given whole: its data is joined, its list of results too."""
        kept = self._whole.get(index)
        name = next(iter(delta), None)
        if kept is None or name not in kept:
            return
        grown, more = kept[name], delta[name]
        if isinstance(more, list):
            grown.setdefault("content", []).extend(more)
        for key, value in object_or_empty(more).items():
            if key == "source":
                known = text_of(object_or_empty(grown.get("source")).get("bytes"))
                piece = text_of(object_or_empty(value).get("bytes"))
                grown["source"] = {"bytes": _joined(known, piece)} if piece else value
            elif isinstance(value, str) and isinstance(grown.get(key), str):
                grown[key] += value
            else:
                grown[key] = value

    def stop(self, index: int) -> list[StreamEvent]:
        """A block is complete: one that is given whole is given now."""
        block = self._whole.pop(index, None)
        if block is None:
            return []
        self._latest = index
        return [PartAdded(_media(block) or Unknown(DIALECT, block))]

    def stop_all(self) -> list[StreamEvent]:
        """The message is complete, whatever was left open."""
        return [event for index in sorted(self._whole) for event in self.stop(index)]


def _joined(known: str, piece: str) -> str:
    """Two pieces of data, each in base64 by itself."""
    if not known:
        return piece
    try:
        return base64.b64encode(base64.b64decode(known) + base64.b64decode(piece)).decode()
    except binascii.Error:
        return known + piece
