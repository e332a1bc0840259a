"""Answers between a provider and a client of this dialect: passed on as they came, tapped for what the ledger needs.

Rules of this file: of a part only its text is read. The wire has no end marker: an answer is complete when the body is over and
every choice has a finish reason, or the prompt itself was refused.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.dialects.answer_body import decode_or_none
from entrepot.dialects.base import Relayed, Summary
from entrepot.dialects.gemini_generate.failure import error_body, error_of, failure_of
from entrepot.dialects.gemini_generate.render_stream import BLANK_LINE
from entrepot.dialects.gemini_generate.usage import usage_of
from entrepot.dialects.gemini_generate.wire import WireUsage, encode
from entrepot.dialects.passage import StreamPassage, WholePassage
from entrepot.dialects.sse import Frame
from entrepot.dialects.tally import Tally
from entrepot.errors import EntrepotError


class _Part(msgspec.Struct, rename="camel"):
    """What a part says, if it is a text or a thought."""

    text: str | None = None
    function_call: dict[str, Any] | None = None
    thought_signature: str | None = None


class _Content(msgspec.Struct):
    """A turn."""

    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    """One choice, or a piece of it."""

    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None


class _Answer(msgspec.Struct, rename="camel"):
    """A whole answer or one chunk of a stream."""

    candidates: list[_Candidate] | None = None
    usage_metadata: dict[str, Any] | None = None
    model_version: str | None = None
    prompt_feedback: dict[str, Any] | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Answer).decode


class _Reader:
    """What both passages read of an object of the wire."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._counts: dict[str, Any] = {}
        self._finished: dict[int, bool] = {}
        self._refused = False
        self.has_content = False

    @property
    def is_finished(self) -> bool:
        """Whether every choice has ended, or there will be none."""
        return all(self._finished.values()) if self._finished else self._refused

    @property
    def has_choices(self) -> bool:
        """Whether it says anything, if only that the prompt was refused."""
        return bool(self._finished) or self._refused

    def read(self, data: bytes) -> Failure | None:
        """Take note of the object; the failure that it tells of, if it does."""
        try:
            answer = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            error = error_of(decode_or_none(data))
            malformed = Failure("protocol", "what the provider sent is not the JSON of an answer")
            return malformed if error is None else failure_of(error, 0)
        if answer.error:
            return failure_of(answer.error if isinstance(answer.error, dict) else {"message": str(answer.error)}, 0)
        if answer.model_version:
            self._tally.claim(answer.model_version)
        if answer.usage_metadata is not None:
            self._counts.update(answer.usage_metadata)
        self._refused = self._refused or answer.prompt_feedback is not None
        for position, candidate in enumerate(answer.candidates or ()):
            self._candidate(candidate, position)
        return None

    def _candidate(self, candidate: _Candidate, position: int) -> None:
        index = position if candidate.index is None else candidate.index
        self._finished[index] = self._finished.get(index, False) or candidate.finish_reason is not None
        self.has_content = self.has_content or candidate.finish_reason is not None
        for part in (candidate.content.parts or ()) if candidate.content is not None else ():
            if part.text is not None:
                self._tally.say(part.text)
                self.has_content = self.has_content or bool(part.text)
            else:  # a call, a picture, what the provider's own tools did
                self.has_content = True
                if part.function_call is not None:
                    self._tally.say(encode(part.function_call).decode())

    def usage(self) -> Usage | None:
        """The provider's count; each report replaces what it names of the earlier ones."""
        try:
            return usage_of(msgspec.convert(self._counts, WireUsage), self._counts) if self._counts else None
        except msgspec.ValidationError:
            return None


class WholeRelay(WholePassage):
    """An answer in one piece."""

    content_type = b"application/json; charset=UTF-8"

    def _look(self, body: bytes) -> bytes | Failure:
        reader = _Reader(self._tally)
        failure = reader.read(body)
        if failure is not None:
            return failure
        if (usage := reader.usage()) is not None:
            self._tally.count(usage)
        return body if reader.has_choices else Failure("protocol", "the provider's answer holds no candidates")

    def _is_expected(self, opening: bytes) -> bool:
        return opening == b"{"

    def _error_body(self, error: EntrepotError) -> dict[str, Any]:
        return error_body(error)


class StreamRelay(StreamPassage):
    """An answer as server-sent events."""

    _comment = BLANK_LINE
    _reader: _Reader | None = None

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last element."""
        return b"data: " + encode(error_body(error)) + b"\r\n\r\n"

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count, or ours."""
        if self._reader is not None and (usage := self._reader.usage()) is not None:
            self._tally.count(usage)
        return super().summary(input_tokens)

    def _look(self, frame: Frame, data: bytes, relayed: Relayed) -> bytes:
        reader = self._reader = self._reader or _Reader(self._tally)
        relayed.failure = reader.read(data)
        self._tally.finished = reader.is_finished
        relayed.content = relayed.content or reader.has_content
        return frame.raw

    def _ending(self) -> bytes | None:
        return b"" if self._tally.finished else None
