"""Canonical events to an answer in this dialect, whole or streamed.

Reasoning is `reasoning_content`, and beside it `reasoning_details` where a provider sealed it, so that a client that sends the
message back as it was lets the provider go on from it. Left out, because the dialect has no words for it: parts that only
another dialect knows (a provider's own tools and their results), a tool result inside an answer, and another dialect's `extra`
but for the shared names. Images are given as OpenRouter gives them (`images`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.fold import Folder
from entrepot.canonical.request import Media, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import (
    Ended,
    Finished,
    Noted,
    PartAdded,
    Pinged,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.openai_chat.content import detail_of_reasoning
from entrepot.dialects.openai_chat.errors import error_body, error_type
from entrepot.dialects.openai_chat.wire import DIALECT, encode
from entrepot.dialects.seal import seal
from entrepot.errors import EntrepotError

_REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "length",  # not a stop: there is more to come
    "error": "length",
    "unknown": "stop",
}
_DONE = b"data: [DONE]\n\n"


class WholeRenderer:
    """An answer in one piece."""

    content_type = b"application/json"

    def __init__(self, created_s: int) -> None:
        self._created_s = created_s
        self._folder = Folder()

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """Nothing, until the answer is complete."""
        for event in events:
            self._folder.take(event)
        return encode(render_response(self._folder.response(), self._created_s)) if self._folder.ended else b""

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off: nothing of it has left."""
        return encode(error_body(error, error_type(error.status)))


def render_response(response: Response, created_s: int = 0) -> dict[str, Any]:
    """A whole answer as the wire's object."""
    own = response.dialect == DIALECT
    rendered = {
        "id": response.id or "chatcmpl",
        "object": "chat.completion",
        "created": response.created or created_s,
        "model": response.model,
        "choices": [_choice(choice, own) for choice in response.choices],
        **(response.extra if own else {}),
    }
    if response.usage is not None:
        rendered["usage"] = usage_fields(response.usage, own)
    return rendered


def _choice(choice: Choice, own: bool) -> dict[str, Any]:
    extra = dict(choice.extra) if own else {n: v for n, v in choice.extra.items() if n == "logprobs"}
    kept = extra.pop("message", {})
    reason = extra.pop("finish_reason", None) or _REASONS[choice.finish_reason]
    return {
        "index": choice.index,
        "message": {**({"role": "assistant", "content": None} if not own else {}), **kept, **_message(choice, own)},
        "finish_reason": reason,
        **extra,
    }


def _message(choice: Choice, own: bool) -> dict[str, Any]:
    message: dict[str, Any] = {}
    texts = [part for part in choice.parts if isinstance(part, Text)]
    if own and any(isinstance(part, Text | Reasoning) and part.extra.get("in_list") for part in choice.parts):
        message["content"] = [_listed(part) for part in choice.parts if isinstance(part, Text | Reasoning | Unknown)]
    else:
        if texts:
            message["content"] = "".join(part.text for part in texts)
        message.update(_reasoning([part for part in choice.parts if isinstance(part, Reasoning)], own))
        if not own and (annotations := _annotations(texts)):
            message["annotations"] = annotations
    if refusals := [part.text for part in choice.parts if isinstance(part, Refusal)]:
        message["refusal"] = "".join(refusals)
    calls: list[dict[str, Any]] = []
    for part in choice.parts:
        if isinstance(part, ToolCall) and own and part.extra.get("legacy"):
            message["function_call"] = {"name": part.name, "arguments": part.arguments}
        elif isinstance(part, ToolCall):
            calls.append(_call(part, own))
        elif isinstance(part, Unknown) and part.dialect == DIALECT and part.raw.get("type") == "custom":
            calls.append(part.raw)
        elif isinstance(part, Media) and part.kind == "audio" and own:
            message["audio"] = {**part.extra, "data": part.data}
        elif isinstance(part, Media) and part.kind == "image":
            message.setdefault("images", []).append(_image(part))
    if calls:
        message["tool_calls"] = calls
    return message


def _reasoning(parts: Sequence[Reasoning], own: bool) -> dict[str, Any]:
    text = "".join(part.text for part in parts)
    details = [
        detail_of_reasoning(part, position)
        for position, part in enumerate(parts)
        if part.signature is not None or "detail" in part.extra
    ]
    rendered: dict[str, Any] = {"reasoning_details": details} if details else {}
    fields = parts[0].extra.get("fields", []) if own and parts else ["reasoning_content"]
    return rendered if not text else {**rendered, **dict.fromkeys(fields, text)}


def _listed(part: Text | Reasoning | Unknown) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Unknown):
        return part.raw
    rest = {name: value for name, value in part.extra.items() if name != "in_list"}
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], **rest}


