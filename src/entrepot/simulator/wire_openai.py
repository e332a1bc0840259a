"""The OpenAI chat wire, outward: whole answers, streams, model lists and errors as bytes.

Rules of this file: written from the wire, not from `dialects`. A stream is a list of frames, each with the number of
answer tokens in it, so that what was delivered of a broken stream is known to the token. OpenAI counts cached tokens
inside `prompt_tokens` and reasoning tokens inside `completion_tokens`; so does this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.tokens import split_tokens
from entrepot.simulator.wire_openai_request import WireError


class Call(msgspec.Struct, frozen=True):
    """A tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class Said(msgspec.Struct, frozen=True):
    """One choice: text or calls. `reasoning` is text shown as `reasoning_content`, empty where none is shown."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str = "stop"
    reasoning: str = ""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer. `created` is in Unix seconds; `model` the name that the provider claims."""

    id: str
    model: str
    created: int
    choices: tuple[Said, ...]
    tokens: Tokens


class Frame(msgspec.Struct, frozen=True):
    """Bytes of an answer and the number of answer tokens in them."""

    data: bytes
    tokens: int = 0


_json = msgspec.json.encode


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


def render_whole(reply: Reply) -> bytes:
    """A non-streamed answer."""
    choices = []
    for index, said in enumerate(reply.choices):
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_whole_call(call) for call in said.calls]
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": said.finish_reason})
    return _json(
        {
            "id": reply.id,
            "object": "chat.completion",
            "created": reply.created,
            "model": reply.model,
            "choices": choices,
            "usage": render_usage(reply.tokens),
            "system_fingerprint": "fp_simulated",
        }
    )


def render_stream(reply: Reply, include_usage: bool, tokens_per_chunk: int) -> list[Frame]:
    """A streamed answer: role, deltas, finish, usage if asked for, `[DONE]`. Choices take turns."""
    frames: list[Frame] = []
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
        frames.append(Frame(b"data: " + _json(chunk) + b"\n\n", tokens))

    for index in range(len(reply.choices)):
        add([_choice(index, {"role": "assistant", "content": "", "refusal": None})])
    pending = [_deltas(said, tokens_per_chunk) for said in reply.choices]
    open_choices = list(range(len(pending)))
    while open_choices:
        for index in tuple(open_choices):
            delta = next(pending[index], None)
            if delta is None:
                open_choices.remove(index)
                add([_choice(index, {}, reply.choices[index].finish_reason)])
            else:
                add([_choice(index, delta[0])], delta[1])
    if include_usage:
        add([], usage=render_usage(reply.tokens))
    frames.append(Frame(b"data: [DONE]\n\n"))
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


def _choice(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _deltas(said: Said, tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    """The deltas of one choice, with the tokens of the answer in each (reasoning text counts apart)."""
    for piece in _grouped(split_tokens(said.reasoning), tokens_per_chunk):
        yield {"reasoning_content": "".join(piece)}, 0
    for piece in _grouped(split_tokens(said.text), tokens_per_chunk):
        yield {"content": "".join(piece)}, len(piece)
    for number, call in enumerate(said.calls):
        opening = {"index": number, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [opening]}, len(split_tokens(call.name))
        for piece in _grouped(split_tokens(call.arguments), tokens_per_chunk):
            yield {"tool_calls": [{"index": number, "function": {"arguments": "".join(piece)}}]}, len(piece)


def _grouped(tokens: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(tokens), max(1, size)):
        yield tokens[start : start + max(1, size)]
