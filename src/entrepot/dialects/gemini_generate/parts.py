"""A piece of content, between the wire and the canonical form; requests and answers have the same pieces.

Rules of this file: `thoughtSignature` may be on any piece. On thoughts and function calls it is their `signature`; on a piece
that has nothing else it is reasoning without text (`redacted`); on others it stays in `extra`. What no canonical part can say
(code that Google ran, its own tools' calls) is `Unknown` and renders only here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from entrepot.canonical.request import (
    SHARED_EXTRA,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.gemini_generate.media import parse_blob, parse_file, render_media
from entrepot.dialects.gemini_generate.results import foreign_part, parse_result, render_result
from entrepot.dialects.gemini_generate.seal import canonical_signature
from entrepot.dialects.gemini_generate.wire import DIALECT, WireFunctionCall, WirePart, decode_value, encode, rest
from entrepot.errors import InvalidRequest

SKIP_VALIDATION = "skip_thought_signature_validator"
"""Google's documented stand-in for a thought signature that was never there (ai.google.dev, "Thought signatures")."""
_MADE_ID = "gemini_call_"


def made_id(count: int) -> str:
    """An id for the `count`-th call of a conversation, where the wire gives none."""
    return f"{_MADE_ID}{count}"


def is_made_id(call_id: str) -> bool:
    """Whether `made_id` made it, so that the wire never had one."""
    return call_id.startswith(_MADE_ID)


def parse_part(
    wire: WirePart, raw: dict[str, Any], new_id: Callable[[], str], answered: Callable[[str], str | None]
) -> Part:
    """A canonical part. `new_id` gives an id to a call without one; `answered` the earliest open call of a function."""
    extra = rest(raw, WirePart)
    given = wire.thought_signature
    signature, bound_to = (None, None) if given is None else canonical_signature(given)
    signed = {**extra, "thoughtSignature": given} if given is not None else extra
    if wire.function_call is not None:
        call = wire.function_call
        kept = {**extra, **rest(raw["functionCall"], WireFunctionCall)}
        arguments = encode(call.args or {}).decode()
        return ToolCall(call.id or new_id(), call.name, arguments, signature, kept, bound_to)
    if wire.function_response is not None:
        answer = wire.function_response
        call_id = answer.id or answered(answer.name)
        if call_id is None:
            return parse_result(answer, raw["functionResponse"], new_id(), {**signed, "name": answer.name})
        return parse_result(answer, raw["functionResponse"], call_id, signed)
    if wire.inline_data is not None:
        return parse_blob(wire.inline_data, raw["inlineData"], signed)
    if wire.file_data is not None:
        return parse_file(wire.file_data, raw["fileData"], signed)
    if wire.text is not None and wire.thought:
        return Reasoning(wire.text, signature, bound_to=bound_to or DIALECT, extra=extra)
    if wire.text is not None and (wire.text or given is None):
        return Text(wire.text, signed)
    if given is not None and not extra:
        shape = {name: value for name, value in raw.items() if name != "thoughtSignature"}
        return Reasoning("", signature, True, bound_to, {} if shape == {"text": ""} else {"shape": shape})
    return Unknown(DIALECT, raw)


def join_reasoning(one: Reasoning, other: Reasoning) -> Reasoning | None:
    """Two pieces of one thought, None where the first is complete or they are not of one."""
    if one.bound_to != other.bound_to or one.signature is not None or one.redacted or other.redacted:
        return None
    if one.extra or other.extra:
        return None
    return Reasoning(one.text + other.text, other.signature, bound_to=one.bound_to)


def own_extra(extra: dict[str, Any], *, own: bool) -> dict[str, Any]:
    """What of an `extra` is said on this wire: its own words, without those that all dialects share."""
    return {name: value for name, value in extra.items() if name not in SHARED_EXTRA} if own and extra else {}


def render_part(
    part: Part, names: Mapping[str, str], at: str, *, own: bool, call_ids: bool = True
) -> dict[str, Any] | None:
    """A part for the wire, None for one that must not go there: reasoning that another provider is bound to.

    `own`: the part's `extra` is in this dialect's words. Raises InvalidRequest for what the wire cannot say.
    """
    match part:
        case Text():
            return {**own_extra(part.extra, own=own), "text": part.text}
        case Refusal():
            return {"text": part.text}
        case Reasoning():
            return _render_reasoning(part)
        case ToolCall():
            return _render_call(part, at, own=own, call_ids=call_ids)
        case ToolResult():
            return render_result(part, names, at, own=own, call_ids=call_ids)
        case Media():
            return render_media(part, at, own=own)
        case Unknown():
            if part.dialect != DIALECT:
                raise foreign_part(part, at)
            return part.raw


def _render_reasoning(part: Reasoning) -> dict[str, Any] | None:
    if part.bound_to != DIALECT:
        return None
    extra = dict(part.extra)
    signed = {"thoughtSignature": part.signature} if part.signature is not None else {}
    if part.redacted:
        return {**extra.get("shape", {"text": ""}), **signed}
    return {**extra, "text": part.text, "thought": True, **signed}


def _render_call(part: ToolCall, at: str, *, own: bool, call_ids: bool) -> dict[str, Any]:
    args = parse_arguments(part.arguments)
    if args is None:
        raise InvalidRequest(
            f"'{at}': the arguments of the call '{part.name}' are not a JSON object, and {DIALECT} takes no other",
            param=at,
        )
    call: dict[str, Any] = {"name": part.name, "args": args}
    if call_ids and part.id:
        call["id"] = part.id
    signed = {"thoughtSignature": part.signature} if part.signature is not None and part.bound_to == DIALECT else {}
    return {**own_extra(part.extra, own=own), "functionCall": call, **signed}


def parse_arguments(arguments: str) -> dict[str, Any] | None:
    """The object that a call's arguments are, None if they are none. No text at all is no arguments."""
    if not arguments.strip():
        return {}
    try:
        args = decode_value(arguments)
    except (msgspec.DecodeError, RecursionError):
        return None
    return args if isinstance(args, dict) else None
