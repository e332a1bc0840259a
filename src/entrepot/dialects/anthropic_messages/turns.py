"""Canonical messages as this dialect's `system` and `messages`.

Rules of this file (Anthropic API reference, Messages, and what its providers answer 400 to):
- System and developer instructions are hoisted to `system`; where there is nothing else, they are the user's turn.
- Turns alternate: neighbours of one role are merged, tool results are blocks of a user turn and come first in it.
- Each call has exactly one result: of several, the last counts. A call or a result alone is refused.
- Text of nothing but white space is left out, and the last assistant turn does not end in white space.
- Thinking is replayed as it was to the dialect that sealed it, and left out for any other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.anthropic_messages.names import Names, call_ids, tool_names
from entrepot.dialects.anthropic_messages.render_blocks import input_of
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.errors import InvalidRequest

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
Block = dict[str, Any]


class Turns:
    """One request's messages on their way to the wire."""

    def __init__(self, request: Request, quirks: frozenset[str]) -> None:
        self._names: Names = tool_names(request)
        self._ids: Names = call_ids(request)
        self._quirks = quirks
        self._request = request
        self._turn = 0
        self._results = _last_results(request)
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self._awaited: dict[str, str] = {}
        self._said: set[str] = set()
        for number, message in enumerate(request.messages):
            self._take(message, f"messages[{number}]")
        self._finish()

    def _take(self, message: Message, at: str) -> None:
        if message.role in ("system", "developer"):
            self.system.extend(self._blocks(message, at, (Text,)))
        elif message.role == "tool" or any(isinstance(part, ToolResult) for part in message.parts):
            for number, part in enumerate(message.parts):
                if isinstance(part, ToolResult):
                    self._result(part, f"{at}.parts[{number}]")
            rest = tuple(part for part in message.parts if not isinstance(part, ToolResult))
            if rest:
                self._add("user", self._blocks(Message("user", rest), at, (Text, Media)))
        elif message.role == "user":
            self._all_answered(at)
            self._add("user", self._blocks(message, at, (Text, Media)))
        else:
            self._all_answered(at)
            self._turn += 1
            self._add("assistant", self._blocks(message, at, (Text, Reasoning, Refusal, ToolCall)))
            self._awaited = {part.id: at for part in message.parts if isinstance(part, ToolCall)}

    def _finish(self) -> None:
        self._all_answered("the end")
        if not self.messages and self.system:
            self.messages, self.system = [{"role": "user", "content": self.system}], []
        if not self.messages:
            raise InvalidRequest("nothing is left to send: every message is empty", param="messages")
        if self.messages[0]["role"] != "user":
            raise InvalidRequest(
                "messages[0] is the assistant's: this model's provider wants a user message first", param="messages[0]"
            )
        last = self.messages[-1]
        if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
            last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()

    def _add(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"].extend(blocks)
        else:
            self.messages.append({"role": role, "content": blocks})

    def _all_answered(self, at: str) -> None:
        for call, where in self._awaited.items():
            raise InvalidRequest(
                f"the call '{call}' of {where} has no result before {at}: this model's provider wants one for each",
                param=where,
            )

    def _result(self, part: ToolResult, at: str) -> None:
        if self._awaited.pop(part.call_id, None) is None:
            if part.call_id in self._said:
                return  # a client that resumed its session says results twice; of each call the last counts
            raise InvalidRequest(
                f"{at} answers the call '{part.call_id}', which the message before does not make", param=at
            )
        self._said.add(part.call_id)
        last = self._results[self._turn, part.call_id]
        message = Message("tool", last.parts)
        content = self._blocks(message, at, (Text, Media))
        block: Block = {"type": "tool_result", "tool_use_id": self._ids.there(part.call_id), "content": content}
        if last.is_error:
            block["is_error"] = True
        self._add("user", [{**block, **_marker(last.extra)}])

    def _blocks(self, message: Message, at: str, allowed: tuple[type[Part], ...]) -> list[Block]:
        blocks = []
        for number, part in enumerate(message.parts):
            where = f"{at}.parts[{number}]"
            if not isinstance(part, allowed) and not (isinstance(part, Unknown) and part.dialect == DIALECT):
                said = f"{where} of the {message.role} is of the kind '{_kind(part)}'"
                raise InvalidRequest(f"{said}, which this model's provider cannot take there", param=where)
            block = self._block(part, where)
            if block is not None:
                blocks.append(block)
        return blocks

    def _block(self, part: Part, at: str) -> Block | None:
        match part:
            case Text(text, extra):
                return {"type": "text", "text": text, **_marker(extra)} if text.strip() else None
            case Refusal(text):
                return {"type": "text", "text": text} if text.strip() else None
            case Reasoning():
                return _thinking(part)
            case ToolCall():
                name, given = self._names.there(part.name), input_of(part.arguments)
                use = {"type": "tool_use", "id": self._ids.there(part.id), "name": name, "input": given}
                return {**use, **_marker(part.extra)}
            case Media():
                return {**self._media(part, at), **_marker(part.extra)}
            case Unknown(raw=raw):
                return raw
            case _:
                raise InvalidRequest(f"{at} is out of place", param=at)

    def _media(self, part: Media, at: str) -> Block:
        if part.file_id is not None:
            raise InvalidRequest(
                f"{at} names the file '{part.file_id}', which another provider keeps: send it", param=at
            )
        if part.url is not None and "no_image_urls" in self._quirks:
            raise InvalidRequest(f"{at} is an address: this model's provider wants the data itself", param=at)
        if part.kind == "image":
            if part.url is not None:
                return {"type": "image", "source": {"type": "url", "url": part.url}}
            if part.media_type not in _IMAGES:
                raise InvalidRequest(f"{at} is of the type '{part.media_type}': use jpeg, png, gif or webp", param=at)
            return {"type": "image", "source": _data(part)}
        if part.kind == "file":
            title = {} if part.name is None else {"title": part.name}
            if part.url is not None:
                return {"type": "document", "source": {"type": "url", "url": part.url}, **title}
            if part.media_type == "application/pdf":
                return {"type": "document", "source": _data(part), **title}
            if part.media_type.startswith("text/"):
                return {"type": "document", "source": _plain(part, at), **title}
        raise InvalidRequest(
            f"{at} is {part.kind} of the type '{part.media_type}', which this model's provider cannot take", param=at
        )


def _kind(part: Part) -> str:
    """What the refusal of a part calls it."""
    if isinstance(part, Unknown):
        return part.kind
    return part.kind if isinstance(part, Media) else type(part).__name__.lower()


def _last_results(request: Request) -> dict[tuple[int, str], ToolResult]:
    """The result that counts, by the number of assistant turns before it and its call's id, which some clients use again."""
    turn, found = 0, {}
    for message in request.messages:
        turn += message.role == "assistant"
        found.update({(turn, part.call_id): part for part in message.parts if isinstance(part, ToolResult)})
    return found


def _data(part: Media) -> Block:
    return {"type": "base64", "media_type": part.media_type, "data": part.data or ""}


def _plain(part: Media, at: str) -> Block:
    try:
        text = base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest(f"{at} is not UTF-8 text in base64", param=at) from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _thinking(part: Reasoning) -> Block | None:
    if part.bound_to != DIALECT or part.signature is None:
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.signature}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _marker(extra: dict[str, Any]) -> Block:
    return {"cache_control": extra["cache_control"]} if isinstance(extra.get("cache_control"), dict) else {}


def thinks_through_its_last_calls(messages: Sequence[Message]) -> bool:
    """Whether the tool loop under way, if any, has its sealed thinking: a fixed budget is refused without."""
    for message in reversed(messages):
        if message.role == "user":
            return True
        if message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts):
            return any(isinstance(part, Reasoning) and _thinking(part) is not None for part in message.parts)
    return True
