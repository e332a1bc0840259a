"""Canonical events to a stream of chunks in this dialect; what is left out, and how seals are kept, is said in `render.py`."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Media, Reasoning
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import (
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.openai_chat.content import detail_of_reasoning
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.render import REASONS, image_of, signature_of, usage_fields
from entrepot.dialects.openai_chat.wire import encode
from entrepot.dialects.sse import COMMENT, render_frame
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError

_DONE = b"data: [DONE]\n\n"


class StreamRenderer(StreamAnswer):
    """An answer as a stream of chunks, ended by `[DONE]`. `legacy`: the client offered `functions`, and reads `function_call`."""

    def __init__(self, include_usage: bool, created_s: int, *, legacy: bool = False) -> None:
        super().__init__()
        self._legacy = legacy
        self._include_usage = include_usage
        self._started = Started("", "", created_s)
        self._created_s = created_s
        self._opened: set[int] = set()
        self._said: dict[int, int] = {}
        self._details: dict[int, int] = {}
        self._thoughts: dict[int, str] = {}
        self._silent: dict[int, list[int]] = {}
        self._usage: Usage | None = None

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return render_frame(encode(error_body(error)))

    def _start(self, event: Started) -> None:
        self._started = event

    def _text(self, event: TextDelta) -> None:
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        start = self._said.get(event.index, 0)
        self._said[event.index] = start + len(event.text)
        cited = [cited for cited in event.extra.get("citations", ()) if cited.get("url")]
        if cited:
            placed = {"start_index": cited[0].get("start") or start, "end_index": self._said[event.index]}
            delta["annotations"] = [
                {"type": "url_citation", "url_citation": {"url": c["url"], "title": c.get("title") or "", **placed}}
                for c in cited
            ]
        if delta:
            self._delta(event.index, delta)

    def _reasoning(self, event: ReasoningDelta) -> None:
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        thought = event.text if event.begins else self._thoughts.get(event.index, "") + event.text
        self._thoughts[event.index] = thought
        earlier = self._details.get(event.index)
        position = 0 if earlier is None else earlier + event.begins
        self._details[event.index] = position
        if event.signature is not None:
            # With all of the text that it seals: on the next turn the two come back together.
            part = Reasoning(thought, event.signature, event.redacted, event.bound_to)
            self._thoughts[event.index] = ""
            delta["reasoning_details"] = [detail_of_reasoning(part, position)]
        if delta:
            self._delta(event.index, delta)

    def _refusal(self, event: RefusalDelta) -> None:
        self._delta(event.index, {"refusal": event.text})

    def _call(self, event: ToolCallStarted) -> None:
        function = {"name": event.name, "arguments": ""}
        call = {"index": event.call, "id": event.id, "type": "function", "function": function}
        if not self._legacy:
            self._delta(event.index, {"tool_calls": [{**call, **signature_of(event)}]})
        elif event.call == 0:
            self._delta(event.index, {"function_call": function})
        self._silent.setdefault(event.index, []).append(event.call)

    def _arguments(self, event: ToolCallDelta) -> None:
        if event.arguments and event.call in (silent := self._silent.get(event.index, [])):
            silent.remove(event.call)
        self._say_arguments(event.index, event.call, event.arguments)

    def _say_arguments(self, index: int, call: int, arguments: str) -> None:
        function = {"arguments": arguments}
        if not self._legacy:
            self._delta(index, {"tool_calls": [{"index": call, "function": function}]})
        elif call == 0:
            self._delta(index, {"function_call": function})

    def _part(self, event: PartAdded) -> None:
        if isinstance(event.part, Media) and event.part.kind == "image":
            self._delta(event.index, {"images": [image_of(event.part)]})

    def _noted(self, event: Noted) -> None:
        if event.index is not None and "logprobs" in event.extra:
            self._chunk(event.index, {}, None, {"logprobs": event.extra["logprobs"]})

    def _finished(self, event: Finished) -> None:
        for call in self._silent.pop(event.index, ()):  # no arguments at all are `{}`: programs read them as JSON
            self._say_arguments(event.index, call, "{}")
        reason = "function_call" if self._legacy and event.reason == "tool_calls" else REASONS[event.reason]
        self._chunk(event.index, self._opening(event.index), reason)

    def _counted(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _ping(self) -> None:
        self._out.append(COMMENT)

    def _opening(self, index: int) -> dict[str, Any]:
        if index in self._opened:
            return {}
        self._opened.add(index)
        return {"role": "assistant", "content": ""}

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        self._chunk(index, {**self._opening(index), **delta}, None)

    def _chunk(self, index: int, delta: dict[str, Any], reason: str | None, more: dict[str, Any] | None = None) -> None:
        choice = {"index": index, "delta": delta, "finish_reason": reason, **(more or {})}
        self._frame({"choices": [choice]})

    def _frame(self, fields: dict[str, Any]) -> None:
        started = self._started
        head = {
            "id": started.id or "chatcmpl",
            "object": "chat.completion.chunk",
            "created": started.created or self._created_s,
            "model": started.model,
        }
        self._out.append(render_frame(encode({**head, **fields})))

    def _end(self) -> None:
        if self._usage is not None and self._include_usage:
            self._frame({"choices": [], "usage": usage_fields(self._usage, own=False)})
        self._out.append(_DONE)
