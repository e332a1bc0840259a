"""Answers between a provider and a client of this dialect: passed on as they came, but for what breaks strict clients.

Rules of this file: each chunk is read once, into what the tally and `repair.py` look at; one that is sound leaves as the bytes it
was. The usage chunk is kept from a client that did not ask for one. A finish reason that tells of a failure is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from entrepot.canonical.stream import Failure
from entrepot.dialects.answer_body import decode_or_none
from entrepot.dialects.base import NO_HEADERS, Relay, Relayed
from entrepot.dialects.openai_chat.answered import counted, failure_in, failure_of_choice, is_failure
from entrepot.dialects.openai_chat.calls import CallJoiner
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.repair import has_nulls, is_sound, place_calls, repaired
from entrepot.dialects.openai_chat.wire import WireAnswer, WireCompletion, decode_completion, encode
from entrepot.dialects.passage import CUT_OFF, StreamPassage, WholePassage
from entrepot.dialects.sse import Frame, render_frame
from entrepot.dialects.tally import Tally
from entrepot.errors import EntrepotError

_DONE = b"data: [DONE]\n\n"


class _Reader:
    """What both passages read of an object of the wire."""

    def __init__(self, tally: Tally, headers: Mapping[bytes, bytes]) -> None:
        self._tally = tally
        self._headers = headers
        self._joiners: dict[int, CallJoiner] = {}
        self._tier: str | None = None
        self._claimed = ""
        self.has_content = False

    def read(self, data: bytes) -> tuple[WireCompletion, bytes] | Failure:
        """The object and what to pass on of it, or the failure that it tells of."""
        try:
            completion = decode_completion(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._failure(data) or Failure(
                "protocol", "what the provider sent is not the JSON of a chat completion"
            )
        if self._is_plain(completion, data):
            return completion, data
        if completion.error or not completion.choices:
            failure = self._failure(data)
            if failure is not None:
                return failure
        sound = is_sound(completion, data)
        placed: list[tuple[int, bool]] = []
        for position, choice in enumerate(completion.choices or ()):
            if choice.finish_reason and is_failure(choice.finish_reason):
                raw = (decode_or_none(data) or {})["choices"][position]  # type: ignore[index]  # it was just decoded so
                return failure_of_choice(raw, choice.finish_reason)
            answer = choice.delta or choice.message
            if answer is not None:
                self._note(answer)
                if answer.tool_calls:
                    index = position if choice.index is None else choice.index
                    joiner = self._joiners.setdefault(index, CallJoiner(index))
                    calls, calls_sound = place_calls(choice, joiner)
                    placed.extend(calls)
                    sound = sound and calls_sound
            self._tally.finished = self._tally.finished or bool(choice.finish_reason)
        self._tier = completion.service_tier or self._tier
        if completion.usage is not None:
            usage = counted(completion.usage, self._headers, self._tier)
            if usage is not None:
                self._tally.count(usage)
        if completion.model:
            self._tally.claim(completion.model)
        return completion, data if sound else self._mended(data, placed)

    def _is_plain(self, completion: WireCompletion, data: bytes) -> bool:
        """Whether it is a piece of text and nothing else, as nearly every chunk is; it is noted then."""
        choices = completion.choices
        if not choices or len(choices) > 1 or completion.usage is not None or completion.error:
            return False
        choice = choices[0]
        delta = choice.delta
        if delta is None or choice.finish_reason or choice.index is None or completion.service_tier is not None:
            return False
        if type(delta.content) is not str or delta.tool_calls or delta.refusal:
            return False
        if delta.reasoning_content is not None or delta.reasoning is not None or has_nulls(data):
            return False
        if delta.content:
            self.has_content = True
            self._tally.say(delta.content)
        if completion.model and completion.model != self._claimed:
            self._claimed = completion.model
            self._tally.claim(completion.model)
        return True

    def _failure(self, data: bytes) -> Failure | None:
        value = decode_or_none(data)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return failure_in(value) if isinstance(value, dict) else None

    def _note(self, answer: WireAnswer) -> None:
        for text in _texts(answer):
            self.has_content = True
            self._tally.say(text)

    def _mended(self, data: bytes, placed: list[tuple[int, bool]]) -> bytes:
        value: Any = decode_or_none(data)
        answer_id = str(value.get("id") or "")

        def made_id(index: int, call: int) -> str:
            return self._joiners[index].made_id(answer_id, call)

        return encode(repaired(value, iter(placed), made_id))


class WholeRelay(WholePassage):
    """An answer in one piece."""

    def __init__(self, open_translation: Callable[[], Relay], headers: Mapping[bytes, bytes] = NO_HEADERS) -> None:
        super().__init__(open_translation)
        self._reader = _Reader(self._tally, headers)

    def _look(self, body: bytes) -> bytes | Failure:
        read = self._reader.read(body)
        if isinstance(read, Failure):
            return read
        completion, said = read
        return said if completion.choices else Failure("protocol", "the provider's answer holds no choices")

    def _error_body(self, error: EntrepotError) -> dict[str, Any]:
        return error_body(error)


class StreamRelay(StreamPassage):
    """An answer as a stream of chunks."""

    def __init__(
        self,
        open_translation: Callable[[], Relay],
        headers: Mapping[bytes, bytes] = NO_HEADERS,
        *,
        include_usage: bool = False,
    ) -> None:
        super().__init__(open_translation)
        self._reader = _Reader(self._tally, headers)
        self._include_usage = include_usage

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return render_frame(encode(error_body(error)))

    def _look(self, frame: Frame, data: bytes, relayed: Relayed) -> bytes:
        if data.strip() == b"[DONE]":
            # Some hosts give no reason, but a host that bills has finished.
            if not self._tally.finished and self._tally.usage is None:
                relayed.failure = CUT_OFF
                return b""
            self._tally.finished = relayed.ended = True
            return frame.raw
        read = self._reader.read(data)
        if isinstance(read, Failure):
            relayed.failure = read
            return b""
        completion, said = read
        if not completion.choices and completion.usage is not None and not self._include_usage:
            return b""
        relayed.content = relayed.content or self._reader.has_content or self._tally.finished
        return frame.raw if said is data else render_frame(said)

    def _ending(self) -> bytes | None:
        return _DONE if self._tally.finished else None


def _texts(answer: WireAnswer) -> list[str]:
    # vLLM says the same under both names.
    texts: list[object] = [answer.reasoning_content or answer.reasoning, answer.refusal]
    if isinstance(answer.content, list):
        texts.extend(part.get("text") for part in answer.content if isinstance(part, dict))
    else:
        texts.append(answer.content)
    for call in answer.tool_calls or ():
        if call.function is not None:
            texts.extend((call.function.name, call.function.arguments))
    return [text for text in texts if isinstance(text, str) and text]
