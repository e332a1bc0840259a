"""Answers between a provider and a client of this dialect: passed on as they came, tapped for what the ledger needs.

Rules of this file: of a delta only its text is read. `message_delta.usage` is cumulative and may leave out what `message_start`
said: it overwrites, it is never added.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.stream import Failure
from entrepot.dialects.answer_body import decode_or_none
from entrepot.dialects.anthropic_messages.errors import error_body, failure_of_error
from entrepot.dialects.anthropic_messages.usage import usage_of
from entrepot.dialects.anthropic_messages.wire import encode
from entrepot.dialects.base import Relayed
from entrepot.dialects.passage import CUT_OFF, StreamPassage, WholePassage
from entrepot.dialects.sse import Frame, render_frame
from entrepot.errors import EntrepotError


class _Delta(msgspec.Struct):
    """A block's delta, or the message's own with its stop reason."""

    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Block(msgspec.Struct):
    """A block as it begins or, in a whole answer, as it is."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    """A whole answer, or what a stream begins with."""

    model: str = ""
    usage: dict[str, Any] | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    type: str = ""
    error: Any = None


class _Event(msgspec.Struct):
    """One event of a stream."""

    type: str = ""
    delta: _Delta | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    usage: dict[str, Any] | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_MALFORMED = Failure("protocol", "what the provider sent is not the JSON of a message")


class WholeRelay(WholePassage):
    """An answer in one piece."""

    def _look(self, body: bytes) -> bytes | Failure:
        try:
            message = _decode_message(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _MALFORMED
        if message.type == "error" or message.error:
            return failure_of_error(decode_or_none(body))
        if message.content is None:
            return Failure("protocol", "the provider's answer holds no content")
        self._tally.claim(message.model)
        for block in message.content:
            self._tally.say(block.text or block.thinking or block.name or "")
            if block.input:
                self._tally.say(encode(block.input).decode())
        if message.usage is not None:
            self._tally.count(usage_of(message.usage))
        return body

    def _error_body(self, error: EntrepotError) -> dict[str, Any]:
        return error_body(error)


class StreamRelay(StreamPassage):
    """An answer as a stream of events."""

    _usage: dict[str, Any] = {}

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event."""
        return render_frame(encode(error_body(error)), b"error")

    def _look(self, frame: Frame, data: bytes, relayed: Relayed) -> bytes:
        try:
            event = _decode_event(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            relayed.failure = _MALFORMED
            return b""
        match event.type:
            case "content_block_delta":
                delta = event.delta
                if delta is not None and (text := delta.text or delta.thinking or delta.partial_json):
                    self._tally.say(text)
                    relayed.content = True
            case "content_block_start":
                block = event.content_block
                if block is not None and block.type not in ("text", "thinking"):
                    self._tally.say(block.name or "")
                    relayed.content = True
            case "message_start":
                if event.message is not None:
                    self._tally.claim(event.message.model)
                    self._count(event.message.usage)
            case "message_delta":
                if event.delta is not None and event.delta.stop_reason is not None:
                    self._tally.finished = relayed.content = True
                self._count(event.usage)
            case "message_stop":
                if not self._tally.finished:
                    relayed.failure = CUT_OFF
                relayed.ended = self._tally.finished
            case "ping":
                return frame.raw if self._begun else b""
            case "error":
                relayed.failure = failure_of_error(decode_or_none(data))
            case _:
                pass  # the dialect's own rule: what is not known is passed over, here to the client
        return frame.raw

    def _ending(self) -> bytes | None:
        return render_frame(b'{"type": "message_stop"}', b"message_stop") if self._tally.finished else None

    def _count(self, usage: dict[str, Any] | None) -> None:
        if usage:
            self._usage = {**self._usage, **{name: value for name, value in usage.items() if value is not None}}
            self._tally.count(usage_of(self._usage))
