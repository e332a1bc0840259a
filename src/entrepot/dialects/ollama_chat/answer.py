"""Ollama's answer, whole or as lines, to canonical events.

Rules of this file: every line is a whole object with the piece of the message that it adds; the one with `done` ends the answer
and counts its tokens. A stream without it was cut off. Calls come whole, and are numbered through the conversation where they
have no ids. Reasoning between tags, which some models' templates leave in the text, is told apart. A server that answers in
lines unasked is understood, and so is one that answers whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.canonical.request import Media, Request, ToolCall, ToolResult
from entrepot.canonical.response import FinishReason, Usage
from entrepot.canonical.stream import (
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.answer_body import BodyParser, Splitter, decode_or_none, object_or_empty
from entrepot.dialects.failure import failure_of
from entrepot.dialects.ollama_chat.lines import LineSplitter
from entrepot.dialects.ollama_chat.wire import DIALECT
from entrepot.dialects.openai_chat.think import Piece, ThinkSplitter, mentions_tag

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "": "stop",  # servers before 0.1.38 said no reason
    "length": "length",
    "load": "error",
    "unload": "error",
}
"""`load` and `unload`: the server loaded or unloaded the model and wrote nothing."""


_TAGGED = frozenset({"think_tags", "think_unopened"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ChatParser(BodyParser):
    """One answer."""

    def __init__(self, request: Request, quirks: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._think = ThinkSplitter(quirks & _TAGGED, mentioned=mentions_tag(request))
        self._streams_asked = request.stream
        self._taken_ids = _ids_of(request)
        self._made = sum(isinstance(part, ToolCall) for part in request.parts())
        self._calls = 0
        self._began = False

    def _open_splitter(self, opening: bytes) -> Splitter | None:  # noqa: ARG002 - lines and documents open alike
        return LineSplitter() if self._streams_asked else None

    def _take_data(self, data: bytes, name: bytes | None, events: list[StreamEvent]) -> None:  # noqa: ARG002 - lines have none
        line = decode_or_none(data)
        if isinstance(line, dict):
            self._take_line(line, events)
        else:
            self._fail("protocol", "a line of the provider's answer is not a JSON object", events)

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        whole = decode_or_none(body)
        if isinstance(whole, dict):
            self._take_line(whole, events)
        else:
            splitter = LineSplitter()
            for frame in splitter.feed(body + b"\n"):
                self._take_frame(frame, events)
        if not self._over:
            self._take_end(events)

    def _take_end(self, events: list[StreamEvent]) -> None:
        self._cut_off(events)

    def _take_line(self, line: dict[str, Any], events: list[StreamEvent]) -> None:
        if line.get("error"):
            self._fail_with(failure_of(line, 0), events)
            return
        message = line.get("message")
        if not isinstance(message, dict):
            self._fail("protocol", "a line of the provider's answer has neither a message nor an error", events)
            return
        before = self._began
        if not self._began:
            self._began = True
            model = line.get("model")
            events.append(
                Started("", model if isinstance(model, str) else "", _seconds(line.get("created_at")), DIALECT)
            )
        done = line.get("done") is True
        self._take_message(message, events, whole=done and not before)
        if isinstance(line.get("logprobs"), list):
            events.append(Noted({"logprobs": {"content": [_likely(each) for each in line["logprobs"]]}}, 0))
        if done:
            reason = line.get("done_reason")
            finished = FINISH_REASONS.get(reason if isinstance(reason, str) else "", "unknown")
            _say(self._think.close(stopped=finished == "stop"), events)
            events.append(Finished("tool_calls" if self._calls and finished == "stop" else finished))
            if (usage := usage_of(line)) is not None:
                events.append(UsageReported(usage))
            self._end(events)

    def _take_message(self, message: dict[str, Any], events: list[StreamEvent], *, whole: bool) -> None:
        thinking, content = message.get("thinking"), message.get("content")
        if isinstance(thinking, str) and thinking:
            self._think.rest()
            events.append(ReasoningDelta(thinking, bound_to=DIALECT))
        if isinstance(content, str) and content:
            _say(self._think.whole(content) if whole else self._think.feed(content), events)
        images = message.get("images")
        for image in images if isinstance(images, list) else ():
            if isinstance(image, str):
                events.append(PartAdded(Media("image", data=image)))
        calls = message.get("tool_calls")
        if calls:
            _say(self._think.close(), events)
        for call in calls if isinstance(calls, list) else ():
            self._take_call(object_or_empty(call), events)

    def _take_call(self, call: dict[str, Any], events: list[StreamEvent]) -> None:
        function = object_or_empty(call.get("function"))
        arguments, name, given = function.get("arguments"), function.get("name"), call.get("id")
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
        id = given if isinstance(given, str) and given else self._new_id()
        events.append(ToolCallStarted(self._calls, id, name if isinstance(name, str) else ""))
        events.append(ToolCallDelta(self._calls, text or "{}"))
        self._calls += 1

    def _new_id(self) -> str:
        while (made := f"ollama_call_{self._made}") in self._taken_ids:
            self._made += 1
        self._taken_ids.add(made)
        return made


def _say(pieces: Iterable[Piece], events: list[StreamEvent]) -> None:
    for piece in pieces:
        if piece.text.strip() == "</think>":
            continue  # where nothing is said behind the tag, the splitter gives it back
        events.append(ReasoningDelta(piece.text, bound_to=DIALECT) if piece.reasoning else TextDelta(piece.text))


def _ids_of(request: Request) -> set[str]:
    calls = {part.id for part in request.parts() if isinstance(part, ToolCall)}
    return calls | {part.call_id for part in request.parts() if isinstance(part, ToolResult)}


def usage_of(line: Mapping[str, Any]) -> Usage | None:
    """The tokens that the last line counts; None if it counts none. A prompt that was cached whole is at times not counted."""
    read, written = _count(line, "prompt_eval_count"), _count(line, "eval_count")
    return Usage(input_tokens=read, output_tokens=written) if read or written else None


def _count(line: Mapping[str, Any], name: str) -> int:
    value = line.get(name)
    return max(0, value) if isinstance(value, int) else 0


def _seconds(created_at: object) -> int:
    try:
        created = datetime.fromisoformat(created_at) if isinstance(created_at, str) else _EPOCH
    except ValueError:
        return 0
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return max(0, int((created - _EPOCH).total_seconds()))


def _likely(value: object) -> dict[str, Any]:
    """A token with its probability, as OpenAI chat's object has it."""
    given = object_or_empty(value)
    others = given.get("top_logprobs")
    return {
        **_token(given),
        "top_logprobs": [_token(object_or_empty(o)) for o in others] if isinstance(others, list) else [],
    }


def _token(given: Mapping[str, Any]) -> dict[str, Any]:
    token, logprob, utf8 = given.get("token"), given.get("logprob"), given.get("bytes")
    text = token if isinstance(token, str) else ""
    return {
        "token": text,
        "logprob": logprob if isinstance(logprob, int | float) else -9999.0,
        "bytes": utf8 if isinstance(utf8, list) else list(text.encode("utf-8", "surrogatepass")),
    }
