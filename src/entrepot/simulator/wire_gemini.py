"""The Gemini wire, outward: answers whole and in pieces, errors and model lists as bytes.

Source: the Gemini API reference (v1beta) and google-genai's types. Rules of this file: a stream has no end marker; each piece
carries usage so far, and the last one `finishReason`, by itself, with no more than an empty text. Thoughts are counted beside
the candidates. Models from generation 3 on give their calls ids and sign the first; earlier ones do neither unless they thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Frame, Reply, Said, pieces, sse
from entrepot.simulator.signatures import seal
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_gemini_contents import WIRE, sign_call
from entrepot.simulator.wire_gemini_request import check_key, parse_request
from entrepot.simulator.wire_openai import bill

_json = msgspec.json.encode
_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "refusal": "SAFETY"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TEXTS = {
    401: "Request had invalid authentication credentials.",
    403: "The caller does not have permission",
    404: "models/no-such-model is not found for API version v1beta, or is not supported for generateContent.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry.",
    503: "The model is overloaded. Please try again later.",
}
_FORMS = {
    "context": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "filter": "The request was blocked: it contains prohibited content.",
    "quota": "This API method requires billing to be enabled. Please enable billing on the project.",
}


class GeminiGenerateWire:
    """Gemini generateContent."""

    base_path = "/v1beta"
    models_paths: tuple[str, ...] = (
        "/v1beta/models",
        "/v1/models",
    )  # both versions are served, and its SDKs use either
    retries_by_header = False
    ping = sse(b'{"candidates":[{"content":{"role":"model"},"index":0}]}')  # comments are more than its SDK can read
    nothing = b'{"candidates":[],"modelVersion":"m"}'

    def check_key(self, request: HttpRequest, key: str) -> None:
        """The key in `x-goog-api-key`, in the query, or as a bearer token."""
        check_key(request, key)

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """generateContent, streamGenerateContent, countTokens."""
        return parse_request(request, path)

    def reply_id(self, digest: str) -> str:
        """Some text."""
        return digest[:22]

    def headers(self, _id: str) -> dict[str, str]:
        """How long it took."""
        return {"server-timing": "gfet4t7; dur=1"}

    def stream_type(self, heard: Heard) -> str:
        """Server-sent events where they are asked for, else a JSON array."""
        return "application/json; charset=UTF-8" if heard.options["array"] else "text/event-stream"

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A `GenerateContentResponse`."""
        candidates = [
            _candidate(index, _parts(heard, said, number=index), _reason(said))
            for index, said in enumerate(reply.choices)
        ]
        return _json(_response(reply, candidates, reply.tokens))

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """The same, in pieces."""
        spoken, said_so_far = [], 0
        for index, said in enumerate(reply.choices):
            for part in _parts(heard, said, number=index):
                for piece, tokens in _taken_apart(part, tokens_per_chunk):
                    said_so_far += tokens
                    so_far = msgspec.structs.replace(reply.tokens, output_tokens=said_so_far)
                    spoken.append((_response(reply, [_candidate(index, [piece])], so_far), tokens))
            last = _candidate(index, [{"text": ""}], _reason(said))
            spoken.append((_response(reply, [last], reply.tokens), 0))
        if not heard.options["array"]:
            return [Frame(sse(_json(response)), tokens) for response, tokens in spoken]
        opened = [(b",\r\n" if number else b"[") + _json(response) for number, (response, _) in enumerate(spoken)]
        frames = [Frame(data, tokens) for data, (_, tokens) in zip(opened, spoken, strict=True)]
        return [*frames, Frame(b"]")] if reply.says_end else frames

    def bill(self, tokens: Tokens) -> Tokens:
        """Writing to the cache costs as input."""
        return bill(tokens)

    def render_count(self, tokens: int) -> bytes:
        """The answer to countTokens."""
        return _json({"totalTokens": tokens})

    def render_models(self, names: Iterable[str], _owner: str, _created: int) -> bytes:
        """The list of models."""
        methods = ["generateContent", "countTokens"]
        models = [
            {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods} for name in names
        ]
        return _json({"models": models})

    def failure(self, status: int, form: str) -> WireError:
        """The error of a status, or of a form that says more. When to come back stands in its details."""
        name, _, value = form.partition("=")
        seconds = {"seconds": value, "date": value, "ms": f"{float(value or 0) / 1000:g}"}.get(name)
        return WireError(status, _FORMS.get(form) or _TEXTS.get(status, "simulated failure"), param=seconds)

    def render_error(self, error: WireError) -> bytes:
        """`{"error": {"code", "message", "status", "details"}}`."""
        word = _STATUSES.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
        body: dict[str, Any] = {"code": error.status, "message": error.message, "status": word}
        kind = "type.googleapis.com/google.rpc."
        if error.code == "API_KEY_INVALID":
            domain = "googleapis.com"
            body["details"] = [{"@type": f"{kind}ErrorInfo", "reason": "API_KEY_INVALID", "domain": domain}]
        elif error.status == 429 and error.param is not None:
            body["details"] = [{"@type": f"{kind}RetryInfo", "retryDelay": f"{error.param}s"}]
        return _json({"error": body})

    def frame(self, data: bytes) -> bytes:
        """A `data:` line."""
        return sse(data)

    def render_error_frame(self, error: WireError) -> bytes:
        """The error as a frame like any other."""
        return sse(self.render_error(error))


