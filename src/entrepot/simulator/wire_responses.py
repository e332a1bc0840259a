"""The OpenAI responses wire, outward: responses, their events and errors as bytes.

Source: OpenAI's API reference (Responses) and its SDK's types (3.54.0). Rules of this file: every event is numbered and names its
item; the last one carries the whole response. Reasoning is shown as a summary where one is asked for, and given along encrypted
where that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Frame, Reply, Said, pieces, sse
from entrepot.simulator.signatures import seal
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_openai import OpenAIChatWire
from entrepot.simulator.wire_responses_items import WIRE
from entrepot.simulator.wire_responses_request import parse_request

_json = msgspec.json.encode
Event = tuple[dict[str, Any], int]


class OpenAIResponsesWire(OpenAIChatWire):
    """OpenAI responses: errors, keys and models are as in chat completions."""

    nothing = b'{"id":"resp_x","object":"response","status":"completed","model":"m","output":[]}'

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """Responses, to be created only: none is kept."""
        asked = path == "/v1/responses" and request.method == "POST"
        return parse_request(request.body) if asked else None

    def reply_id(self, digest: str) -> str:
        """`resp_…`."""
        return f"resp_{digest[:48]}"

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A `response`."""
        return _json(_response(heard, reply, _items(heard, reply)))

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """The events of a response."""
        events = list(_events(heard, reply, tokens_per_chunk))
        if not reply.says_end:
            events.pop()
        return [
            Frame(sse(_json(event | {"sequence_number": number}), event["type"]), tokens)
            for number, (event, tokens) in enumerate(events)
        ]

    def frame(self, data: bytes) -> bytes:
        """An event whose data this is."""
        return sse(data, "response.output_text.delta")

    def render_error_frame(self, error: WireError) -> bytes:
        """An `error` event."""
        body = {"type": "error", "code": error.type, "message": error.message, "param": None, "sequence_number": 99}
        return sse(_json(body), "error")


def render_usage(tokens: Tokens) -> dict[str, Any]:
    """Usage as OpenAI counts it: cached tokens are inside the input, reasoning inside the output."""
    read = tokens.input_tokens + tokens.cache_read_tokens
    written = tokens.output_tokens + tokens.reasoning_tokens
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": tokens.cache_read_tokens, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning_tokens},
        "total_tokens": read + written,
    }


def _response(heard: Heard, reply: Reply, output: list[dict[str, Any]], status: str | None = None) -> dict[str, Any]:
    given, cut = heard.options["given"], reply.choices[0].finish_reason == "length"
    status = status or ("incomplete" if cut else "completed")
    return {
        "id": reply.id,
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": heard.parallel_calls,
        "previous_response_id": None,
        "reasoning": {"effort": heard.reasoning_effort, "summary": given.get("reasoning", {}).get("summary")},
        "store": given.get("store", True),
        "temperature": given.get("temperature", 1.0),
        "text": given.get("text", {"format": {"type": "text"}}),
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": given.get("tools", []),
        "top_p": given.get("top_p", 1.0),
        "truncation": given.get("truncation", "disabled"),
        "usage": render_usage(reply.tokens) if status != "in_progress" and reply.says_usage else None,
        "user": given.get("user"),
        "metadata": given.get("metadata", {}),
    }


def _items(heard: Heard, reply: Reply) -> list[dict[str, Any]]:
    """The output, whole."""
    said, ending = reply.choices[0], reply.id.removeprefix("resp_")
    items: list[dict[str, Any]] = []
    if said.thought:
        items.append(_reasoning_item(heard, said, f"rs_{ending}"))
    if said.text:
        kind = "refusal" if said.finish_reason == "refusal" else "output_text"
        part = {"type": kind, "refusal": said.text} if kind == "refusal" else _text_part(said.text)
        status = "incomplete" if said.finish_reason == "length" else "completed"
        items.append(
            {"id": f"msg_{ending}", "type": "message", "status": status, "role": "assistant", "content": [part]}
        )
    for number, call in enumerate(said.calls):
        head = {"id": f"fc_{ending}{number}", "type": "function_call", "status": "completed"}
        items.append(head | {"call_id": call.id, "name": call.name, "arguments": call.arguments})
    return items


def _reasoning_item(heard: Heard, said: Said, id: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": said.reasoning}] if said.reasoning else []
    item: dict[str, Any] = {"id": id, "type": "reasoning", "summary": summary}
    if heard.options["encrypts"]:
        item["encrypted_content"] = seal(WIRE, _json([id, said.thought]).decode())
    return item


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _events(heard: Heard, reply: Reply, tokens_per_chunk: int) -> Iterator[Event]:
    opening = _response(heard, reply, [], "in_progress")
    yield {"type": "response.created", "response": opening}, 0
    yield {"type": "response.in_progress", "response": opening}, 0
    items = _items(heard, reply)
    for index, item in enumerate(items):
        at = {"output_index": index, "item_id": item["id"]}
        match item["type"]:
            case "reasoning":
                begun, inner = item | {"summary": []}, _summary_events(item, at, tokens_per_chunk)
            case "message":
                begun = item | {"content": [], "status": "in_progress"}
                inner = _part_events(item["content"][0], at, tokens_per_chunk)
            case _:
                begun = item | {"arguments": "", "status": "in_progress"}
                inner = _call_events(item, at, tokens_per_chunk)
        yield {"type": "response.output_item.added", "output_index": index, "item": begun}, 0
        yield from inner
        yield {"type": "response.output_item.done", "output_index": index, "item": item}, 0
    closing = _response(heard, reply, items)
    yield {"type": f"response.{closing['status']}", "response": closing}, 0


def _summary_events(item: dict[str, Any], at: dict[str, Any], tokens_per_chunk: int) -> Iterator[Event]:
    for number, part in enumerate(item["summary"]):
        here, kind = at | {"summary_index": number}, "response.reasoning_summary"
        yield {"type": f"{kind}_part.added", "part": {"type": "summary_text", "text": ""}, **here}, 0
        for piece, _ in pieces(part["text"], tokens_per_chunk):
            yield {"type": f"{kind}_text.delta", "delta": piece, **here}, 0
        yield {"type": f"{kind}_text.done", "text": part["text"], **here}, 0
        yield {"type": f"{kind}_part.done", "part": part, **here}, 0


def _part_events(part: dict[str, Any], at: dict[str, Any], tokens_per_chunk: int) -> Iterator[Event]:
    here, kind = at | {"content_index": 0}, part["type"]
    name = "refusal" if kind == "refusal" else "text"
    extra: dict[str, Any] = {} if kind == "refusal" else {"logprobs": []}
    yield {"type": "response.content_part.added", "part": part | {name: ""}, **here}, 0
    for piece, tokens in pieces(part[name], tokens_per_chunk):
        yield {"type": f"response.{kind}.delta", "delta": piece, **here, **extra}, tokens
    yield {"type": f"response.{kind}.done", name: part[name], **here, **extra}, 0
    yield {"type": "response.content_part.done", "part": part, **here}, 0


def _call_events(item: dict[str, Any], at: dict[str, Any], tokens_per_chunk: int) -> Iterator[Event]:
    kind = "response.function_call_arguments"
    tokens_of_name = count_tokens(item["name"])
    for piece, tokens in pieces(item["arguments"], tokens_per_chunk):
        yield {"type": f"{kind}.delta", "delta": piece, **at}, tokens + tokens_of_name
        tokens_of_name = 0
    yield {"type": f"{kind}.done", "arguments": item["arguments"], "name": item["name"], **at}, 0
