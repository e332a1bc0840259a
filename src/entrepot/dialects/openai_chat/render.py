"""Canonical events to a whole answer in this dialect; `render_stream.py` says the same as a stream.

Reasoning is `reasoning_content`, and beside it `reasoning_details` where a provider sealed it, so that a client that sends the
message back as it was lets the provider go on from it. Left out, because the dialect has no words for it: parts that only
another dialect knows (a provider's own tools and their results), a tool result inside an answer, and another dialect's `extra`
but for the shared names. Images are given as OpenRouter gives them (`images`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.request import Media, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import ToolCallStarted
from entrepot.dialects.openai_chat.content import detail_of_reasoning
from entrepot.dialects.openai_chat.wire import DIALECT
from entrepot.dialects.seal import seal

REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "length",  # not a stop: there is more to come
    "error": "length",
    "unknown": "stop",
}


def render_response(response: Response, created_s: int = 0, *, legacy: bool = False) -> dict[str, Any]:
    """A whole answer as the wire's object. `legacy`: the client offered `functions`, and reads `function_call`."""
    own = response.dialect == DIALECT
    choices = [_choice(choice, own) for choice in response.choices]
    rendered = {
        "id": response.id or "chatcmpl",
        "object": "chat.completion",
        "created": response.created or created_s,
        "model": response.model,
        "choices": [_with_function_call(choice) for choice in choices] if legacy else choices,
        **(response.extra if own else {}),
    }
    if response.usage is not None:
        rendered["usage"] = usage_fields(response.usage, own)
    return rendered


def _choice(choice: Choice, own: bool) -> dict[str, Any]:
    extra = dict(choice.extra) if own else {n: v for n, v in choice.extra.items() if n == "logprobs"}
    kept = extra.pop("message", {})
    reason = extra.pop("finish_reason", REASONS[choice.finish_reason])
    return {
        "index": choice.index,
        "message": {**({"role": "assistant", "content": None} if not own else {}), **kept, **_message(choice, own)},
        "finish_reason": reason,
        **extra,
    }


def _with_function_call(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice as it was before there were tools: it calls one function, the first."""
    calls = choice["message"].pop("tool_calls", None)
    if not calls:
        return choice
    reason = "function_call" if choice["finish_reason"] == "tool_calls" else choice["finish_reason"]
    return {
        **choice,
        "message": {**choice["message"], "function_call": calls[0]["function"]},
        "finish_reason": reason,
    }


def _message(choice: Choice, own: bool) -> dict[str, Any]:
    message: dict[str, Any] = {}
    texts = [part for part in choice.parts if isinstance(part, Text)]
    if own and any(isinstance(part, Text | Reasoning) and part.extra.get("in_list") for part in choice.parts):
        message["content"] = [_listed(part) for part in choice.parts if isinstance(part, Text | Reasoning | Unknown)]
    elif own and any(isinstance(part, Text | Reasoning) and "lead" in part.extra for part in choice.parts):
        message["content"] = "".join(
            part.extra.get("lead", "") + part.text for part in choice.parts if isinstance(part, Text | Reasoning)
        )
    else:
        if texts:
            message["content"] = "".join(part.text for part in texts)
        message.update(_reasoning([part for part in choice.parts if isinstance(part, Reasoning)], own))
        if not own and (annotations := _annotations(texts)):
            message["annotations"] = annotations
    if refusals := [part.text for part in choice.parts if isinstance(part, Refusal)]:
        message["refusal"] = "".join(refusals)
    calls: list[dict[str, Any]] = []
    for part in choice.parts:
        if isinstance(part, ToolCall) and own and part.extra.get("legacy"):
            message["function_call"] = {"name": part.name, "arguments": part.extra.get("arguments", part.arguments)}
        elif isinstance(part, ToolCall):
            calls.append(_call(part, own))
        elif isinstance(part, Unknown) and part.dialect == DIALECT and part.raw.get("type") == "custom":
            calls.append(part.raw)
        elif isinstance(part, Media) and part.kind == "audio" and own:
            message["audio"] = {**part.extra, "data": part.data}
        elif isinstance(part, Media) and part.kind == "image":
            message.setdefault("images", []).append(image_of(part))
    if calls:
        message["tool_calls"] = calls
    return message


def _reasoning(parts: Sequence[Reasoning], own: bool) -> dict[str, Any]:
    text = "".join(part.text for part in parts)
    details = [
        detail_of_reasoning(part, position)
        for position, part in enumerate(parts)
        if part.signature is not None or "detail" in part.extra
    ]
    rendered: dict[str, Any] = {"reasoning_details": details} if details else {}
    fields = parts[0].extra.get("fields", []) if own and parts else ["reasoning_content"]
    return rendered if not text else {**rendered, **dict.fromkeys(fields, text)}


def _listed(part: Text | Reasoning | Unknown) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Unknown):
        return part.raw
    rest = {name: value for name, value in part.extra.items() if name != "in_list"}
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], **rest}


def _annotations(texts: Sequence[Text]) -> list[dict[str, Any]]:
    """Citations that name a page, placed in the joined text."""
    found, offset = [], 0
    for part in texts:
        for cited in part.extra.get("citations", ()):
            if cited.get("url"):
                start = offset + (cited.get("start") or 0)
                end = offset + (cited["end"] if cited.get("end") is not None else len(part.text))
                place = {"url": cited["url"], "title": cited.get("title") or "", "start_index": start, "end_index": end}
                found.append({"type": "url_citation", "url_citation": place})
        offset += len(part.text)
    return found


def _call(part: ToolCall, own: bool) -> dict[str, Any]:
    call = {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
    if not own:
        return {**call, **signature_of(part)}
    rest = dict(part.extra)
    if "arguments" in rest:
        call["function"] = {"name": part.name, "arguments": rest.pop("arguments")}
    if "type" in rest and rest["type"] is None:
        del call["type"], rest["type"]
    return {**call, **rest}


def signature_of(part: ToolCall | ToolCallStarted) -> dict[str, Any]:
    """A call's signature, marked with whose it is, where Google's own address of this dialect has it."""
    if part.signature is None:
        return {}
    sealed = seal(part.signature, part.bound_to, DIALECT)
    return {"extra_content": {"google": {"thought_signature": sealed}}}


def image_of(part: Media) -> dict[str, Any]:
    """An image as OpenRouter gives it."""
    url = part.url or f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
    return {"type": "image_url", "image_url": {"url": url}}


def usage_fields(usage: Usage, own: bool) -> dict[str, Any]:
    """Tokens as this dialect counts them: cached inside prompt, reasoning inside completion."""
    if own and usage.extra:
        return usage.extra
    return {
        "prompt_tokens": usage.all_input,
        "completion_tokens": usage.all_output,
        "total_tokens": usage.all_input + usage.all_output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
