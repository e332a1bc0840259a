"""Canonical events to what a client of this dialect reads: a whole answer.

Rules of this file: `own` says that the provider spoke this dialect, so that every `extra` is in its words and the answer comes
out as it was. Ids that we made are not shown: the wire had none. Another provider's signature is sealed (see `seal.py`). A call
whose arguments are no JSON object cannot be said; the choice then ends with MALFORMED_FUNCTION_CALL and its `finishMessage` holds
the call, as Gemini itself does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response
from entrepot.dialects.gemini_generate.citations import grounding_of, logprobs_result, shared_citations
from entrepot.dialects.gemini_generate.media import render_media
from entrepot.dialects.gemini_generate.parts import is_made_id, own_extra, parse_arguments, render_part
from entrepot.dialects.gemini_generate.seal import wire_signature
from entrepot.dialects.gemini_generate.usage import WIRE_REASONS, render_usage
from entrepot.dialects.gemini_generate.wire import DIALECT


def render_answer(response: Response) -> dict[str, Any]:
    """The wire's object for a whole answer."""
    own = response.dialect == DIALECT
    answer: dict[str, Any] = own_extra(response.extra, own=own)
    if not is_refused_prompt(answer, response.choices):
        answer["candidates"] = [_candidate(choice, own) for choice in response.choices]
    if response.usage is not None:
        answer["usageMetadata"] = render_usage(response.usage, own=own)
    return {**answer, **head(response.id, response.model)}


def head(answer_id: str, model: str) -> dict[str, Any]:
    """What says whose answer it is."""
    return {name: value for name, value in (("modelVersion", model), ("responseId", answer_id)) if value}


def is_refused_prompt(extra: dict[str, Any], choices: Iterable[Choice]) -> bool:
    """Whether the prompt itself was refused: such an answer has no candidates."""
    feedback = extra.get("promptFeedback")
    return isinstance(feedback, dict) and not any(
        choice.parts or choice.extra or choice.finish_reason != "content_filter" for choice in choices
    )


def _candidate(choice: Choice, own: bool) -> dict[str, Any]:
    parts, malformed = render_parts(choice.parts, own=own)
    candidate = choice_fields(choice.extra, own=own)
    if not own:
        candidate.update(_grounding(choice.parts))
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    elif choice.finish_reason != "content_filter":
        candidate["content"] = {"role": "model"}
    reason = reason_of(choice.finish_reason, refused=any(isinstance(part, Refusal) for part in choice.parts))
    return {**candidate, **finish_fields(choice.extra, reason, malformed, own=own), "index": choice.index}


def choice_fields(extra: dict[str, Any], *, own: bool) -> dict[str, Any]:
    """What a choice's `extra` says on the wire."""
    fields = own_extra(extra, own=own)
    fields.pop("finishReason", None)
    if not own and isinstance(extra.get("logprobs"), dict):
        fields["logprobsResult"] = logprobs_result(extra["logprobs"])
    return fields


def reason_of(reason: FinishReason, *, refused: bool) -> FinishReason:
    """The reason as this dialect knows it, which has no other place to say that the model declined."""
    return "refusal" if refused and reason in ("stop", "unknown") else reason


def finish_fields(extra: dict[str, Any], reason: FinishReason, malformed: list[str], *, own: bool) -> dict[str, Any]:
    """The finish reason, in the provider's own word where that is known."""
    if malformed:
        return {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "; ".join(malformed)}
    word = extra.get("finishReason") if own else None
    return {"finishReason": word or WIRE_REASONS[reason]}


def render_parts(parts: Iterable[Part], *, own: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The parts that the wire can say, and in words the calls that it cannot."""
    rendered: list[dict[str, Any]] = []
    malformed: list[str] = []
    for part in parts:
        if isinstance(part, ToolCall) and parse_arguments(part.arguments) is None:
            malformed.append(f"Malformed function call: {part.name}({part.arguments})")
        elif (wire := _part(part, own)) is not None:
            rendered.append(wire)
    return rendered, malformed


def _part(part: Part, own: bool) -> dict[str, Any] | None:
    match part:
        case Reasoning() if part.bound_to != DIALECT:
            if part.bound_to is None and part.signature is None:
                return {"text": part.text, "thought": True} if part.text else None
            shape = {"text": ""} if part.redacted else {"text": part.text, "thought": True}
            return {**shape, "thoughtSignature": wire_signature(part.signature, part.bound_to)}
        case ToolCall():
            call: dict[str, Any] = {"name": part.name, "args": parse_arguments(part.arguments)}
            if part.id and not is_made_id(part.id):
                call["id"] = part.id
            signed = (
                {} if part.signature is None else {"thoughtSignature": wire_signature(part.signature, part.bound_to)}
            )
            return {**own_extra(part.extra, own=own), "functionCall": call, **signed}
        case Unknown() | ToolResult():
            return part.raw if isinstance(part, Unknown) and part.dialect == DIALECT else None
        case Media():
            return render_media(part, "", own=True) if own else _foreign_media(part)
        case Text() | Reasoning() | Refusal():
            return render_part(part, {}, "", own=own)


def _foreign_media(part: Media) -> dict[str, Any] | None:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type or _DEFAULT_TYPES[part.kind], "data": part.data}}
    if part.url is not None:
        return {"fileData": {"mimeType": part.media_type or _DEFAULT_TYPES[part.kind], "fileUri": part.url}}
    return None


_DEFAULT_TYPES = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "file": "application/octet-stream"}


def _grounding(parts: Iterable[Part]) -> dict[str, Any]:
    texts = [part for part in parts if isinstance(part, Text)]
    citations: list[dict[str, Any]] = []
    offset = 0
    for part in texts:
        citations.extend(shared_citations(part.extra, offset))
        offset += len(part.text)
    grounding = grounding_of(citations, "".join(part.text for part in texts))
    return {"groundingMetadata": grounding} if grounding else {}
