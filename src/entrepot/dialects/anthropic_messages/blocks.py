"""Content blocks to canonical parts.

Rules of this file: a field of a block that has no canonical name is kept in the part's `extra["rest"]`; a block of a kind that
the canonical form does not know (a provider's own tools, their results, compaction) is kept whole, as Unknown. A reference to
a deferred tool is text, for what it says: `deferred.py` sees to it that the tool is there.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from entrepot.canonical.request import Media, Part, Reasoning, Text, ToolCall, ToolResult, Unknown
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.dialects.seal import unseal
from entrepot.errors import InvalidRequest

_KNOWN: dict[str, set[str]] = {
    "text": {"type", "text", "citations", "cache_control"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "title", "cache_control"},
    "tool_use": {"type", "id", "name", "input", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_reference": {"type", "tool_name", "cache_control"},
}


def part_of_block(block: dict[str, Any], at: str) -> Part:
    """One block. Raises InvalidRequest naming what is missing, under the path `at`."""
    kind = block.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest(f"'{at}.type' is missing: a content block names its type", param=f"{at}.type")
    extra = _extra(block, kind)
    match kind:
        case "text":
            return Text(_text(block, "text", at), extra)
        case "thinking":
            signature, bound_to = unseal(str(block.get("signature") or ""), DIALECT)
            return Reasoning(_text(block, "thinking", at), signature, False, bound_to, extra)
        case "redacted_thinking":
            signature, bound_to = unseal(_text(block, "data", at), DIALECT)
            return Reasoning("", signature, True, bound_to, extra)
        case "tool_use":
            arguments = msgspec.json.encode(block.get("input") or {}).decode()
            return ToolCall(_text(block, "id", at), _text(block, "name", at), arguments, extra=extra)
        case "tool_result":
            return _tool_result(block, at, extra)
        case "image" | "document":
            return _media(block, at, extra) or Unknown(DIALECT, block)
        case "tool_reference":
            return Text(f"The tool '{_text(block, 'tool_name', at)}' can be called now.", extra)
        case _:
            return Unknown(DIALECT, block)


def _extra(block: dict[str, Any], kind: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if isinstance(block.get("cache_control"), dict):
        extra["cache_control"] = block["cache_control"]
    cited = block.get("citations")
    if isinstance(cited, list) and cited and kind == "text":
        extra["citations"] = [shared_citation(each) for each in cited]
    known = _KNOWN.get(kind, set())
    rest = {name: value for name, value in block.items() if name not in known}
    if "citations" in block and "citations" not in extra:
        rest["citations"] = cited
    if rest:
        extra["rest"] = rest
    return extra


def shared_citation(cited: object) -> dict[str, Any]:
    """A citation in the shared form (request.SHARED_EXTRA), the dialect's own object beside it."""
    if not isinstance(cited, dict):
        return {"raw": cited}
    title = cited.get("title") or cited.get("document_title")
    given = {"url": cited.get("url"), "title": title, "cited_text": cited.get("cited_text")}
    return {**{name: value for name, value in given.items() if value is not None}, "raw": cited}


def _text(block: dict[str, Any], name: str, at: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"'{at}.{name}' must be a string", param=f"{at}.{name}")
    return value


def _tool_result(block: dict[str, Any], at: str, extra: dict[str, Any]) -> ToolResult:
    content = block.get("content")
    parts: list[Text | Media | Unknown] = []
    if isinstance(content, str):
        parts.append(Text(content))
    for i, inner in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(inner, dict):
            raise InvalidRequest(f"'{at}.content[{i}]' must be a content block", param=f"{at}.content[{i}]")
        part = part_of_block(inner, f"{at}.content[{i}]")
        parts.append(part if isinstance(part, Text | Media | Unknown) else Unknown(DIALECT, inner))
    return ToolResult(_text(block, "tool_use_id", at), tuple(parts), bool(block.get("is_error")), extra)


def _media(block: dict[str, Any], at: str, extra: dict[str, Any]) -> Media | None:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest(f"'{at}.source' must be an object", param=f"{at}.source")
    kind: Any = "image" if block["type"] == "image" else "file"
    title = block.get("title")
    name = title if isinstance(title, str) else None
    given: dict[str, Any] = {"kind": kind, "name": name, "extra": extra}
    match source.get("type"):
        case "base64":
            media_type = _text(source, "media_type", f"{at}.source")
            return Media(media_type=media_type, data=_text(source, "data", f"{at}.source"), **given)
        case "url":
            return Media(url=_text(source, "url", f"{at}.source"), **given)
        case "file":
            return Media(file_id=_text(source, "file_id", f"{at}.source"), **given)
        case "text":
            text = _text(source, "data", f"{at}.source")
            return Media(media_type="text/plain", data=base64.b64encode(text.encode()).decode(), **given)
        case _:
            return None  # a document made of blocks, or a source of a later version
