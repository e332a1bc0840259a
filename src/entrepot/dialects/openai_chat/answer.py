"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: what has a canonical name becomes it; everything else is kept in `extra` by its wire name, what was in a
message under `message`, so that this dialect can render the answer as it was. A whole answer to a request for a stream is
taken as what it is (some servers do that). Tool calls are joined by `index`, and where a host leaves it out or gives every
call the same, by `id`, then by position. An id that is missing is made from the answer's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from entrepot.canonical.request import Media, Unknown
from entrepot.canonical.stream import (
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    UsageReported,
)
from entrepot.dialects.answer_body import BodyParser, decode_or_none
from entrepot.dialects.base import NO_HEADERS
from entrepot.dialects.openai_chat.answered import counted, failure_in, failure_of_choice, is_failure
from entrepot.dialects.openai_chat.calls import CallJoiner
from entrepot.dialects.openai_chat.content import content_events, reasoning_details_events, url_citations
from entrepot.dialects.openai_chat.think import DECLARED, Piece, ThinkSplitter
from entrepot.dialects.openai_chat.usage import finish_reason_of
from entrepot.dialects.openai_chat.wire import DIALECT

_TOP = frozenset({"id", "object", "model", "created", "choices", "usage", "error", "obfuscation"})
_CHOICE = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})


class _Choice:
    """What must be remembered of a choice while it streams."""

    def __init__(self, index: int, think: ThinkSplitter) -> None:
        self.index = index
        self.think = think
        self.thinking: bool | None = None
        self.calls = CallJoiner(index)
        self.finished = False
        self.audio: dict[str, Any] = {}
        self.detail: tuple[object, object] | None = None


