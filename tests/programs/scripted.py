"""A stand-in provider that answers by script in three dialects, and keeps what it was asked.

Written from the providers' own documentation and against no code of ours. A script is a function of what was heard; the
same script serves every dialect, so that a program can be answered by a provider of another one than it speaks.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import msgspec

Dialect = Literal["openai-chat", "anthropic-messages", "gemini-generate"]
PATHS: dict[Dialect, str] = {"openai-chat": "/v1", "anthropic-messages": "/v1", "gemini-generate": "/v1beta"}
PIECE = 7  # characters of a text that one chunk of a stream carries


class Heard(msgspec.Struct):
    """One request as the provider got it: `tools` by name, `results` the text of every tool result, in order."""

    dialect: Dialect
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    stream: bool
    tools: list[str]
    results: list[str]


class Call(msgspec.Struct, frozen=True):
    """A call of a tool."""

    name: str
    arguments: dict[str, Any]


class Reply(msgspec.Struct, frozen=True):
    """What is answered: a text, then calls. `number` counts the replies: ids are made of it, for no two may have the same."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    number: int = 0


Script = Callable[[Heard], Reply]


def call_then_tell(*calls: Call) -> Script:
    """Each call in its turn, if the tool is offered; then a text that holds what the last one gave."""

    def script(heard: Heard) -> Reply:
        if len(heard.results) < len(calls) and calls[len(heard.results)].name in heard.tools:
            return Reply(calls=(calls[len(heard.results)],))
        return Reply(
            f"The tool says: {heard.results[-1]}" if heard.results else "你好，世界！ A text in several pieces 🚀."
        )

    return script


class ScriptedProvider:
    """A provider on loopback for as long as it is open; `requests` are those that it answered."""

    def __init__(self, script: Script, server: ThreadingHTTPServer) -> None:
        self.script = script
        self.requests: list[Heard] = []
        self._server = server

    def base_url(self, dialect: Dialect) -> str:
        """Where deployments of this dialect find it."""
        return f"http://127.0.0.1:{self._server.server_port}{PATHS[dialect]}"


@contextlib.contextmanager
def scripted_provider(script: Script) -> Iterator[ScriptedProvider]:
    """One that listens."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            heard = hear(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            with lock:
                provider.requests.append(heard)
                number = len(provider.requests)
            data = render(heard, msgspec.structs.replace(provider.script(heard), number=number))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if heard.stream else "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = ScriptedProvider(script, server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---- what is asked ---------------------------------------------------------------------------------------------------


def hear(path: str, headers: dict[str, str], body: dict[str, Any]) -> Heard:
    """Understand a request."""
    if path.endswith("/chat/completions"):
        tools = [tool["function"]["name"] for tool in body.get("tools", ())]
        results = [text_of(message["content"]) for message in body["messages"] if message["role"] == "tool"]
        return Heard("openai-chat", path, headers, body, bool(body.get("stream")), tools, results)
    if path.endswith("/messages"):
        tools = [tool["name"] for tool in body.get("tools", ())]
        blocks = [block for m in body["messages"] if isinstance(m["content"], list) for block in m["content"]]
        results = [text_of(block.get("content", "")) for block in blocks if block["type"] == "tool_result"]
        return Heard("anthropic-messages", path, headers, body, bool(body.get("stream")), tools, results)
    assert "/models/" in path, path
    tools = [f["name"] for group in body.get("tools", ()) for f in group.get("functionDeclarations", ())]
    parts = [part for content in body["contents"] for part in content["parts"]]
    results = [
        json.dumps(p["functionResponse"]["response"], ensure_ascii=False) for p in parts if "functionResponse" in p
    ]
    return Heard("gemini-generate", path, headers, body, ":streamGenerateContent" in path, tools, results)


def text_of(content: str | Sequence[dict[str, Any]]) -> str:
    """A text, or the texts of its parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


# ---- what is answered ------------------------------------------------------------------------------------------------


def render(heard: Heard, reply: Reply) -> bytes:
    """The body of the answer."""
    match heard.dialect:
        case "openai-chat":
            return _stream(_chat_chunks(reply), end="[DONE]") if heard.stream else _json(_chat(reply))
        case "anthropic-messages":
            return _stream(_message_events(reply)) if heard.stream else _json(_message(reply))
        case "gemini-generate":
            return _stream(_gemini_chunks(reply)) if heard.stream else _json(_gemini([_gemini_parts(reply)], "STOP"))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _stream(events: Sequence[dict[str, Any]], end: str | None = None) -> bytes:
    frames = []
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        frames.append(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n")
    return "".join([*frames, f"data: {end}\n\n" if end else ""]).encode()


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def _chat(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = _chat_calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.calls else "stop"}
    return {**_chat_head(reply), "object": "chat.completion", "choices": [choice], "usage": _CHAT_USAGE}


_CHAT_USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def _chat_head(reply: Reply) -> dict[str, Any]:
    return {"id": f"chatcmpl-{reply.number}", "created": 1, "model": "scripted"}


def _chat_calls(reply: Reply) -> list[dict[str, Any]]:
    written = [{"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)} for call in reply.calls]
    return [{"id": f"call_{reply.number}_{i}", "type": "function", "function": each} for i, each in enumerate(written)]


def _chat_chunks(reply: Reply) -> list[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**head, "choices": [choice]}

    head = {**_chat_head(reply), "object": "chat.completion.chunk"}

    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"content": piece}) for piece in _pieces(reply.text)]
    for index, whole in enumerate(_chat_calls(reply)):
        arguments = whole["function"]["arguments"]
        whole["function"]["arguments"] = ""
        chunks.append(chunk({"tool_calls": [{"index": index, **whole}]}))
        chunks += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}) for piece in _pieces(arguments)
        ]
    chunks.append(chunk({}, "tool_calls" if reply.calls else "stop"))
    return [*chunks, {**head, "choices": [], "usage": _CHAT_USAGE}]


def _message(reply: Reply) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{reply.number}_{i}", "name": call.name, "input": call.arguments}
        for i, call in enumerate(reply.calls)
    ]
    head = {
        "id": f"msg_{reply.number}",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "stop_sequence": None,
    }
    usage = {"input_tokens": 11, "output_tokens": 5}
    return {**head, "content": content, "stop_reason": "tool_use" if reply.calls else "end_turn", "usage": usage}


def _message_events(reply: Reply) -> list[dict[str, Any]]:
    whole = _message(reply)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "ping"},
    ]
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        else:
            empty = {**block, "input": {}}
            written = json.dumps(block["input"], ensure_ascii=False)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(written)]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [*events, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]


def _gemini(parts: list[list[dict[str, Any]]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [p for each in parts for p in each]}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "totalTokenCount": 16}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted", "responseId": "r1"}


def _gemini_parts(reply: Reply) -> list[dict[str, Any]]:
    calls = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in reply.calls]
    return [*([{"text": reply.text}] if reply.text else []), *calls]


def _gemini_chunks(reply: Reply) -> list[dict[str, Any]]:
    chunks = [_gemini([[{"text": piece}]], None) for piece in _pieces(reply.text)]
    return [*chunks, _gemini([_gemini_parts(Reply(calls=reply.calls))], "STOP")]
