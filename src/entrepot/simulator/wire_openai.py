"""The OpenAI chat wire, outward: whole answers, streams, model lists and errors as bytes.

Rules of this file: written from the wire, not from `dialects`. A stream is a list of frames, each with the number of
answer tokens in it, so that what was delivered of a broken stream is known to the token. OpenAI counts cached tokens
inside `prompt_tokens` and reasoning tokens inside `completion_tokens`; so does this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Call, Frame, Reply, Said, pieces, sse
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_openai_logprobs import as_logprobs, tell_logprobs
from entrepot.simulator.wire_openai_request import parse_request

_json = msgspec.json.encode


class OpenAIChatWire:
    """OpenAI chat completions."""

    base_path = "/v1"
    models_paths: tuple[str, ...] = ("/v1/models",)
    retries_by_header = True
    ping = b": keep-alive\n\n"
    nothing = b'{"id":"x","object":"chat.completion","choices":[]}'

    def check_key(self, request: HttpRequest, key: str) -> None:
        """A bearer token."""
        check_bearer(request, key)

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """Chat completions only."""
        asked = path == "/v1/chat/completions" and request.method == "POST"
        return parse_request(request.body) if asked else None

    def reply_id(self, digest: str) -> str:
        """`chatcmpl-…`."""
        return f"chatcmpl-{digest[:24]}"

    def headers(self, id: str) -> dict[str, str]:
        """The id and the time it took."""
        return {"x-request-id": id, "openai-processing-ms": "1"}

    def stream_type(self, _heard: Heard) -> str:
        """Server-sent events."""
        return "text/event-stream; charset=utf-8"

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A `chat.completion`."""
        return render_whole(reply, heard.options)

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """`chat.completion.chunk`s, ended by `[DONE]`."""
        return render_stream(reply, heard.include_usage, tokens_per_chunk, heard.options)

    def bill(self, tokens: Tokens) -> Tokens:
        """Writing to the cache costs as input."""
        return bill(tokens)

    def render_count(self, tokens: int) -> bytes:
        """There is no such path; `parse_request` never asks for it."""
        return _json({"tokens": tokens})

    def render_models(self, names: Iterable[str], owner: str, created: int) -> bytes:
        """The list of models."""
        return render_models(names, owner, created)

    def failure(self, status: int, form: str) -> WireError:
        """The error of a status, or of a form that says more."""
        return failure(status, form)

    def render_error(self, error: WireError) -> bytes:
        """`{"error": {...}}`."""
        return render_error(error)

    def frame(self, data: bytes) -> bytes:
        """A `data:` line."""
        return sse(data)

    def render_error_frame(self, error: WireError) -> bytes:
        """The error as a frame like any other."""
        return sse(render_error(error))


