"""The Ollama wire, outward: whole answers, lines of JSON and errors as bytes.

Source: github.com/ollama/ollama (`api/types.go`, `docs/api.md`); exchanges recorded with it. Rules of this file: calls come whole
and without ids; the line with `done` counts the tokens; what was cached is not told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Frame, Reply, Said, pieces
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_ollama_request import parse_request
from entrepot.simulator.wire_openai import check_bearer

_json = msgspec.json.encode
_TEXTS = {
    401: "unauthorized",
    404: "model 'no-such-model' not found",
    429: "too many requests",
    500: "the model failed to generate a response",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
_FORMS = {
    "quota": "you have reached your usage limit: billing is due",
    "context": "the input length exceeds the context length",
    "filter": "the answer was stopped by a content filter",
}


class OllamaChatWire:
    """Ollama's own chat."""

    base_path = ""
    models_paths: tuple[str, ...] = ("/api/tags",)
    retries_by_header = True
    ping = b"\n"
    nothing = b'{"model":"m","created_at":"2026-01-01T00:00:00Z","done":true}'

    def check_key(self, request: HttpRequest, key: str) -> None:
        """A bearer token, as ollama.com wants it."""
        check_bearer(request, key)

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """`/api/chat`."""
        return parse_request(request, path)

    def reply_id(self, digest: str) -> str:
        """An id for the books; the wire has none."""
        return f"ollama-{digest[:24]}"

    def headers(self, _id: str) -> dict[str, str]:
        """Nothing."""
        return {}

    def stream_type(self, _heard: Heard) -> str:
        """Lines of JSON."""
        return "application/x-ndjson"

    def render_whole(self, _heard: Heard, reply: Reply) -> bytes:
        """One object."""
        said = reply.choices[0]
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.reasoning:
            message["thinking"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_call(said, index) for index in range(len(said.calls))]
        return _json({**_head(reply), "message": message, **_closing(reply)})

    def render_stream(self, _heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """A line for each piece, and the last one, which counts."""
        frames = []
        for piece, tokens in _pieces(reply.choices[0], tokens_per_chunk):
            message = {"role": "assistant", "content": "", **piece}
            frames.append(Frame(self.frame(_json({**_head(reply), "message": message, "done": False})), tokens))
        if reply.says_end:
            last = {**_head(reply), "message": {"role": "assistant", "content": ""}, **_closing(reply)}
            frames.append(Frame(self.frame(_json(last))))
        return frames

    def bill(self, tokens: Tokens) -> Tokens:
        """All that is read is input."""
        read = tokens.input_tokens + tokens.cache_read_tokens + tokens.cache_write_tokens
        return Tokens(read, 0, tokens.output_tokens, tokens.reasoning_tokens)

    def render_count(self, tokens: int) -> bytes:
        """There is no such path; `parse_request` never asks for it."""
        return _json({"tokens": tokens})

    def render_models(self, names: Iterable[str], _owner: str, created: int) -> bytes:
        """The models that are there."""
        return _json({"models": [{"name": name, "model": name, "modified_at": _time(created)} for name in names]})

    def failure(self, status: int, form: str) -> WireError:
        """The error of a status, or of a form that says more."""
        return WireError(status, _FORMS.get(form) or _TEXTS.get(status, "simulated failure"))

    def render_error(self, error: WireError) -> bytes:
        """`{"error": "text"}`."""
        return _json({"error": error.message})

    def frame(self, data: bytes) -> bytes:
        """A line."""
        return data + b"\n"

    def render_error_frame(self, error: WireError) -> bytes:
        """The error as a line like any other."""
        return self.frame(self.render_error(error))


def _head(reply: Reply) -> dict[str, Any]:
    return {"model": reply.model, "created_at": _time(reply.created)}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def _closing(reply: Reply) -> dict[str, Any]:
    reason = "length" if reply.choices[0].finish_reason == "length" else "stop"
    closing: dict[str, Any] = {
        "done": True,
        "done_reason": reason,
        "total_duration": 2_000_000,
        "load_duration": 1_000_000,
    }
    if reply.says_usage:
        tokens = reply.tokens
        closing["prompt_eval_count"] = tokens.input_tokens
        closing["eval_count"] = tokens.output_tokens + tokens.reasoning_tokens
    return closing


def _call(said: Said, index: int) -> dict[str, Any]:
    call = said.calls[index]
    return {"function": {"index": index, "name": call.name, "arguments": msgspec.json.decode(call.arguments)}}


def _pieces(said: Said, tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    """What each line adds to the message, with the tokens of the answer in it (thinking counts apart)."""
    for piece, _ in pieces(said.reasoning, tokens_per_chunk):
        yield {"thinking": piece}, 0
    for piece, tokens in pieces(said.text, tokens_per_chunk):
        yield {"content": piece}, tokens
    for index, call in enumerate(said.calls):
        yield {"tool_calls": [_call(said, index)]}, count_tokens(call.name) + count_tokens(call.arguments)
