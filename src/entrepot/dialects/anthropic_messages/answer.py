"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: blocks are told apart by their `index` and may interleave; text and thinking of a later block wait until the
earlier one is closed, because canonical deltas continue the latest part. `message_delta.usage` is cumulative and may leave out
what `message_start` said: it overwrites, it is never added. Blocks that the canonical form does not know are given whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Request, ToolCall
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import (
    Finished,
    Noted,
    Pinged,
    Started,
    StreamEvent,
    UsageReported,
)
from entrepot.dialects.answer_body import BodyParser, decode_or_none, object_or_empty
from entrepot.dialects.anthropic_messages.answer_blocks import Blocks
from entrepot.dialects.anthropic_messages.blocks import part_of_block
from entrepot.dialects.anthropic_messages.errors import failure_of_error
from entrepot.dialects.anthropic_messages.names import Names, tool_names
from entrepot.dialects.anthropic_messages.usage import STOP_REASONS, finish_reason_of, usage_of
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.errors import InvalidRequest

_TOP = frozenset({"id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence"})


class MessageParser(BodyParser):
    """One answer."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._names = tool_names(request)
        self._blocks = Blocks(self._names)
        self._usage: dict[str, Any] = {}
        self._finished = False

    def _take_data(self, data: bytes, _name: bytes | None, events: list[StreamEvent]) -> None:
        event = decode_or_none(data)
        if not isinstance(event, dict):
            self._fail("protocol", "an event of the provider's stream is not a JSON object", events)
            return
        match event.get("type"):
            case "message_start":
                events.extend(self._start(event.get("message")))
            case "content_block_start":
                events.extend(self._blocks.start(_index(event), object_or_empty(event.get("content_block"))))
            case "content_block_delta":
                events.extend(self._blocks.delta(_index(event), object_or_empty(event.get("delta"))))
            case "content_block_stop":
                events.extend(self._blocks.stop(_index(event)))
            case "message_delta":
                events.extend(self._finish(event))
            case "message_stop":
                self._take_end(events)
            case "ping":
                events.append(Pinged())
            case "error":
                self._fail_with(failure_of_error(event), events)
            case _:
                pass  # the dialect's own rule: an event of a kind not known is passed over

    def _take_end(self, events: list[StreamEvent]) -> None:
        """A stream that finished without `message_stop` is complete; one that did not was cut off."""
        if self._finished:
            self._end(events)
        else:
            self._cut_off(events)

    def _start(self, message: object) -> list[StreamEvent]:
        given = object_or_empty(message)
        self._usage = object_or_empty(given.get("usage"))
        events: list[StreamEvent] = [_started(given)]
        if extra := {name: value for name, value in given.items() if name not in _TOP and value is not None}:
            events.append(Noted(extra))
        return [*events, UsageReported(usage_of(self._usage))] if self._usage else events

    def _finish(self, event: dict[str, Any]) -> list[StreamEvent]:
        events = self._blocks.stop_all()
        delta = object_or_empty(event.get("delta"))
        word = delta.get("stop_reason")
        if isinstance(word, str) and not self._finished:
            self._finished = True
            known = ("stop_reason", "stop_sequence")
            rest = {name: value for name, value in delta.items() if name not in known and value is not None}
            if noted := {**_noted(word, delta.get("stop_sequence")), **rest}:
                events.append(Noted(noted, 0))
            events.append(Finished(finish_reason_of(word), 0))
        usage = {name: value for name, value in object_or_empty(event.get("usage")).items() if value is not None}
        if usage:
            self._usage = {**self._usage, **usage}
            events.append(UsageReported(usage_of(self._usage)))
        return events

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        message = decode_or_none(body)
        if not isinstance(message, dict):
            self._fail("protocol", "the provider's answer is not the JSON of a message", events)
        elif message.get("type") == "error" or "error" in message:
            self._fail_with(failure_of_error(message), events)
        elif not isinstance(message.get("content"), list):
            self._fail("protocol", "the provider's answer holds no content", events)
        else:
            try:
                events.extend(unfold(response_of(message, self._names)))
                self._over = True
            except InvalidRequest as error:  # a block that breaks the dialect's rules is the provider's fault here
                self._fail("protocol", f"the provider's answer is malformed: {error.message}", events)


def response_of(message: dict[str, Any], names: Names) -> Response:
    """A whole answer. Raises InvalidRequest where a block is malformed."""
    started = _started(message)
    parts = []
    for i, block in enumerate(message["content"]):
        part = part_of_block(object_or_empty(block), f"content[{i}]")
        if isinstance(part, ToolCall):
            part = msgspec.structs.replace(part, name=names.back(part.name))
        parts.append(part)
    word = message.get("stop_reason")
    choice = Choice(
        0,
        tuple(parts),
        finish_reason_of(word if isinstance(word, str) else None),
        _noted(str(word or ""), message.get("stop_sequence")),
    )
    usage = object_or_empty(message.get("usage"))
    return Response(
        id=started.id,
        model=started.model,
        created=0,
        choices=(choice,),
        usage=usage_of(usage) if usage else None,
        extra={name: value for name, value in message.items() if name not in _TOP},
        dialect=DIALECT,
    )


def _started(message: dict[str, Any]) -> Started:
    return Started(str(message.get("id") or ""), str(message.get("model") or ""), 0, DIALECT)


def _noted(word: str, stop_sequence: object) -> dict[str, Any]:
    """What the canonical reason alone does not say."""
    noted: dict[str, Any] = {}
    if isinstance(stop_sequence, str):
        noted["stop_sequence"] = stop_sequence
    if word and word != STOP_REASONS[finish_reason_of(word)]:
        noted["stop_reason"] = word
    return noted


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
