"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: what has a canonical name becomes it; everything else is kept in `extra` by its wire name, what was in a
message under `message`, so that this dialect can render the answer as it was. A whole answer to a request for a stream is
taken as what it is (some servers do that). Tool calls are joined by `index`, and where a host leaves it out or gives every
call the same, by `id`, then by position. An id that is missing is made from the answer's.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Media, Unknown
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    Finished,
    Noted,
    PartAdded,
    Pinged,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    UsageReported,
)
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_chat.calls import CallJoiner
from entrepot.dialects.openai_chat.content import content_events, reasoning_details_events, url_citations
from entrepot.dialects.openai_chat.usage import finish_reason_of, usage_of
from entrepot.dialects.openai_chat.wire import DIALECT, WireUsage
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.errors import ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_TOP = frozenset({"id", "model", "created", "choices", "usage", "error", "obfuscation"})
_CHOICE = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})
_CUT_OFF = Failed(Failure("cut_off", "the provider ended the stream before the answer was finished"))


class _Choice:
    """What must be remembered of a choice while it streams."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = CallJoiner(index)
        self.finished = False
        self.audio: dict[str, Any] = {}
        self.detail: tuple[object, object] | None = None


class ChatParser:
    """One answer."""

    def __init__(self) -> None:
        self._splitter = FrameSplitter()
        self._body = bytearray()
        self._streams: bool | None = None
        self._started: Started | None = None
        self._choices: dict[int, _Choice] = {}
        self._billed = False
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        if self._over:
            return []
        if self._streams is None:
            self._body += data
            opening = self._body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if not opening:
                return []
            self._streams = opening not in b"{["
            data, self._body = bytes(self._body), bytearray()
        if not self._streams:
            self._body += data
            return self._fail("protocol", "the answer is too long") if len(self._body) > MAX_ANSWER_BYTES else []
        try:
            frames = self._splitter.feed(data)
        except ProviderError as error:
            return self._fail("protocol", error.message)
        events: list[StreamEvent] = []
        for frame in frames:
            self._take(frame, events)
        return events

    def close(self) -> list[StreamEvent]:
        """The body is over."""
        if self._over:
            return []
        if not self._streams:
            return self._whole()
        events: list[StreamEvent] = []
        last = self._splitter.close()
        if last is not None:
            self._take(last, events)
        if not self._over:
            self._end(events)
        return events

    def _take(self, frame: Frame, events: list[StreamEvent]) -> None:
        if self._over:
            return
        if frame.data is None:
            events.append(Pinged())
            return
        if frame.data.strip() == b"[DONE]":
            self._end(events)
            return
        completion = _object(frame.data)
        if completion is None:
            events.extend(
                self._fail("protocol", "an event of the provider's stream is not the JSON of a chat completion chunk")
            )
        else:
            self._completion(completion, events)

    def _whole(self) -> list[StreamEvent]:
        completion = _object(bytes(self._body))
        if completion is None:
            return self._fail("protocol", "the provider's answer is not the JSON of a chat completion")
        events: list[StreamEvent] = []
        self._completion(completion, events)
        if not self._over and not self._choices:
            return self._fail("protocol", "the provider's answer holds no choices")
        if not self._over:
            self._billed = True
            self._end(events)
        return events

    def _end(self, events: list[StreamEvent]) -> None:
        """The end marker, or the end of the body: a host that gives no reason but bills has finished."""
        self._over = True
        if not self._billed and not any(choice.finished for choice in self._choices.values()):
            events.append(_CUT_OFF)
            return
        for choice in self._choices.values():
            if not choice.finished:
                self._finish(choice, None, events)
        events.append(Ended())

    def _fail(self, kind: str, message: str) -> list[StreamEvent]:
        self._over = True
        return [Failed(msgspec.convert({"kind": kind, "message": message}, Failure))]

    def _completion(self, completion: dict[str, Any], events: list[StreamEvent]) -> None:
        if completion.get("error"):
            self._over = True
            events.append(Failed(failure_of(completion["error"], 0)))
            return
        if self._started is None and (completion.get("id") or completion.get("choices")):
            created = completion.get("created")
            self._started = Started(
                str(completion.get("id") or ""),
                str(completion.get("model") or ""),
                int(created) if isinstance(created, int | float) else 0,
                DIALECT,
            )
            events.append(self._started)
        if extra := {name: value for name, value in completion.items() if name not in _TOP and value is not None}:
            events.append(Noted(extra))
        for position, wire in enumerate(completion.get("choices") or ()):
            if isinstance(wire, dict) and not self._over:
                self._choice(wire, position, events)
        usage = completion.get("usage")
        if isinstance(usage, dict) and not self._over:
            self._usage(usage, events)

    def _usage(self, usage: dict[str, Any], events: list[StreamEvent]) -> None:
        try:
            counted = usage_of(msgspec.convert(usage, WireUsage, strict=False))
        except msgspec.ValidationError:
            return  # not countable: our own estimate stands
        if counted.all_input or counted.all_output:
            self._billed = True
            events.append(UsageReported(msgspec.structs.replace(counted, extra=usage)))

    def _choice(self, wire: dict[str, Any], position: int, events: list[StreamEvent]) -> None:
        given = wire.get("index")
        index = given if isinstance(given, int) else position
        choice = self._choices.setdefault(index, _Choice(index))
        whole = isinstance(wire.get("message"), dict)
        message = wire.get("message") if whole else wire.get("delta")
        if isinstance(message, dict):
            self._message(message, choice, whole, events)
        extra = {name: value for name, value in wire.items() if name not in _CHOICE and (whole or value is not None)}
        if wire.get("logprobs") is not None or (whole and "logprobs" in wire):
            extra["logprobs"] = wire["logprobs"]
        if extra:
            events.append(Noted(extra, index))
        word = wire.get("finish_reason")
        if isinstance(word, str) and word and not choice.finished:
            self._finish(choice, word, events)

    def _message(self, message: dict[str, Any], choice: _Choice, whole: bool, events: list[StreamEvent]) -> None:
        index, rest = choice.index, dict(message)
        texts = {name: rest.pop(name) for name in ("reasoning_content", "reasoning") if _is_text(rest.get(name))}
        details = rest.get("reasoning_details")
        if isinstance(details, list) and details:
            rest.pop("reasoning_details")
            earlier = None if whole else choice.detail
            for choice.detail, event in reasoning_details_events(details, index, sorted(texts), earlier):
                events.append(event)
        elif texts:
            text = texts.get("reasoning_content") or texts["reasoning"]  # vLLM sends the same under both names
            events.append(ReasoningDelta(text, index=index, bound_to=DIALECT, extra={"fields": sorted(texts)}))
        if (content := rest.get("content")) not in (None, "", []):
            rest.pop("content")
            citations = url_citations(rest.get("annotations"))
            extra = {"citations": citations} if citations else {}
            if isinstance(content, str):
                events.append(TextDelta(content, index, extra=extra))
            else:
                events.extend(content_events(content, index, begins=whole))
        if _is_text(rest.get("refusal")):
            events.append(RefusalDelta(rest.pop("refusal"), index))
        for name in ("tool_calls", "function_call"):
            if rest.get(name):
                given = rest.pop(name)
                calls = given if isinstance(given, list) else [{"function": given, "legacy": True}]
                events.extend(choice.calls.take(calls, self._started.id if self._started else "", whole))
        for image in rest.pop("images", None) or ():
            events.append(PartAdded(_image(image), index))
        if isinstance(rest.get("audio"), dict):
            for name, value in rest.pop("audio").items():
                known = choice.audio.get(name)
                joined = isinstance(known, str) and name in ("data", "transcript") and isinstance(value, str)
                choice.audio[name] = known + value if joined else value
        kept = rest if whole else {k: v for k, v in rest.items() if k != "role" and v not in (None, "", [])}
        if kept:
            events.append(Noted({"message": kept}, index))

    def _finish(self, choice: _Choice, word: str | None, events: list[StreamEvent]) -> None:
        choice.finished = True
        if choice.audio:
            rest = {name: value for name, value in choice.audio.items() if name != "data"}
            events.append(PartAdded(Media("audio", data=choice.audio.get("data") or "", extra=rest), choice.index))
        reason = finish_reason_of(word)
        if reason == "error":
            self._over = True
            events.append(Failed(Failure("server_error", f"the provider ended the answer with '{word}'", code=word)))
            return
        if reason in ("stop", "unknown") and choice.calls.any:
            reason = "tool_calls"  # some hosts say `stop`, and OpenAI does where the call was forced
        if word is not None and word != reason:
            events.append(Noted({"finish_reason": word}, choice.index))
        events.append(Finished(reason, choice.index))


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _image(image: object) -> Media | Unknown:
    """An image beside the text, as OpenRouter gives it."""
    url = image.get("image_url", {}).get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        return Unknown(DIALECT, {"images": image})
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        return Media("image", media_type=head[5:].partition(";")[0], data=data)
    return Media("image", url=url)
