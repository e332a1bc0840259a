"""Canonical events to a stream in this dialect.

Rules of this file: the opening waits for what is known at once (usage, notes). One block is open at a time, numbered in the
order in which blocks begin. Pieces of a tool call that arrive while an earlier one is still open wait for it: it is complete
when its JSON is, or when something else begins. The stop reason and all usage are said at the end, because other dialects say
their usage last.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Part, Reasoning, Refusal, ToolCall
from entrepot.canonical.response import FinishReason, Usage
from entrepot.canonical.stream import (
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.anthropic_messages.errors import error_body
from entrepot.dialects.anthropic_messages.render import stop_fields
from entrepot.dialects.anthropic_messages.render_blocks import block_of_part, signature_block
from entrepot.dialects.anthropic_messages.usage import usage_fields
from entrepot.dialects.anthropic_messages.wire import DIALECT, encode
from entrepot.dialects.seal import seal
from entrepot.dialects.sse import render_frame
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class _Call:
    """A tool call that has begun."""

    def __init__(self, started: ToolCallStarted) -> None:
        self.started = started
        self.arguments = ""

    @property
    def complete(self) -> bool:
        try:
            msgspec.json.decode(self.arguments)
        except msgspec.DecodeError:
            return False
        return True


class StreamRenderer(StreamAnswer):
    """One answer. Choices after the first are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._opening: dict[str, Any] | None = None
        self._own = False
        self._blocks = 0
        self._open: type[TextDelta | ReasoningDelta | RefusalDelta | ToolCallStarted] | None = None
        self._sealed = False
        self._bound_to: str | None = None
        self._calls: list[_Call] = []
        self._reason: FinishReason = "unknown"
        self._kinds: list[Part] = []
        self._extra: dict[str, Any] = {}
        self._usage = Usage()

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event."""
        return _frame("error", error_body(error))

    def _take(self, event: StreamEvent) -> None:
        if getattr(event, "index", 0) not in (0, None):
            return
        if self._opening is not None and not isinstance(event, UsageReported | Noted):
            self._say("message_start", message=self._opening)
            self._opening = None
        super()._take(event)

    def _start(self, event: Started) -> None:
        self._own = event.dialect == DIALECT
        self._opening = {
            "id": event.id or "msg",
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }

    def _refusal(self, event: RefusalDelta) -> None:
        self._kinds.append(Refusal(""))
        self._text(event)

    def _text(self, event: TextDelta | RefusalDelta) -> None:
        if not event.text and not event.begins and self._open is not type(event):
            return
        if event.begins or self._open is not type(event):
            self._begin(type(event), {"type": "text", "text": ""})
        if event.text:
            self._delta({"type": "text_delta", "text": event.text})
        for cited in event.extra.get("citations", ()) if isinstance(event, TextDelta) and self._own else ():
            if "raw" in cited:
                self._delta({"type": "citations_delta", "citation": cited["raw"]})

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.redacted:
            self._close()
            part = Reasoning("", event.signature, True, event.bound_to)
            self._whole_block(block_of_part(part, self._own) or {})
            return
        if event.begins or self._open is not ReasoningDelta:
            self._begin(ReasoningDelta, {"type": "thinking", "thinking": "", "signature": ""})
            self._sealed = False
        self._bound_to = event.bound_to or self._bound_to
        if event.text:
            self._delta({"type": "thinking_delta", "thinking": event.text})
        if event.signature is not None:
            # Only the first piece of a signature carries the mark: they are joined again on the way back.
            signature = event.signature if self._sealed else seal(event.signature, self._bound_to, DIALECT)
            self._sealed = True
            self._delta({"type": "signature_delta", "signature": signature})

    def _call(self, event: ToolCallStarted) -> None:
        self._kinds.append(ToolCall(event.id, event.name, ""))
        if self._open is not ToolCallStarted:
            self._close()
        self._calls.append(_Call(event))
        self._advance()

    def _arguments(self, event: ToolCallDelta) -> None:
        call = next((call for call in self._calls if call.started.call == event.call), None)
        if call is None or not event.arguments:
            return
        call.arguments += event.arguments
        if call is self._calls[0]:
            self._delta({"type": "input_json_delta", "partial_json": event.arguments})
            self._advance()

    def _part(self, event: PartAdded) -> None:
        block = block_of_part(event.part, self._own)
        if block is not None:
            self._close()
            self._whole_block(block)

    def _noted(self, event: Noted) -> None:
        if event.index == 0:
            self._extra.update(event.extra)
        elif self._own and self._opening is not None:
            self._opening.update(event.extra)

    def _finished(self, event: Finished) -> None:
        self._reason = event.reason

    def _counted(self, event: UsageReported) -> None:
        self._usage = event.usage
        if self._opening is not None:
            self._opening["usage"] = usage_fields(event.usage, self._own)

    def _ping(self) -> None:
        self._out.append(PING)

    def _advance(self) -> None:
        """Open the first call that waits, if none is open; close it when it is complete and another waits."""
        while self._calls:
            if self._open is not ToolCallStarted:
                started = self._calls[0].started
                if started.signature is not None:
                    self._whole_block(signature_block(started.signature, started.bound_to))
                rest = started.extra.get("rest", {}) if self._own else {}
                block = {"type": "tool_use", "id": started.id, "name": started.name, "input": {}, **rest}
                self._begin(ToolCallStarted, block)
                if self._calls[0].arguments:
                    self._delta({"type": "input_json_delta", "partial_json": self._calls[0].arguments})
            if len(self._calls) == 1 or not self._calls[0].complete:
                return
            self._calls.pop(0)
            self._stop_block()

    def _begin(
        self, kind: type[TextDelta | ReasoningDelta | RefusalDelta | ToolCallStarted], block: dict[str, Any]
    ) -> None:
        if kind is not ToolCallStarted:
            self._close()
        self._open = kind
        self._say("content_block_start", index=self._blocks, content_block=block)

    def _close(self) -> None:
        """Close whatever is open, and say the calls that still wait."""
        if self._open is ReasoningDelta and not self._sealed:
            self._delta({"type": "signature_delta", "signature": seal(None, self._bound_to, DIALECT)})
        if self._open is not None:
            self._stop_block()
        waiting, self._calls = self._calls[1:], []
        for call in waiting:
            self._calls = [call]
            self._advance()
            self._calls = []
            self._stop_block()

    def _whole_block(self, block: dict[str, Any]) -> None:
        self._say("content_block_start", index=self._blocks, content_block=block)
        self._stop_block()

    def _stop_block(self) -> None:
        self._say("content_block_stop", index=self._blocks)
        self._blocks += 1
        self._open = None

    def _delta(self, delta: dict[str, Any]) -> None:
        self._say("content_block_delta", index=self._blocks, delta=delta)

    def _end(self) -> None:
        self._close()
        usage = usage_fields(self._usage, self._own)
        delta = stop_fields(self._reason, self._kinds, self._extra, self._own)
        self._say("message_delta", delta=delta, usage=usage)
        self._say("message_stop")

    def _say(self, name: str, **fields: object) -> None:
        self._out.append(_frame(name, {"type": name, **fields}))


def _frame(name: str, value: dict[str, Any]) -> bytes:
    return render_frame(encode(value), name.encode())
