"""Answers on their way from a provider to a client of the same dialect: passed through, tapped for usage and errors.

Rules of this file: nothing is held back once the answer has begun, except the usage chunk of a client that did not ask for
one. Only complete frames are passed on, so an error event of ours never lands inside half a frame. Until the answer's first
content nothing leaves: an opening chunk without content commits us to nothing, and another candidate can still answer.
"""

from __future__ import annotations

import contextlib

import msgspec

from entrepot.canonical.capabilities import estimate_tokens_of
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.dialects.base import Asked, Relayed, Summary
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.usage import usage_of
from entrepot.dialects.openai_chat.wire import WireAnswer, WireCompletion, WireUsage, decode_completion, encode
from entrepot.dialects.sse import Frame, FrameSplitter, render_frame
from entrepot.errors import EntrepotError, ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_TOKENS = 1_000_000_000
"""A count beyond this is none: a thousand times the longest context. What it cost would not fit the ledger's numbers."""
_MAX_NAME = 200
_DONE = b"data: [DONE]\n\n"


class _Tap:
    """What both relays keep of an answer: usage, what was delivered, the claimed model."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._usage: WireUsage | None = None
        self._model: str | None = None
        self._characters = 0
        self._bytes = 0
        self._finished = False

    def _note(self, completion: WireCompletion) -> None:
        if completion.usage is not None and _counts(completion.usage):
            self._usage = completion.usage
        if completion.model:
            self._model = completion.model[:_MAX_NAME]
        for choice in completion.choices or ():
            if choice.finish_reason:
                self._finished = True
            answer = choice.delta or choice.message
            if answer is not None:
                for text in _texts(answer):
                    self._characters += len(text)
                    self._bytes += len(text.encode("utf-8", "surrogatepass"))

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count; where it gave none, ours of what was sent and delivered, marked as estimated."""
        ours = Usage(
            input_tokens=input_tokens,
            output_tokens=estimate_tokens_of(self._characters, self._bytes),
            estimated=True,
        )
        usage = ours if self._usage is None else usage_of(self._usage, ours)
        return Summary(usage=usage, finished=self._finished, claimed_model=self._model)


def _counts(usage: WireUsage) -> bool:
    """Whether it says anything, and nothing absurd."""
    details = usage.completion_tokens_details
    counts = (usage.prompt_tokens, usage.completion_tokens, details.reasoning_tokens if details is not None else None)
    return any(counts[:2]) and all(count is None or count <= MAX_TOKENS for count in counts)


def _texts(answer: WireAnswer) -> list[str]:
    texts = [answer.content] if isinstance(answer.content, str) else []
    if isinstance(answer.content, list):
        texts.extend(part["text"] for part in answer.content if isinstance(part.get("text"), str))
    texts.extend(text for text in (answer.reasoning_content, answer.reasoning, answer.refusal) if text)
    for call in answer.tool_calls or ():
        if call.function is not None:
            texts.append(call.function.name or "")
            if isinstance(call.function.arguments, str):
                texts.append(call.function.arguments)
    return [text for text in texts if text]


class WholeRelay(_Tap):
    """An answer in one piece: kept until it is complete, then passed on as it came."""

    content_type = b"application/json"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._body = bytearray()

    def feed(self, data: bytes) -> Relayed:
        """Keep the piece."""
        self._body += data
        if len(self._body) > MAX_ANSWER_BYTES:
            return _protocol_failure(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        return Relayed()

    def close(self) -> Relayed:
        """The whole answer, or what is wrong with it."""
        body = bytes(self._body)
        try:
            completion = decode_completion(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _protocol_failure("the provider's answer is not the JSON of a chat completion")
        if completion.error:
            return Relayed(failure=failure_of(completion.error, 0))
        if not completion.choices:
            return _protocol_failure("the provider's answer holds no choices")
        self._note(completion)
        self._finished = True
        return Relayed(data=body, content=True, ended=True)

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off: nothing of it has left."""
        return encode(error_body(error))


class StreamRelay(_Tap):
    """An answer as a stream of frames."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._splitter = FrameSplitter()
        self._held: list[bytes] = []
        self._begun = False
        self._ended = False

    def feed(self, data: bytes) -> Relayed:
        """Pass on the frames that are complete."""
        try:
            frames = self._splitter.feed(data)
        except ProviderError as error:
            return _protocol_failure(error.message)
        relayed = Relayed()
        passed: list[bytes] = []
        for frame in frames:
            if self._ended:
                break
            failure = self._take(frame, passed, relayed)
            if failure is not None:
                relayed.failure = failure
                break
        relayed.data = b"".join(passed)
        return relayed

    def close(self) -> Relayed:
        """The body is over. A stream that finished without its end marker gets one; one that did not finish was cut off."""
        relayed = Relayed()
        if self._ended:
            return relayed
        passed: list[bytes] = []
        last = self._splitter.close()
        if last is not None and last.data is None and not self._begun:
            relayed.failure = _failure_of_no_stream(last.raw)
        elif last is not None:
            whole = last._replace(raw=last.raw.rstrip(b"\r\n") + b"\n\n")
            relayed.failure = self._take(whole, passed, relayed)
        if relayed.failure is None and not relayed.ended:
            if self._finished:
                relayed.ended = self._ended = True
                passed.extend((*self._release(), _DONE))
            else:
                relayed.failure = Failure("cut_off", "the provider ended the stream before the answer was finished")
        relayed.data = b"".join(passed)
        return relayed

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return render_frame(encode(error_body(error)))

    def _take(self, frame: Frame, passed: list[bytes], relayed: Relayed) -> Failure | None:
        if frame.data is None:  # comments and pings keep a connection open, once the answer has begun
            if self._begun:
                passed.append(frame.raw)
            return None
        if frame.data.strip() == b"[DONE]":
            if (
                not self._finished and self._usage is None
            ):  # some hosts give no reason, but a host that bills has finished
                return Failure("cut_off", "the provider ended the stream before the answer was finished")
            self._finished = self._ended = relayed.ended = True
            passed.extend((*self._release(), frame.raw))
            return None
        try:
            completion = decode_completion(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Failure("protocol", "an event of the provider's stream is not the JSON of a chat completion chunk")
        if completion.error:
            return failure_of(completion.error, 0)
        self._note(completion)
        if not completion.choices and completion.usage is not None and not self._asked.request.include_usage:
            return None
        if not self._begun and not self._finished and not _has_content(completion):
            self._held.append(frame.raw)
            return None
        relayed.content = True
        passed.extend((*self._release(), frame.raw))
        return None

    def _release(self) -> list[bytes]:
        self._begun = True
        held, self._held = self._held, []
        return held


def _has_content(completion: WireCompletion) -> bool:
    return any(choice.delta is not None and _texts(choice.delta) for choice in completion.choices or ())


def _failure_of_no_stream(body: bytes) -> Failure:
    """A stream was asked for and something else came: an error under status 200, or nothing that we know."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        completion = decode_completion(body)
        if completion.error:
            return failure_of(completion.error, 0)
    return Failure("protocol", "the provider's answer is no event stream")


def _protocol_failure(message: str) -> Relayed:
    return Relayed(failure=Failure("protocol", message))
