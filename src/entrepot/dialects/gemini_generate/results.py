"""What functions returned, between the wire and the canonical form.

Rules of this file: the wire wants an object. Text `x` is `{"output": "x"}`, an error's text `{"error": "x"}` (the names that
Google's reference gives these meanings), and any other object is its own JSON text. JSON text that another dialect's client
sends stays an object where it would come back as the very same text, and is `output` where it would not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from entrepot.canonical.request import Media, Text, ToolResult, Unknown
from entrepot.dialects.gemini_generate.media import parse_blob, parse_file, render_media
from entrepot.dialects.gemini_generate.wire import (
    DIALECT,
    WireBlob,
    WireFile,
    WireFunctionResponse,
    decode_value,
    encode,
    rest,
)
from entrepot.errors import InvalidRequest


def parse_result(wire: WireFunctionResponse, raw: dict[str, Any], call_id: str, extra: dict[str, Any]) -> ToolResult:
    """A `functionResponse`; `call_id` is of the call that it answers, `extra` what its part says beside it."""
    text, is_error = _text_of(wire.response or {})
    parts: list[Text | Media | Unknown] = [] if text is None else [Text(text)]
    parts.extend(_media_of(part) for part in wire.parts or ())
    kept = {**extra, **rest(raw, WireFunctionResponse)}
    return ToolResult(call_id, tuple(parts), is_error, kept)


def _text_of(response: dict[str, Any]) -> tuple[str | None, bool]:
    if len(response) == 1:
        for name in ("output", "error"):
            if isinstance(response.get(name), str):
                return response[name], name == "error"
    return (encode(response).decode() if response else None), False


def _media_of(part: dict[str, Any]) -> Media | Unknown:
    blob, file = part.get("inlineData"), part.get("fileData")
    beside = {name: value for name, value in part.items() if name not in ("inlineData", "fileData")}
    try:
        if blob is not None:
            return parse_blob(msgspec.convert(blob, WireBlob), blob, beside)
        if file is not None:
            return parse_file(msgspec.convert(file, WireFile), file, beside)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"a part of a function's response: {error}", param="contents[*].parts[*]") from None
    return Unknown(DIALECT, part)


def render_result(
    result: ToolResult, names: Mapping[str, str], at: str, *, own: bool, call_ids: bool = True
) -> dict[str, Any]:
    """A `functionResponse` part. `names` tells the function by call id; the wire matches results by name.

    Raises InvalidRequest where the call is not in the conversation, so that its function's name is not known.
    """
    name = names.get(result.call_id)
    extra = dict(result.extra) if own else {}
    name = extra.pop("name", name)
    if name is None:
        raise InvalidRequest(
            f"'{at}' answers the call '{result.call_id[:80]}', which no earlier message makes: {DIALECT} needs its "
            "function's name",
            param=at,
        )
    signed = {"thoughtSignature": extra.pop("thoughtSignature")} if "thoughtSignature" in extra else {}
    wire: dict[str, Any] = {**extra, "name": name, "response": _response_of(result)}
    if call_ids and result.call_id:
        wire["id"] = result.call_id
    if media := [_render_inner(part, at, own=own) for part in result.parts if not isinstance(part, Text)]:
        wire["parts"] = media
    return {"functionResponse": wire, **signed}


def _render_inner(part: Media | Unknown, at: str, *, own: bool) -> dict[str, Any]:
    if isinstance(part, Media):
        return render_media(part, at, own=own)
    if part.dialect != DIALECT:
        raise foreign_part(part, at)
    return part.raw


def foreign_part(part: Unknown, at: str) -> InvalidRequest:
    """The refusal of a part that only its own dialect has."""
    kind = part.kind
    return InvalidRequest(f"'{at}' is or holds '{kind}' of {part.dialect}, which {DIALECT} cannot say", param=at)


def _response_of(result: ToolResult) -> dict[str, Any]:
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    text = "\n".join(texts)
    if result.is_error:
        return {"error": text}
    if not texts:
        return {}
    if text.startswith("{"):
        try:
            value = decode_value(text)
        except (msgspec.DecodeError, RecursionError):
            return {"output": text}
        if isinstance(value, dict) and value and encode(value).decode() == text and _text_of(value) == (text, False):
            return value
    return {"output": text}