def _annotations(texts: Sequence[Text]) -> list[dict[str, Any]]:
    """Citations that name a page, placed in the joined text."""
    found, offset = [], 0
    for part in texts:
        for cited in part.extra.get("citations", ()):
            if cited.get("url"):
                start = offset + (cited.get("start") or 0)
                end = offset + (cited["end"] if cited.get("end") is not None else len(part.text))
                place = {"url": cited["url"], "title": cited.get("title") or "", "start_index": start, "end_index": end}
                found.append({"type": "url_citation", "url_citation": place})
        offset += len(part.text)
    return found


def _call(part: ToolCall, own: bool) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments}
    return {"id": part.id, "type": "function", "function": function, **(part.extra if own else _signature(part))}


def _signature(part: ToolCall | ToolCallStarted) -> dict[str, Any]:
    """A call's signature, marked with whose it is, where Google's own address of this dialect has it."""
    if part.signature is None:
        return {}
    sealed = seal(part.signature, part.bound_to, DIALECT)
    return {"extra_content": {"google": {"thought_signature": sealed}}}


def _image(part: Media) -> dict[str, Any]:
    url = part.url or f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
    return {"type": "image_url", "image_url": {"url": url}}


def usage_fields(usage: Usage, own: bool) -> dict[str, Any]:
    """Tokens as this dialect counts them: cached inside prompt, reasoning inside completion."""
    if own and usage.extra:
        return usage.extra
    return {
        "prompt_tokens": usage.all_input,
        "completion_tokens": usage.all_output,
        "total_tokens": usage.all_input + usage.all_output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


class StreamRenderer:
    """An answer as a stream of chunks, ended by `[DONE]`."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, include_usage: bool, created_s: int) -> None:
        self._include_usage = include_usage
        self._started = Started("", "", created_s)
        self._created_s = created_s
        self._opened: set[int] = set()
        self._said: dict[int, int] = {}
        self._details: dict[int, int] = {}
        self._usage: Usage | None = None

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """The chunks that these events add."""
        return b"".join(self._render(event) for event in events)

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return b"data: " + encode(error_body(error, error_type(error.status))) + b"\n\n"

    def _render(self, event: StreamEvent) -> bytes:
        match event:
            case Started():
                self._started = event
                return b""
            case TextDelta():
                return self._text(event)
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                return self._delta(event.index, {"refusal": event.text})
            case ToolCallStarted():
                function = {"name": event.name, "arguments": ""}
                call = {"index": event.call, "id": event.id, "type": "function", "function": function}
                return self._delta(event.index, {"tool_calls": [{**call, **_signature(event)}]})
            case ToolCallDelta():
                piece = {"index": event.call, "function": {"arguments": event.arguments}}
                return self._delta(event.index, {"tool_calls": [piece]})
            case PartAdded(Media() as media):
                return self._delta(event.index, {"images": [_image(media)]}) if media.kind == "image" else b""
            case Noted(extra, int(index)) if "logprobs" in extra:
                return self._chunk(index, {}, None, {"logprobs": extra["logprobs"]})
            case Finished():
                return self._chunk(event.index, self._opening(event.index), _REASONS[event.reason])
            case UsageReported():
                self._usage = event.usage
                return b""
            case Pinged():
                return b": ping\n\n"
            case Ended():
                return self._end()
            case _:
                return b""

    def _text(self, event: TextDelta) -> bytes:
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
        return self._delta(event.index, delta) if delta else b""

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        position = self._details.setdefault(event.index, -1) + (
            1 if event.begins or event.index not in self._said else 0
        )
        self._details[event.index] = position = max(0, position)
        if event.signature is not None:
            part = Reasoning(event.text, event.signature, event.redacted, event.bound_to)
            delta["reasoning_details"] = [detail_of_reasoning(part, position)]
        return self._delta(event.index, delta) if delta else b""

    def _opening(self, index: int) -> dict[str, Any]:
        if index in self._opened:
            return {}
        self._opened.add(index)
        return {"role": "assistant", "content": ""}

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._chunk(index, {**self._opening(index), **delta}, None)

    def _chunk(
        self, index: int, delta: dict[str, Any], reason: str | None, more: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason, **(more or {})}
        return self._frame({"choices": [choice]})

    def _frame(self, fields: dict[str, Any]) -> bytes:
        started = self._started
        head = {
            "id": started.id or "chatcmpl",
            "object": "chat.completion.chunk",
            "created": started.created or self._created_s,
            "model": started.model,
        }
        return b"data: " + encode({**head, **fields}) + b"\n\n"

    def _end(self) -> bytes:
        if self._usage is None or not self._include_usage:
            return _DONE
        return self._frame({"choices": [], "usage": usage_fields(self._usage, own=False)}) + _DONE