def _response(reply: Reply, candidates: list[dict[str, Any]], tokens: Tokens) -> dict[str, Any]:
    response: dict[str, Any] = {"candidates": candidates}
    if reply.says_usage:
        response["usageMetadata"] = render_usage(tokens)
    return response | {"modelVersion": reply.model, "responseId": reply.id}


def render_usage(tokens: Tokens) -> dict[str, int]:
    """Usage as Gemini counts it; what is nought is left out."""
    prompt = tokens.input_tokens + tokens.cache_read_tokens
    counts = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": tokens.cache_read_tokens,
        "candidatesTokenCount": tokens.output_tokens,
        "thoughtsTokenCount": tokens.reasoning_tokens,
        "totalTokenCount": prompt + tokens.output_tokens + tokens.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count}


def _candidate(index: int, parts: list[dict[str, Any]], reason: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    if reason is not None:
        candidate["finishReason"] = reason
    if reason == "SAFETY":
        candidate["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
    return candidate


def _reason(said: Said) -> str:
    return _REASONS[said.finish_reason]


def _parts(heard: Heard, said: Said, *, number: int) -> list[dict[str, Any]]:
    """The content of a candidate, whole."""
    parts: list[dict[str, Any]] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
    new = heard.options["generation"] >= 3
    if said.text:
        signed = {"thoughtSignature": seal(WIRE, _json(said.thought).decode())} if said.thought else {}
        parts.append({"text": said.text, **signed})
    for position, call in enumerate(said.calls):
        args = msgspec.json.decode(call.arguments)
        made: dict[str, Any] = {"name": call.name, "args": args}
        if new:
            made = {"id": call.id.removeprefix("call_")[:8] + str(number), **made}
        part: dict[str, Any] = {"functionCall": made}
        if not position and (new or said.thought):
            part["thoughtSignature"] = sign_call(call.name, args, said.thought)
        parts.append(part)
    return parts


def _taken_apart(part: dict[str, Any], tokens_per_chunk: int) -> Iterator[tuple[dict[str, Any], int]]:
    """A part in pieces, with the tokens of the answer in each; a text's signature follows it on an empty one."""
    if "functionCall" in part:
        call = part["functionCall"]
        yield part, count_tokens(call["name"]) + count_tokens(_json(call["args"]).decode())
        return
    beside = {"thought": True} if part.get("thought") else {}
    for piece, tokens in pieces(part["text"], tokens_per_chunk):
        yield {"text": piece, **beside}, 0 if beside else tokens
    if "thoughtSignature" in part:
        yield {"text": "", "thoughtSignature": part["thoughtSignature"]}, 0
