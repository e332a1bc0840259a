"""Items of a request's `input` to canonical messages, and the content parts in them.

Rules of this file: what the model said between two words of others (reasoning, text, calls) is one message, as other dialects
have it; only text that follows text begins another. Every call's result is a message of its own. An item of a kind that the
canonical form does not know (a hosted tool's call, a compaction) is kept whole, as Unknown; so is what stands for content that
is kept elsewhere (`item_reference`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.data_url import data_of, is_data_url
from entrepot.dialects.openai_responses.names import flat_name
from entrepot.dialects.openai_responses.wire import DIALECT, OUR_ID
from entrepot.dialects.seal import unseal, unseal_call
from entrepot.errors import InvalidRequest

Item = dict[str, Any]

_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}
ADDITIONAL_TOOLS = "additional_tools"
"""An item that is no part of the conversation: it gives tools."""
_SAID_BY_OTHERS = ("_output", "_response")
_AUDIO = {"wav": "audio/wav", "mp3": "audio/mpeg"}


class Messages:
    """The messages of one input, as its items come."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._said: list[Part] = []
        self._signature: tuple[str, str | None] | None = None

    def take(self, item: Item, at: str) -> None:
        """The next item. Raises InvalidRequest naming what is wrong with it, under the path `at`."""
        kind = "message" if item.get("type") is None else item["type"]
        if not isinstance(kind, str):
            raise InvalidRequest(f"'{at}.type' must be a string", param=f"{at}.type")
        match kind:
            case "message":
                self._message(item, at)
            case "reasoning":
                self._reasoning(item)
            case "function_call" | "custom_tool_call":
                self._call(item, kind, at)
            case "function_call_output" | "custom_tool_call_output":
                result = ToolResult(_text(item, "call_id", at), _output(item.get("output"), f"{at}.output"))
                self._add(Message("tool", (result,)))
            case _ if kind == ADDITIONAL_TOOLS:
                pass  # they are among the request's tools
            case _ if kind.endswith(_SAID_BY_OTHERS) and not kind.startswith(("tool_search", "program")):
                self._add(Message("user", (Unknown(DIALECT, item),)))
            case _:
                self._said.append(Unknown(DIALECT, item))

    def close(self) -> tuple[Message, ...]:
        """All of them."""
        self._end_turn()
        return tuple(self._done)

    def _message(self, item: Item, at: str) -> None:
        role = _ROLES.get(str(item.get("role")))
        if role is None:
            told = f"'{at}.role' must be one of {', '.join(_ROLES)}"
            raise InvalidRequest(told, param=f"{at}.role")
        parts = content_parts(item.get("content"), f"{at}.content")
        if role != "assistant":
            self._add(Message(role, parts))
            return
        if any(isinstance(part, Text | Refusal) for part in self._said) and not any(
            isinstance(part, ToolCall) for part in self._said
        ):
            self._end_turn()
        self._said.extend(parts)

    def _reasoning(self, item: Item) -> None:
        sealed = item.get("encrypted_content")
        kept = sealed if isinstance(sealed, str) else ""
        if (found := unseal_call(kept)) is not None:
            self._signature = found
            return
        signature, bound_to = unseal(kept, DIALECT)
        if not kept and OUR_ID in str(item.get("id")):
            bound_to = None  # of whatever model answered: the client left out whose it was
        text = reasoning_text(item)
        self._said.append(Reasoning(text, signature, not text and signature is not None, bound_to))

    def _call(self, item: Item, kind: str, at: str) -> None:
        call_id, name = _text(item, "call_id", at), flat_name(_text(item, "name", at), item.get("namespace"))
        if kind == "custom_tool_call":
            arguments = arguments_of_input(_text(item, "input", at))
        else:
            arguments = _text(item, "arguments", at) or "{}"
        signature, bound_to = self._signature or (None, None)
        self._signature = None
        self._said.append(ToolCall(call_id, name, arguments, signature, {}, bound_to))

    def _add(self, message: Message) -> None:
        self._end_turn()
        self._done.append(message)

    def _end_turn(self) -> None:
        if self._said:
            self._done.append(Message("assistant", tuple(self._said)))
            self._said = []


def content_parts(content: object, at: str) -> tuple[Part, ...]:
    """A message's content, text or a list of parts."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"'{at}' must be a string or a list of content parts", param=at)
    return tuple(_part(part, f"{at}[{i}]") for i, part in enumerate(content))


def reasoning_text(item: Item) -> str:
    """What there is to read of a reasoning item: its summaries, then its content, a blank line between each two."""
    return "\n\n".join(text for _, text in reasoning_texts(item))


def reasoning_texts(item: Item) -> list[tuple[str, str]]:
    """The same one by one, each with the field that holds it."""
    return [
        (field, part["text"])
        for field in ("summary", "content")
        for part in (item.get(field) if isinstance(item.get(field), list) else None) or ()
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]


def arguments_of_input(text: str) -> str:
    """The free text of a custom tool's call as the arguments of the function that stands for it (`tools.py`)."""
    return json.dumps({"input": text}, ensure_ascii=False)


def _output(output: object, at: str) -> tuple[Text | Media | Unknown, ...]:
    parts = content_parts(output, at)
    return tuple(part for part in parts if isinstance(part, Text | Media | Unknown))


def _part(part: object, at: str) -> Part:
    if not isinstance(part, dict):
        raise InvalidRequest(f"'{at}' must be a content part", param=at)
    match part.get("type"):
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return Text(_text(part, "text", at))
        case "refusal":
            return Refusal(_text(part, "refusal", at))
        case "input_image":
            detail = part.get("detail")
            return _media("image", part, "image_url", {"detail": detail if isinstance(detail, str) else None}, at)
        case "input_file":
            return _file(part, at)
        case "input_audio":
            audio = part.get("input_audio")
            if not isinstance(audio, dict):
                raise InvalidRequest(f"'{at}.input_audio' must be an object", param=f"{at}.input_audio")
            format_ = str(audio.get("format", "wav"))
            return Media("audio", _AUDIO.get(format_, f"audio/{format_}"), data=_text(audio, "data", at))
        case str():
            return Unknown(DIALECT, part)
        case _:
            raise InvalidRequest(f"'{at}.type' is missing: a content part names its type", param=f"{at}.type")


def _file(part: Item, at: str) -> Media:
    name = part.get("filename")
    more = {"name": name if isinstance(name, str) else None}
    return _media("file", part, "file_url" if part.get("file_url") is not None else "file_data", more, at)


def _media(kind: Any, part: Item, source: str, more: Item, at: str) -> Media:  # noqa: ANN401 - a Literal of Media
    if part.get(source) is None and isinstance(part.get("file_id"), str):
        return Media(kind, file_id=part["file_id"], **more)
    given = _text(part, source, at)
    if is_data_url(given):
        media_type, data = data_of(given)
        return Media(kind, media_type, data=data, **more)
    if source == "file_data":
        return Media(kind, "application/pdf", data=given, **more)  # bare base64 is what PDFs were sent as at first
    return Media(kind, url=given, **more)


def _text(item: Item, name: str, at: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"'{at}.{name}' must be a string", param=f"{at}.{name}")
    return value


def messages_of(items: Sequence[Item], at: str = "input") -> tuple[Message, ...]:
    """The messages of a list of items."""
    messages = Messages()
    for number, item in enumerate(items):
        messages.take(item, f"{at}[{number}]")
    return messages.close()
