"""The OpenAI chat wire, inward: `messages`, checked as OpenAI's API checks them.

Rules of this file: every call of an assistant's turn is answered by the messages that follow it, and no message answers a call
that was not made there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_openai_fields import check_length, check_name, image_line, invalid, missing, wrong_type

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_MAX_CALL_ID = 40


class ReadMessage(msgspec.Struct, frozen=True):
    """A message: its role, everything in it as text, and the `reasoning_content` that came back with it."""

    role: str
    text: str
    reasoning: str = ""


def read_messages(given: dict[str, Any]) -> list[ReadMessage]:
    """Check a request's messages and read them. Raises WireError."""
    messages = given.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise invalid("Invalid 'messages': empty array. Expected at least 1.", "messages", "empty_array")
    read = []
    unanswered: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise wrong_type(where, "an object", message)
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid(f"Invalid value: {role!r}.", f"{where}.role")
        if role == "tool":
            _answer(message, unanswered, where)
        elif unanswered:
            raise _without_answer(unanswered, where)
        calls = _calls(message, where)
        unanswered += [call["id"] for call in calls]
        read.append(ReadMessage(role, _text(message, calls, where), message.get("reasoning_content") or ""))
    if unanswered:
        raise _without_answer(unanswered, f"messages[{len(messages) - 1}]")
    return read


def _answer(message: dict[str, Any], unanswered: list[str], where: str) -> None:
    id = message.get("tool_call_id")
    if not isinstance(id, str):
        raise missing(f"{where}.tool_call_id")
    if id not in unanswered:
        text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        raise invalid(f"Invalid parameter: {text}", f"{where}.role")
    unanswered.remove(id)


def _without_answer(ids: list[str], where: str) -> WireError:
    text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
    return invalid(
        f"{text} The following tool_call_ids did not have response messages: {', '.join(ids)}", f"{where}.role"
    )


def _calls(message: dict[str, Any], where: str) -> list[dict[str, Any]]:
    calls = message.get("tool_calls")
    if calls is None:
        return []
    if not isinstance(calls, list) or not calls:
        raise invalid(
            f"Invalid '{where}.tool_calls': empty array. Expected at least 1.", f"{where}.tool_calls", "empty_array"
        )
    for index, call in enumerate(calls):
        at = f"{where}.tool_calls[{index}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise missing(f"{at}.function")
        for name, value in (("id", call.get("id")), ("function.name", function.get("name"))):
            if not isinstance(value, str) or not value:
                raise missing(f"{at}.{name}")
        if not isinstance(function.get("arguments"), str):
            raise missing(f"{at}.function.arguments")
        check_length(call["id"], _MAX_CALL_ID, f"{at}.id")
        check_name(function["name"], f"{at}.function.name")
    return calls


def _text(message: dict[str, Any], calls: list[dict[str, Any]], where: str) -> str:
    called = " ".join(f"{call['function']['name']} {call['function']['arguments']}" for call in calls)
    content = message.get("content")
    if content is None:
        if message["role"] != "assistant":
            raise WireError(400, "Invalid value for 'content': expected a string, got null.", param=f"{where}.content")
        return called
    if isinstance(content, str):
        return f"{content} {called}" if called else content
    if not isinstance(content, list):
        raise wrong_type(f"{where}.content", "one of a string or array of objects", content)
    texts = [_part(part, message["role"], f"{where}.content[{index}]") for index, part in enumerate(content)]
    return "\n".join([*texts, called] if called else texts)


def _part(part: object, role: str, where: str) -> str:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise wrong_type(where, "an object with a type", part)
    kind = part["type"]
    if kind in ("text", "refusal"):
        text = part.get(kind)
        if not isinstance(text, str):
            raise wrong_type(f"{where}.{kind}", "a string", text)
        return text
    if role != "user":
        message = f"Invalid value: '{kind}'. Only messages of the user may hold it."
        raise invalid(message, f"{where}.type")
    if kind == "image_url":
        address = part.get("image_url")
        return image_line(address.get("url") if isinstance(address, dict) else None, f"{where}.image_url.url")
    if kind in ("input_audio", "file"):
        return f"[{kind}]"
    raise invalid(f"Invalid value: '{kind}'.", f"{where}.type")
