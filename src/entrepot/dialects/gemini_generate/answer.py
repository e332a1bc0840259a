"""A provider's answer, whole or streamed, to canonical events.

Rules of this file: the wire has no end marker, so an answer is complete when the body is over and every choice has a finish
reason; which reason is told by the whole answer, because `STOP` may come in a chunk of its own after the calls. Text goes on
from chunk to chunk, but a part with a signature stands alone. What has no canonical name is kept by its wire name, and a value
that a later chunk repeats is not said twice. A body that is an array is its elements, one after the other.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from entrepot.canonical.request import Reasoning, Text, ToolCall
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
from entrepot.dialects.answer_body import BodyParser, decode_or_none
from entrepot.dialects.base import Asked
from entrepot.dialects.gemini_generate.citations import citations_of, logprobs_of
from entrepot.dialects.gemini_generate.failure import error_of, failure_of
from entrepot.dialects.gemini_generate.parts import made_id, parse_part
from entrepot.dialects.gemini_generate.usage import WIRE_REASONS, finish_reason_of, usage_of
from entrepot.dialects.gemini_generate.wire import (
    DIALECT,
    WireAnswer,
    WireCandidate,
    WirePart,
    rest,
)
from entrepot.errors import InvalidRequest


class _Choice:
    """What must be remembered of a choice while it streams."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = 0
        self.word: str | None = None
        self.latest: type | None = None
        self.sealed = False
        self.texts = 0
        self.text: list[str] = []
        self.said: dict[str, Any] = {}


class GenerateParser(BodyParser):
    """One answer to `asked`."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._started = False
        self._choices: dict[int, _Choice] = {}
        self._calls = sum(isinstance(part, ToolCall) for part in asked.request.parts())
        self._said: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None

    def _take_data(self, data: bytes, _name: bytes | None, events: list[StreamEvent]) -> None:
        self._take(decode_or_none(data), events)

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        value = decode_or_none(body)
        # A whole answer is one object; an array is a stream, whose empty texts say nothing.
        if isinstance(value, list) and error_of(value) is None:
            self._streams = True
            for each in value:
                if not self._over:
                    self._take(each, events)
        else:
            self._take(value, events)
        if not self._over:
            self._take_end(events)

    def _take(self, value: object, events: list[StreamEvent]) -> None:
        if (error := error_of(value)) is not None:
            self._fail_with(failure_of(error, 0), events)
            return
        try:
            raw = msgspec.convert(value, dict[str, Any])
            self._answer(msgspec.convert(raw, WireAnswer), raw, events)
        except (msgspec.ValidationError, InvalidRequest) as error:
            self._fail("protocol", f"the provider's answer is not one of {DIALECT}: {error}", events)

    def _answer(self, wire: WireAnswer, raw: dict[str, Any], events: list[StreamEvent]) -> None:
        if not self._started and (wire.response_id or wire.candidates or wire.prompt_feedback):
            self._started = True
            created = _unix_seconds(wire.create_time)
            events.append(Started(wire.response_id or "", wire.model_version or "", created, DIALECT))
        extra = rest(raw, WireAnswer)
        for name in ("createTime", "promptFeedback"):
            if raw.get(name) is not None:
                extra[name] = raw[name]
        if fresh := _fresh(self._said, extra):
            events.append(Noted(fresh))
        for candidate, given in zip(wire.candidates or (), raw.get("candidates") or (), strict=True):
            self._candidate(candidate, given, events)
        if wire.usage_metadata is not None:
            counts = {**(self._usage or {}), **raw["usageMetadata"]}
            if counts != self._usage:
                self._usage = counts
                merged = msgspec.convert(counts, type(wire.usage_metadata))
                events.append(UsageReported(usage_of(merged, counts)))

    def _candidate(self, wire: WireCandidate, raw: dict[str, Any], events: list[StreamEvent]) -> None:
        index = wire.index or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index)
        content = wire.content
        given = (raw["content"].get("parts") or ()) if content is not None else ()
        for i, part in enumerate((content.parts or ()) if content is not None else ()):
            events.extend(self._part(choice, part, given[i], first=i == 0))
        extra = rest(raw, WireCandidate)
        if isinstance(extra.get("logprobsResult"), dict):
            extra["logprobs"] = logprobs_of(extra["logprobsResult"])
        if fresh := _fresh(choice.said, extra):
            events.append(Noted(fresh, index))
        choice.word = wire.finish_reason or choice.word

    def _part(self, choice: _Choice, wire: WirePart, raw: dict[str, Any], *, first: bool) -> list[StreamEvent]:
        part = parse_part(wire, raw, lambda: made_id(self._calls), lambda _name: None)
        alone = wire.thought_signature is not None
        begins = not first or alone or choice.sealed or choice.latest is not type(part)
        choice.latest = type(part)
        choice.sealed = alone
        match part:
            case Text():
                if not part.text and not part.extra and self._streams:
                    return []
                choice.texts += begins
                choice.text.append(part.text)
                return [TextDelta(part.text, choice.index, begins, part.extra)]
            case Reasoning():
                return [
                    ReasoningDelta(
                        part.text, part.signature, choice.index, begins, part.redacted, part.bound_to, part.extra
                    )
                ]
            case ToolCall():
                call, choice.calls = choice.calls, choice.calls + 1
                self._calls += 1
                return [
                    ToolCallStarted(call, part.id, part.name, choice.index, part.signature, part.bound_to, part.extra),
                    ToolCallDelta(call, part.arguments, choice.index),
                ]
            case _:
                return [PartAdded(part, choice.index)]  # type: ignore[arg-type]  # a refusal has no wire form here

    def _take_end(self, events: list[StreamEvent]) -> None:
        """Only now is the answer known to be complete."""
        if not self._choices:
            if not isinstance(self._said.get("promptFeedback"), dict):
                message = "the provider's answer holds no candidates"
                self._fail("cut_off" if self._streams else "protocol", message, events)
                return
            events.append(Finished("content_filter"))  # the prompt itself was refused
        elif self._streams and any(choice.word is None for choice in self._choices.values()):
            self._cut_off(events)
            return
        for choice in self._choices.values():
            self._finish(choice, events)
        self._end(events)

    def _finish(self, choice: _Choice, events: list[StreamEvent]) -> None:
        word = choice.word or "FINISH_REASON_UNSPECIFIED"
        reason = finish_reason_of(word, called=choice.calls > 0)
        if choice.latest is Text:
            known = "".join(choice.text) if choice.texts == 1 else None
            if citations := citations_of(choice.said, known):
                events.append(TextDelta("", choice.index, extra={"citations": citations}))
        if WIRE_REASONS[reason] != word:
            events.append(Noted({"finishReason": word}, choice.index))
        events.append(Finished(reason, choice.index))


def _fresh(said: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Of `values` those that were not said before; they are then."""
    fresh = {name: value for name, value in values.items() if said.get(name) != value}
    said.update(fresh)
    return fresh


def _unix_seconds(time: str | None) -> int:
    if time is None:
        return 0
    try:
        return int(datetime.datetime.fromisoformat(time).timestamp())
    except (ValueError, OverflowError):
        return 0
