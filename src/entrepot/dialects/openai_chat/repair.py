"""Chunks and whole answers that would break a strict client, made into what the dialect's reference says.

Rules of this file: an answer that is as it should be is never touched (`relay.py` finds out at the price of what it reads
anyway). What is mended: `null` for a role or a call's type, a choice without index, lists for a content, finish reasons and
service tiers that no client knows, tool calls without index or id, with a repeated name (which clients join to `searchsearch`),
or with an object for arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from entrepot.dialects.openai_chat.calls import CallJoiner, text_of
from entrepot.dialects.openai_chat.render import REASONS
from entrepot.dialects.openai_chat.usage import finish_reason_of
from entrepot.dialects.openai_chat.wire import WireChoice, WireCompletion

Placed = Iterator[tuple[int, bool]]
KNOWN_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
_TIER_OF = {"performance": "priority"}  # Groq's word; `on_demand` is its default
# A quotation mark inside a text is escaped, so this is never found in one.
_NULL = re.compile(rb'"(?:role|type)": ?null')


def place_calls(choice: WireChoice, joiner: CallJoiner) -> tuple[list[tuple[int, bool]], bool]:
    """Which call each piece belongs to and whether it begins it; and whether a client that goes by the index sees the same."""
    whole = choice.message is not None
    answer = choice.message if whole else choice.delta
    placed, sound = [], True
    for position, piece in enumerate((answer.tool_calls or ()) if answer is not None else ()):
        name = (piece.function.name if piece.function is not None else None) or ""
        call, begins = joiner.place(piece.index, piece.id or "", name, whole=whole)
        placed.append((call, begins))
        if whole:
            sound = sound and bool(piece.id) and call == position
        else:
            sound = sound and piece.index == call and (bool(piece.id) if begins else not (piece.id or name))
        if piece.function is not None and not isinstance(piece.function.arguments, str | None):
            sound = False
    return placed, sound


def is_sound(completion: WireCompletion, data: bytes) -> bool:
    """Whether everything but its tool calls is as clients expect."""
    choices = completion.choices
    if choices is None or (completion.service_tier is not None and completion.service_tier not in _TIERS):
        return False
    for choice in choices:
        reason, answer = choice.finish_reason, choice.delta or choice.message
        if choice.index is None or (reason is not None and reason not in KNOWN_REASONS):
            return False
        if answer is not None and not (
            _is_text(answer.content) and _is_text(answer.reasoning_content) and _is_text(answer.reasoning)
        ):
            return False
    return not has_nulls(data)


def has_nulls(data: bytes) -> bool:
    """Whether something in it may be null that clients take for a list or a text."""
    return (b'"role"' in data or b'"type"' in data) and _NULL.search(data) is not None


def _is_text(value: object) -> bool:
    return value is None or type(value) is str


def repaired(completion: dict[str, Any], placed: Placed, made_id: Callable[[int, int], str]) -> dict[str, Any]:
    """The completion as it should be. `placed` gives its calls in order; `made_id` names a call of a choice."""
    mended = dict(completion)
    given = completion.get("choices")
    mended["choices"] = [
        _choice(choice, position, placed, made_id)
        for position, choice in enumerate(given if isinstance(given, list) else ())
        if isinstance(choice, dict)
    ]
    tier = completion.get("service_tier")
    if isinstance(tier, str) and tier not in _TIERS:
        mended["service_tier"] = _TIER_OF.get(tier, "default")
    return mended


def _choice(
    choice: dict[str, Any], position: int, placed: Placed, made_id: Callable[[int, int], str]
) -> dict[str, Any]:
    mended = dict(choice)
    index = choice.get("index") if isinstance(choice.get("index"), int) else position
    mended["index"] = index
    word = choice.get("finish_reason")
    if word is not None and word not in KNOWN_REASONS:
        mended["finish_reason"] = REASONS[finish_reason_of(word)] if isinstance(word, str) and word else None
    whole = isinstance(choice.get("message"), dict)
    name = "message" if whole else "delta"
    answer = choice.get(name)
    mended[name] = _answer(
        answer if isinstance(answer, dict) else {}, whole, placed, lambda call: made_id(index or 0, call)
    )
    return mended


def _answer(answer: dict[str, Any], whole: bool, placed: Placed, made_id: Callable[[int], str]) -> dict[str, Any]:
    mended = {name: value for name, value in answer.items() if not (name == "role" and value is None)}
    if whole:
        mended["role"] = answer.get("role") or "assistant"
    if isinstance(content := answer.get("content"), list):
        said, thought = _divided(content)
        mended["content"] = said
        if thought:
            mended["reasoning_content"] = thought
    for name in ("reasoning_content", "reasoning"):
        if isinstance(mended.get(name), dict | list):
            mended[name] = _joined(mended[name])
    calls = answer.get("tool_calls")
    if isinstance(calls, list):
        mended["tool_calls"] = [_call(call, *next(placed), whole, made_id) for call in calls if isinstance(call, dict)]
    return mended


def _call(piece: dict[str, Any], call: int, begins: bool, whole: bool, made_id: Callable[[int], str]) -> dict[str, Any]:
    mended = dict(piece)
    if not whole:
        mended["index"] = call
    function = piece.get("function")
    if isinstance(function, dict):
        function = dict(function)
        if not isinstance(function.get("arguments"), str | None):
            function["arguments"] = text_of(function["arguments"])
        if not begins:
            function.pop("name", None)
        mended["function"] = function
    if begins:
        mended["id"] = piece.get("id") or made_id(call)
        mended["type"] = piece.get("type") or "function"
    else:
        mended.pop("id", None)
        if mended.get("type") is None:
            mended.pop("type", None)
    return mended


def _divided(content: list[Any]) -> tuple[str, str]:
    """What a list of parts says, and what it thinks."""
    said, thought = [], []
    for part in content:
        if isinstance(part, dict) and part.get("type") == "thinking":
            thought.append(_joined(part.get("thinking")))
        else:
            said.append(_joined(part))
    return "".join(said), "".join(thought)


def _joined(value: object) -> str:
    """The text in a value of whatever shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_joined(each) for each in value)
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""
