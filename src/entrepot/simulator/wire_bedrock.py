"""The Bedrock wire, outward: Converse's answers, its binary streams and its errors as bytes.

Source: Amazon Bedrock API reference (Converse, ConverseStream) and exchanges recorded with it. Rules of this file: text and
reasoning have no start in a stream, `metadata` with the usage follows the end of the message, and every event is padded with
letters that say nothing. The answer does not name its model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Call, Frame, Reply, Said, pieces
from entrepot.simulator.signatures import seal, sign
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_bedrock_frames import STREAM_TYPE, event_frame, exception_frame
from entrepot.simulator.wire_bedrock_request import check_key, parse_request
from entrepot.simulator.wire_bedrock_turns import WIRE, refusal

_json = msgspec.json.encode
_REDACTS = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "content_filtered"}
_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_TEXTS = {
    403: "You don't have access to the model with the specified model ID.",
    404: "The provided model doesn't exist.",
    429: "Too many requests, please wait before trying again.",
    500: "The system encountered an unexpected error during processing. Try your request again.",
    503: "Bedrock is unable to process your request.",
}
_FORMS = {
    "quota": "Too many tokens per day, please wait before trying again.",
    "context": "Input is too long for requested model.",
    "filter": "The model returned the following errors: Output blocked by content filtering policy",
}


class BedrockConverseWire:
    """Amazon Bedrock's Converse and ConverseStream."""

    base_path = ""
    models_paths: tuple[str, ...] = ("/foundation-models",)
    retries_by_header = True
    ping = event_frame("initial-response", b"{}")
    nothing = b'{"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":0,"totalTokens":1},"metrics":{"latencyMs":1}}'

    def check_key(self, request: HttpRequest, key: str) -> None:
        """A bearer token, or a signature by the access key."""
        check_key(request, key)

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """Converse and ConverseStream."""
        return parse_request(request, path)

    def reply_id(self, digest: str) -> str:
        """A UUID."""
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    def headers(self, id: str) -> dict[str, str]:
        """The id, which is nowhere else."""
        return {"x-amzn-requestid": id}

    def stream_type(self, _heard: Heard) -> str:
        """Binary frames."""
        return STREAM_TYPE

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A `ConverseResponse`."""
        said = reply.choices[0]
        answer: dict[str, Any] = {
            "metrics": {"latencyMs": 1},
            "output": {"message": {"content": [_block(heard, part) for part in _parts(said)], "role": "assistant"}},
            "stopReason": _stop_reason(said),
            **_response_fields(heard, said),
        }
        if reply.says_usage:
            answer["usage"] = render_usage(reply.tokens)
        return _json(answer)

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """`messageStart`, the blocks, `messageStop`, `metadata`."""
        frames: list[Frame] = []

        def add(kind: str, tokens: int = 0, **members: Any) -> None:  # noqa: ANN401 - JSON values
            padding = _PADDING[: 1 + len(frames) * 7 % len(_PADDING)]
            frames.append(Frame(event_frame(kind, _json({**members, "p": padding})), tokens))

        said = reply.choices[0]
        add("messageStart", role="assistant")
        for index, part in enumerate(_parts(said)):
            if isinstance(part, Call):
                start = {"toolUse": {"name": part.name, "toolUseId": _use_id(part)}}
                add("contentBlockStart", count_tokens(part.name), contentBlockIndex=index, start=start)
            for delta, tokens in _deltas(heard, part, tokens_per_chunk):
                add("contentBlockDelta", tokens, contentBlockIndex=index, delta=delta)
            add("contentBlockStop", contentBlockIndex=index)
        add("messageStop", stopReason=_stop_reason(said), **_response_fields(heard, said))
        if reply.says_end and reply.says_usage:
            add("metadata", usage=render_usage(reply.tokens), metrics={"latencyMs": 1})
        return frames

    def bill(self, tokens: Tokens) -> Tokens:
        """Reasoning is output like any other: the answer does not tell it apart."""
        return replace(tokens, output_tokens=tokens.output_tokens + tokens.reasoning_tokens, reasoning_tokens=0)

    def render_count(self, tokens: int) -> bytes:
        """The answer to CountTokens; `parse_request` never asks for it."""
        return _json({"inputTokens": tokens})

    def render_models(self, names: Iterable[str], owner: str, _created: int) -> bytes:
        """The list of foundation models, as the control plane gives it."""
        return _json({"modelSummaries": [{"modelId": name, "providerName": owner} for name in names]})

    def failure(self, status: int, form: str) -> WireError:
        """The error of a status, or of a form that says more."""
        return refusal(status, _type(status), _FORMS.get(form) or _TEXTS.get(status, "simulated failure"))

    def render_error(self, error: WireError) -> bytes:
        """`{"message": …}`; the type stands in a header, or here where there is none."""
        typed = {} if "x-amzn-errortype" in error.headers else {"__type": _type(error.status)}
        return _json({**typed, "message": error.message})

    def frame(self, data: bytes) -> bytes:
        """A delta whose payload this is."""
        return event_frame("contentBlockDelta", data)

    def render_error_frame(self, error: WireError) -> bytes:
        """An exception inside the stream."""
        kind = _type(error.status)
        return exception_frame(kind[:1].lower() + kind[1:], _json({"message": error.message}))


def render_usage(tokens: Tokens) -> dict[str, Any]:
    """Usage as Bedrock counts it: what the cache gave and took is beside `inputTokens`, reasoning inside `outputTokens`."""
    usage: dict[str, Any] = {
        "inputTokens": tokens.input_tokens,
        "outputTokens": tokens.output_tokens + tokens.reasoning_tokens,
        "cacheReadInputTokens": tokens.cache_read_tokens,
        "cacheWriteInputTokens": tokens.cache_write_tokens,
    }
    usage["totalTokens"] = sum(usage.values())
    hour = tokens.cache_write_1h_tokens
    lifetimes = (("1h", hour), ("5m", tokens.cache_write_tokens - hour))
    if details := [{"ttl": ttl, "inputTokens": count} for ttl, count in lifetimes if count]:
        usage["cacheDetails"] = details
    return usage


class _Reasoned(msgspec.Struct, frozen=True):
    """What a model thought, before what it says."""

    text: str
    thought: str


_Part = _Reasoned | str | Call


def _parts(said: Said) -> list[_Part]:
    return [
        *([_Reasoned(said.reasoning, said.thought)] if said.thought else []),
        *([said.text] if said.text else []),
        *said.calls,
    ]


def _block(heard: Heard, part: _Part) -> dict[str, Any]:
    match part:
        case _Reasoned(_, thought) if _REDACTS in heard.prompt:
            return {"reasoningContent": {"redactedContent": seal(WIRE, thought)}}
        case _Reasoned(text, thought):
            return {"reasoningContent": {"reasoningText": {"text": text, "signature": sign(WIRE, text, thought)}}}
        case Call():
            return {
                "toolUse": {
                    "input": msgspec.json.decode(part.arguments),
                    "name": part.name,
                    "toolUseId": _use_id(part),
                }
            }
        case text:
            return {"text": text}


def _deltas(heard: Heard, part: _Part, tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    """A block's deltas, with the tokens of the answer in each (reasoning counts apart)."""
    match part:
        case _Reasoned(_, thought) if _REDACTS in heard.prompt:
            yield {"reasoningContent": {"redactedContent": seal(WIRE, thought)}}, 0
        case _Reasoned(text, thought):
            for piece, _ in pieces(text, tokens_per_chunk):
                yield {"reasoningContent": {"text": piece}}, 0
            yield {"reasoningContent": {"signature": sign(WIRE, text, thought)}}, 0
        case Call():
            for piece, tokens in pieces(part.arguments, tokens_per_chunk):
                yield {"toolUse": {"input": piece}}, tokens
        case text:
            for piece, tokens in pieces(text, tokens_per_chunk):
                yield {"text": piece}, tokens


def _use_id(call: Call) -> str:
    return f"tooluse_{call.id.removeprefix('call_')}"


def _stop_reason(said: Said) -> str:
    return "stop_sequence" if said.stopped_by is not None else _STOP_REASONS[said.finish_reason]


def _response_fields(heard: Heard, said: Said) -> dict[str, Any]:
    if "/stop_sequence" not in heard.options.get("paths", ()):
        return {}
    return {"additionalModelResponseFields": {"stop_sequence": said.stopped_by}}


def _type(status: int) -> str:
    return _TYPES.get(status, "InternalServerException" if status >= 500 or status == 200 else "ValidationException")
