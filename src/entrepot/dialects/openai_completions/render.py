"""Canonical events to what a client of this dialect reads: a whole answer, or a stream of chunks of the same shape.

Rules of this file: a refusal is text, because there is no other place for it. Log probabilities are turned from the chat's
list of tokens into the legacy lists, side by side; `text_offset` counts characters of the text given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from entrepot.canonical.request import Refusal, Request, Text
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import Finished, Noted, RefusalDelta, Started, TextDelta, UsageReported
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.render import REASONS, usage_fields
from entrepot.dialects.openai_chat.wire import encode
from entrepot.dialects.openai_completions.request import ECHO
from entrepot.dialects.sse import render_frame
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError

_OBJECT = "text_completion"
_DONE = b"data: [DONE]\n\n"


def echoed(request: Request) -> str:
    """The prompt, where the client wants it before its answer."""
    return request.messages[0].text() if request.extra.get(ECHO) else ""


def render_answer(response: Response, request: Request, created_s: int) -> dict[str, Any]:
    """A whole answer as the wire's object."""
    prompt = echoed(request)
    answer: dict[str, Any] = {
        "id": response.id or "cmpl",
        "object": _OBJECT,
        "created": response.created or created_s,
        "model": response.model,
        "choices": [_choice(choice, prompt) for choice in response.choices],
    }
    if response.usage is not None:
        answer["usage"] = usage_fields(response.usage, own=False)
    return answer


def _choice(choice: Choice, prompt: str) -> dict[str, Any]:
    text = prompt + "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    logprobs = _tokens_of(choice.extra)
    return {
        "text": text,
        "index": choice.index,
        "logprobs": None if logprobs is None else _legacy(logprobs, 0)[0],
        "finish_reason": _reason(choice.finish_reason),
    }


def _reason(reason: FinishReason) -> str:
    word = REASONS[reason]
    return "stop" if word == "tool_calls" else word


def _tokens_of(extra: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The chat's tokens, of the answer or of its refusal; None where it gives none."""
    logprobs = extra.get("logprobs")
    if not isinstance(logprobs, dict):
        return None
    tokens = logprobs.get("content") or logprobs.get("refusal")
    return _objects(tokens) if isinstance(tokens, list) else None


def _objects(values: object) -> list[dict[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _legacy(tokens: Iterable[dict[str, Any]], offset: int) -> tuple[dict[str, Any], int]:
    """The legacy lists, and where the next token begins."""
    words: list[str] = []
    offsets: list[int] = []
    chances: list[float | None] = []
    likely: list[dict[str, Any]] = []
    for each in tokens:
        word = str(each.get("token", ""))
        words.append(word)
        offsets.append(offset)
        chances.append(each.get("logprob"))
        likely.append(
            {str(other.get("token", "")): other.get("logprob") for other in _objects(each.get("top_logprobs"))}
        )
        offset += len(word)
    return {"tokens": words, "token_logprobs": chances, "top_logprobs": likely, "text_offset": offsets}, offset


class CompletionStream(StreamAnswer):
    """An answer as a stream of chunks, ended by `[DONE]`."""

    def __init__(self, request: Request, created_s: int) -> None:
        super().__init__()
        self._include_usage = request.include_usage
        self._prompt = echoed(request)
        self._created_s = created_s
        self._started = Started("", "", created_s)
        self._opened: set[int] = set()
        self._offsets: dict[int, int] = {}
        self._usage: Usage | None = None

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return render_frame(encode(error_body(error)))

    def _start(self, event: Started) -> None:
        self._started = event

    def _text(self, event: TextDelta) -> None:
        if event.text:
            self._chunk(event.index, event.text)

    def _refusal(self, event: RefusalDelta) -> None:
        if event.text:
            self._chunk(event.index, event.text)

    def _noted(self, event: Noted) -> None:
        tokens = None if event.index is None else _tokens_of(event.extra)
        if event.index is not None and tokens:
            logprobs, self._offsets[event.index] = _legacy(tokens, self._offsets.get(event.index, 0))
            self._chunk(event.index, "", logprobs=logprobs)

    def _finished(self, event: Finished) -> None:
        self._chunk(event.index, "", reason=_reason(event.reason))

    def _counted(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _ping(self) -> None:
        self._out.append(b": ping\n\n")

    def _chunk(
        self, index: int, text: str, *, logprobs: dict[str, Any] | None = None, reason: str | None = None
    ) -> None:
        if index not in self._opened:
            self._opened.add(index)
            text = self._prompt + text
        self._frame([{"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason}])

    def _frame(self, choices: list[dict[str, Any]], **more: Any) -> None:  # noqa: ANN401 - JSON values
        started = self._started
        head = {
            "id": started.id or "cmpl",
            "object": _OBJECT,
            "created": started.created or self._created_s,
            "model": started.model,
        }
        self._out.append(render_frame(encode({**head, "choices": choices, **more})))

    def _end(self) -> None:
        if self._usage is not None and self._include_usage:
            self._frame([], usage=usage_fields(self._usage, own=False))
        self._out.append(_DONE)