def check_bearer(request: HttpRequest, key: str) -> None:
    """Raises WireError (401) unless `authorization` brings the key."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise WireError(401, "You didn't provide an API key.", code=None)
    if given != key:
        raise WireError(401, "Incorrect API key provided.", code="invalid_api_key")


def bill(tokens: Tokens) -> Tokens:
    """The tokens of a provider that knows no writing to its cache: it is input."""
    return msgspec.structs.replace(
        tokens,
        input_tokens=tokens.input_tokens + tokens.cache_write_tokens,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
    )


def failure(status: int, form: str) -> WireError:
    """The error of a status, or of a form that says more."""
    if form == "quota":
        return WireError(
            status, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"
        )
    if form == "context":
        message = "This model's maximum context length is 8192 tokens."
        return WireError(status, message, code="context_length_exceeded", param="messages")
    if form == "filter":
        return WireError(status, "The response was filtered by the content policy.", code="content_filter")
    kind, code = _STATUS_KINDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return WireError(status, STATUS_TEXTS.get(status, "simulated failure"), type=kind, code=code)


STATUS_TEXTS = {
    401: "Incorrect API key provided.",
    402: "Insufficient Balance",
    403: "Country, region, or territory not supported",
    404: "The model does not exist or you do not have access to it.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
}

_STATUS_KINDS: dict[int, tuple[str, str | None]] = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_balance", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def render_usage(tokens: Tokens) -> dict[str, Any]:
    """Usage as OpenAI counts it."""
    read = tokens.input_tokens + tokens.cache_read_tokens
    written = tokens.output_tokens + tokens.reasoning_tokens
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def render_whole(reply: Reply, options: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    """A non-streamed answer."""
    choices = []
    for index, said in enumerate(reply.choices):
        refuses = said.finish_reason == "refusal"
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if refuses else said.text or None,
            "refusal": said.text if refuses else None,
        }
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_whole_call(call) for call in said.calls]
        told = tell_logprobs(options, said)
        logprobs = None if told is None else as_logprobs(said, list(told))
        choices.append({"index": index, "message": message, "logprobs": logprobs, "finish_reason": _reason(said)})
    answer = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": choices,
        "system_fingerprint": "fp_simulated",
    }
    return _json({**answer, "usage": render_usage(reply.tokens)} if reply.says_usage else answer)


def render_stream(
    reply: Reply, include_usage: bool, tokens_per_chunk: int, options: Mapping[str, Any] = MappingProxyType({})
) -> list[Frame]:
    """A streamed answer: role, deltas, finish, usage if asked for, `[DONE]`. Choices take turns."""
    frames: list[Frame] = []
    include_usage = include_usage and reply.says_usage
    extra: dict[str, Any] = {"usage": None} if include_usage else {}

    def add(choices: list[dict[str, Any]], tokens: int = 0, **more: Any) -> None:  # noqa: ANN401 - JSON values
        chunk = {
            "id": reply.id,
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
            "system_fingerprint": "fp_simulated",
            "choices": choices,
            **extra,
            **more,
        }
        frames.append(Frame(sse(_json(chunk)), tokens))

    for index in range(len(reply.choices)):
        add([_choice(index, {"role": "assistant", "content": "", "refusal": None})])
    pending = [_deltas(said, tokens_per_chunk) for said in reply.choices]
    likely = [tell_logprobs(options, said) for said in reply.choices]
    open_choices = list(range(len(pending)))
    while open_choices:
        for index in tuple(open_choices):
            delta = next(pending[index], None)
            if delta is None:
                open_choices.remove(index)
                add([_choice(index, {}, _reason(reply.choices[index]))])
            else:
                told = likely[index] if delta[0].keys() <= {"content", "refusal"} else None
                add([_choice(index, delta[0], logprobs=_next(told, reply.choices[index], delta[1]))], delta[1])
    if include_usage:
        add([], usage=render_usage(reply.tokens))
    if reply.says_end:
        frames.append(Frame(sse(b"[DONE]")))
    return frames


def render_error(error: WireError) -> bytes:
    """An error body."""
    return _json({"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}})


def render_models(names: Iterable[str], owner: str, created: int) -> bytes:
    """The list of models."""
    return _json(
        {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": created, "owned_by": owner} for name in names],
        }
    )


def _whole_call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _reason(said: Said) -> str:
    return "stop" if said.finish_reason == "refusal" else said.finish_reason


def _choice(
    index: int, delta: dict[str, Any], finish_reason: str | None = None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _next(told: Iterator[dict[str, Any]] | None, said: Said, tokens: int) -> dict[str, Any] | None:
    """The log-probabilities of the next so many tokens."""
    return None if told is None else as_logprobs(said, list(islice(told, tokens)))


def _deltas(said: Said, tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    """The deltas of one choice, with the tokens of the answer in each (reasoning text counts apart)."""
    for piece, _ in pieces(said.reasoning, tokens_per_chunk):
        yield {"reasoning_content": piece}, 0
    field = "refusal" if said.finish_reason == "refusal" else "content"
    for piece, tokens in pieces(said.text, tokens_per_chunk):
        yield {field: piece}, tokens
    for number, call in enumerate(said.calls):
        opening = {"index": number, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [opening]}, count_tokens(call.name)
        for piece, tokens in pieces(call.arguments, tokens_per_chunk):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, tokens
