"""A request's messages made to fit a provider's departures from the dialect; see `fitting.py` for the rules."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.dialects.openai_chat.wire import Fields, decode_messages, value_of

MESSAGE_QUIRKS = frozenset(
    {
        "no_developer_role",
        "one_system_message",
        "flat_text",
        "replay_reasoning",
        "replay_think_tags",
        "no_reasoning_replay",
    }
)
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
_UNKNOWN_REASONING = " "  # what hosts take where nobody kept the real text; an empty one counts as none


def fit_messages(given: msgspec.Raw | list[Fields], quirks: frozenset[str], words: str | None) -> list[Fields]:
    """The messages, with `words` added to the instructions."""
    messages = decode_messages(given) if isinstance(given, msgspec.Raw) else given
    fitted = [_fit(dict(message), quirks) for message in messages]
    if words is not None:
        fitted.insert(0, {"role": "system", "content": words})
    return _with_one_system_message(fitted) if "one_system_message" in quirks else fitted


def _fit(message: Fields, quirks: frozenset[str]) -> Fields:
    role = value_of(message, "role")
    if role == "developer" and quirks & {"no_developer_role", "one_system_message"}:
        message["role"] = "system"
    if role == "assistant":
        _fit_reasoning(message, quirks)
    if "flat_text" in quirks:
        _flatten(message)
    return message


def _fit_reasoning(message: Fields, quirks: frozenset[str]) -> None:
    """Reasoning as the provider wants it back: under one name, in the content, or not at all."""
    if "replay_reasoning" in quirks:
        thought = _thought(message)
        _drop_reasoning(message)
        message["reasoning_content"] = thought or _UNKNOWN_REASONING
    elif "replay_think_tags" in quirks:
        thought, content = _thought(message), value_of(message, "content")
        _drop_reasoning(message)
        if thought and (content is None or isinstance(content, str)):
            message["content"] = f"<think>\n{thought}\n</think>\n\n{content or ''}"
    elif "no_reasoning_replay" in quirks:
        _drop_reasoning(message)


def _thought(message: Fields) -> str:
    """The reasoning text of a message, whichever of its fields has it."""
    for name in ("reasoning_content", "reasoning"):
        text = value_of(message, name)
        if isinstance(text, str) and text:
            return text
    details = value_of(message, "reasoning_details")
    texts = [each.get("text") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return "".join(text for text in texts if isinstance(text, str))


def _drop_reasoning(message: Fields) -> None:
    for name in _REASONING:
        message.pop(name, None)


def _flatten(message: Fields) -> None:
    text = _text_of(value_of(message, "content"))
    if text is not None:
        message["content"] = text


def _text_of(content: Any) -> str | None:  # noqa: ANN401 - whatever a client sends
    """A list of texts as one; None where it is none, or holds something else."""
    if not isinstance(content, list) or not all(_is_text(part) for part in content):
        return None
    return "\n".join(part["text"] for part in content)


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _with_one_system_message(messages: list[Fields]) -> list[Fields]:
    """All instructions in one message at the beginning, as chat templates demand it."""
    texts, rest = [], []
    for message in messages:
        content = value_of(message, "content") if value_of(message, "role") == "system" else None
        text = content if isinstance(content, str) else _text_of(content)
        if text is None:
            rest.append(message)
        else:
            texts.append(text)
    return [{"role": "system", "content": "\n\n".join(texts)}, *rest] if texts else rest