class ChatParser(BodyParser):
    """One answer."""

    def __init__(
        self,
        quirks: frozenset[str] = frozenset(),
        headers: Mapping[bytes, bytes] = NO_HEADERS,
        *,
        tag_is_mentioned: bool = False,
    ) -> None:
        super().__init__()
        self._quirks = quirks
        self._headers = headers
        self._tag_is_mentioned = tag_is_mentioned
        self._started: Started | None = None
        self._choices: dict[int, _Choice] = {}
        self._billed = False
        self._tier: object = None

    def _take_data(self, data: bytes, _name: bytes | None, events: list[StreamEvent]) -> None:
        if data.strip() == b"[DONE]":
            self._take_end(events)
            return
        completion = _object(data)
        if completion is None:
            words = "an event of the provider's stream is not the JSON of a chat completion chunk"
            self._fail("protocol", words, events)
        else:
            self._completion(completion, events)

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        completion = _object(body)
        if completion is None:
            self._fail("protocol", "the provider's answer is not the JSON of a chat completion", events)
            return
        self._completion(completion, events)
        if self._over:
            return
        if not self._choices:
            self._fail("protocol", "the provider's answer holds no choices", events)
            return
        self._billed = True
        self._take_end(events)

    def _take_end(self, events: list[StreamEvent]) -> None:
        """The end marker, or the end of the body: a host that gives no reason but bills has finished."""
        if not self._billed and not any(choice.finished for choice in self._choices.values()):
            self._cut_off(events)
            return
        for choice in self._choices.values():
            if not choice.finished:
                self._finish(choice, None, events)
        self._end(events)

    def _completion(self, completion: dict[str, Any], events: list[StreamEvent]) -> None:
        if (failure := failure_in(completion)) is not None:
            self._fail_with(failure, events)
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
        self._tier = completion.get("service_tier") or self._tier
        whole = not self._streams
        extra = {name: value for name, value in completion.items() if name not in _TOP and (whole or value is not None)}
        if whole and not completion.get("id") and "id" in completion:
            extra["id"] = completion["id"]
        if extra:
            events.append(Noted(extra))
        choices = completion.get("choices")
        for position, wire in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(wire, dict) and not self._over:
                self._choice(wire, position, events)
        usage = completion.get("usage")
        if isinstance(usage, dict) and not self._over:
            self._usage(usage, events)

    def _usage(self, usage: dict[str, Any], events: list[StreamEvent]) -> None:
        count = counted(usage, self._headers, self._tier)
        if count is not None and (count.all_input or count.all_output):
            self._billed = True
            events.append(UsageReported(count))

    def _choice(self, wire: dict[str, Any], position: int, events: list[StreamEvent]) -> None:
        given = wire.get("index")
        index = given if isinstance(given, int) else position
        choice = self._choices.get(index)
        if choice is None:
            think = ThinkSplitter(self._quirks, mentioned=self._tag_is_mentioned)
            choice = self._choices[index] = _Choice(index, think)
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
            if is_failure(word):
                self._fail_with(failure_of_choice(wire, word), events)
            else:
                self._finish(choice, word, events)
        elif whole:
            events.append(Noted({"finish_reason": word}, index))

    def _message(self, message: dict[str, Any], choice: _Choice, whole: bool, events: list[StreamEvent]) -> None:
        index, rest = choice.index, dict(message)
        texts = {name: rest.pop(name) for name in ("reasoning_content", "reasoning") if _is_text(rest.get(name))}
        if texts:
            choice.think.rest()
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
                pieces = choice.think.whole(content) if whole else choice.think.feed(content)
                self._content(pieces, choice, extra, events)
            else:
                events.extend(content_events(content, index, begins=whole))
        if _is_text(rest.get("refusal")):
            events.append(RefusalDelta(rest.pop("refusal"), index))
        for name in ("tool_calls", "function_call"):
            if rest.get(name):
                given = rest.pop(name)
                calls = given if isinstance(given, list) else [{"function": given, "legacy": True}]
                events.extend(choice.calls.take(calls, self._started.id if self._started else "", whole))
        images = rest.pop("images", None)
        for image in images if isinstance(images, list) else ():
            events.append(PartAdded(_image(image), index))
        if isinstance(rest.get("audio"), dict):
            for name, value in rest.pop("audio").items():
                known = choice.audio.get(name)
                joined = isinstance(known, str) and name in ("data", "transcript") and isinstance(value, str)
                choice.audio[name] = known + value if joined else value
        kept = rest if whole else {k: v for k, v in rest.items() if k != "role" and v not in (None, "", [])}
        if kept:
            events.append(Noted({"message": kept}, index))

    def _content(
        self, pieces: Iterable[Piece], choice: _Choice, extra: dict[str, Any], events: list[StreamEvent]
    ) -> None:
        for piece in pieces:
            begins = choice.thinking not in (None, piece.reasoning)
            choice.thinking = piece.reasoning
            # A provider that declares it has its answers made plain; elsewhere the tags are kept for its own dialect.
            lead = {} if self._quirks & DECLARED or not piece.lead else {"lead": piece.lead}
            if piece.reasoning:
                events.append(ReasoningDelta(piece.text, None, choice.index, begins, False, DIALECT, lead))
            else:
                events.append(TextDelta(piece.text, choice.index, begins, {**extra, **lead}))

    def _finish(self, choice: _Choice, word: str | None, events: list[StreamEvent]) -> None:
        choice.finished = True
        self._content(choice.think.close(stopped=word == "stop"), choice, {}, events)
        if choice.audio:
            rest = {name: value for name, value in choice.audio.items() if name != "data"}
            events.append(PartAdded(Media("audio", data=choice.audio.get("data") or "", extra=rest), choice.index))
        reason = finish_reason_of(word)
        if reason in ("stop", "unknown") and choice.calls.any:
            reason = "tool_calls"  # some hosts say `stop`, and OpenAI does where the call was forced
        if word is not None and word != reason:
            events.append(Noted({"finish_reason": word}, choice.index))
        events.append(Finished(reason, choice.index))


def _object(data: bytes) -> dict[str, Any] | None:
    value = decode_or_none(data)
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
