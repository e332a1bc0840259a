"""The Anthropic wire, outward: messages, their events, errors and model lists as bytes.

Source: Anthropic's API reference and its SDK's types (2.12.0). Rules of this file: `message_start` counts what was read,
`message_delta` only what was written, and what it repeats is cumulative. A call without arguments is streamed as empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Frame, Reply, Said, pieces, sse
from entrepot.simulator.signatures import seal, sign
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_anthropic_request import check_key, parse_request
from entrepot.simulator.wire_anthropic_turns import WIRE

_json = msgspec.json.encode
_REDACTS = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TEXTS = {
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the Anthropic API.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "model: no-such-model",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    529: "Overloaded",
}
_FORMS = {
    "quota": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    "context": "prompt is too long: 210000 tokens > 200000 maximum",
    "filter": "Output blocked by content filtering policy",
}


class AnthropicMessagesWire:
    """Anthropic messages."""

    base_path = "/v1"
    models_paths: tuple[str, ...] = ("/v1/models",)
    retries_by_header = True
    ping = sse(b'{"type": "ping"}', "ping")
    nothing = b'{"id":"msg_x","type":"message","role":"assistant","content":[],"model":"m"}'

    def check_key(self, request: HttpRequest, key: str) -> None:
        """The key in `x-api-key`, or as a bearer token."""
        check_key(request, key)

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """Messages, and the counting of their tokens."""
        if request.method != "POST" or path not in ("/v1/messages", "/v1/messages/count_tokens"):
            return None
        return parse_request(request, counts=path.endswith("count_tokens"))

    def reply_id(self, digest: str) -> str:
        """`msg_…`."""
        return f"msg_01{digest[:22]}"

    def headers(self, id: str) -> dict[str, str]:
        """The id of the request, which is not the message's."""
        return {"request-id": f"req_{id.removeprefix('msg_')}"}

    def stream_type(self, _heard: Heard) -> str:
        """Server-sent events."""
        return "text/event-stream; charset=utf-8"

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A `message`."""
        said = reply.choices[0]
        message = _message(reply) | {
            "content": _blocks(heard, said),
            "stop_reason": _stop_reason(said),
            "stop_sequence": said.stopped_by,
        }
        if reply.says_usage:
            message["usage"] = render_usage(reply.tokens)
        return _json(message)

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """`message_start`, the blocks, `message_delta`, `message_stop`."""
        frames: list[Frame] = []

        def add(type: str, tokens: int = 0, **fields: Any) -> None:  # noqa: ANN401 - JSON values
            frames.append(Frame(sse(_json({"type": type, **fields}), type), tokens))

        said, usage = reply.choices[0], render_usage(reply.tokens)
        details = usage.pop("output_tokens_details")
        opening = _message(reply) | {"content": [], "stop_reason": None, "stop_sequence": None}
        closing: dict[str, Any] = {}
        if reply.says_usage:
            closing["usage"] = {"output_tokens": usage["output_tokens"], "output_tokens_details": details}
            opening["usage"] = usage | {"output_tokens": 1}
        add("message_start", message=opening)
        for index, block in enumerate(_blocks(heard, said)):
            start, deltas = _taken_apart(block, tokens_per_chunk)
            add("content_block_start", count_tokens(block.get("name", "")), index=index, content_block=start)
            if not index:
                frames.append(Frame(self.ping))
            for delta, tokens in deltas:
                add("content_block_delta", tokens, index=index, delta=delta)
            add("content_block_stop", index=index)
        add("message_delta", delta={"stop_reason": _stop_reason(said), "stop_sequence": said.stopped_by}, **closing)
        if reply.says_end:
            add("message_stop")
        return frames

    def bill(self, tokens: Tokens) -> Tokens:
        """Every kind has a price of its own."""
        return tokens

    def render_count(self, tokens: int) -> bytes:
        """The answer to `count_tokens`."""
        return _json({"input_tokens": tokens})

    def render_models(self, names: Iterable[str], _owner: str, created: int) -> bytes:
        """The list of models."""
        since = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        models = [{"type": "model", "id": name, "display_name": name, "created_at": since} for name in names]
        return _json({"data": models, "has_more": False, "first_id": None, "last_id": None})

    def failure(self, status: int, form: str) -> WireError:
        """The error of a status, or of a form that says more."""
        return WireError(status, _FORMS.get(form) or _TEXTS.get(status, "simulated failure"))

    def render_error(self, error: WireError) -> bytes:
        """`{"type": "error", ...}`."""
        type = _TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
        body = {"type": "error", "error": {"type": type, "message": error.message}, "request_id": "req_simulated"}
        return _json(body)

    def frame(self, data: bytes) -> bytes:
        """An event whose data this is."""
        return sse(data, "content_block_delta")

    def render_error_frame(self, error: WireError) -> bytes:
        """An `error` event."""
        return sse(self.render_error(error), "error")


def render_usage(tokens: Tokens) -> dict[str, Any]:
    """Usage as Anthropic counts it: what the cache gave and took is beside `input_tokens`, thinking inside `output_tokens`."""
    return {
        "input_tokens": tokens.input_tokens,
        "cache_creation_input_tokens": tokens.cache_write_tokens,
        "cache_read_input_tokens": tokens.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_tokens - tokens.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h_tokens,
        },
        "output_tokens": tokens.output_tokens + tokens.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning_tokens},
        "service_tier": "standard",
    }


def _message(reply: Reply) -> dict[str, Any]:
    return {"id": reply.id, "type": "message", "role": "assistant", "model": reply.model}


def _stop_reason(said: Said) -> str:
    return "stop_sequence" if said.stopped_by is not None else _STOP_REASONS[said.finish_reason]


def _blocks(heard: Heard, said: Said) -> list[dict[str, Any]]:
    """The content, whole. Thinking that is not shown keeps its signature."""
    blocks: list[dict[str, Any]] = []
    if said.thought and _REDACTS in heard.prompt:
        blocks.append({"type": "redacted_thinking", "data": seal(WIRE, said.thought)})
    elif said.thought:
        signature = sign(WIRE, said.reasoning, said.thought)
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": signature})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for call in said.calls:
        id = f"toolu_{call.id.removeprefix('call_')}"
        blocks.append({"type": "tool_use", "id": id, "name": call.name, "input": msgspec.json.decode(call.arguments)})
    return blocks


def _taken_apart(
    block: dict[str, Any], tokens_per_chunk: int
) -> tuple[dict[str, Any], Iterator[tuple[dict[str, Any], int]]]:
    """How a block begins, and its deltas, with the tokens of the answer in each (thinking counts apart)."""
    match block["type"]:
        case "text":
            return block | {"text": ""}, _text_deltas(block["text"], tokens_per_chunk)
        case "thinking":
            return block | {"thinking": "", "signature": ""}, _thinking_deltas(block, tokens_per_chunk)
        case "tool_use":
            return block | {"input": {}}, _input_deltas(block["input"], tokens_per_chunk)
        case _:
            return block, iter(())


def _text_deltas(text: str, tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    for piece, tokens in pieces(text, tokens_per_chunk):
        yield {"type": "text_delta", "text": piece}, tokens


def _thinking_deltas(block: dict[str, Any], tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    for piece, _ in pieces(block["thinking"], tokens_per_chunk):
        yield {"type": "thinking_delta", "thinking": piece}, 0
    yield {"type": "signature_delta", "signature": block["signature"]}, 0


def _input_deltas(input: dict[str, Any], tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    text = _json(input).decode()
    yield {"type": "input_json_delta", "partial_json": ""}, 0 if input else count_tokens(text)
    for piece, tokens in pieces(text, tokens_per_chunk) if input else ():
        yield {"type": "input_json_delta", "partial_json": piece}, tokens
