"""Canonical messages as Converse's `system` and `messages`.

Rules of this file (Bedrock API reference, Message, ToolResultBlock, and what Converse answers 400 to):
- There is no tool role: results are blocks of a user turn, first in it; neighbours of one role are one turn.
- Each call has exactly one result: of several, the last counts. A call or a result alone is refused.
- Blank text is refused by Converse and left out, and a turn of which nothing is left with it; the last assistant turn does not
  end in white space. A failed result says something. A document has text beside it.
- A block holds one thing: a cache marker is a block of its own, behind the one that it marks.
- Reasoning is replayed as it was sealed to the maker that sealed it, and left out for any other.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

import msgspec

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
from entrepot.dialects.bedrock_converse.media import Block, MediaBlocks
from entrepot.dialects.bedrock_converse.models import Model
from entrepot.dialects.bedrock_converse.wire import CLAUDE, DIALECT
from entrepot.dialects.names import call_ids, tool_names
from entrepot.errors import InvalidRequest

MAX_NAME = 64
_BAD_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")


class Turns:
    """One request's messages on their way to the wire."""

    def __init__(self, request: Request, model: Model) -> None:
        self._names = tool_names(request, MAX_NAME)
        self._ids = call_ids(request, MAX_NAME, _BAD_IN_ID)
        self._model = model
        self._media = MediaBlocks()
        self._results = _last_results(request.messages)
        self._assistant_turns = 0
        self._awaited: dict[str, str] = {}
        self._answered: set[str] = set()
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        for number, message in enumerate(request.messages):
            self._take(message, f"messages[{number}]")
        self._finish()

    def _take(self, message: Message, at: str) -> None:
        if message.role in ("system", "developer"):
            _append(self.system, [*self._blocks(message, at, (Text,)), *self._marker(message.extra)])
        elif message.role == "assistant":
            self._all_answered(at)
            self._assistant_turns += 1
            blocks = self._blocks(message, at, (Text, Reasoning, Refusal, ToolCall))
            self._add("assistant", [*blocks, *self._marker(message.extra)])
            self._awaited = {part.id: at for part in message.parts if isinstance(part, ToolCall)}
        else:
            self._add("user", [*self._user_blocks(message, at), *self._marker(message.extra)])

    def _user_blocks(self, message: Message, at: str) -> list[Block]:
        """Results first, then the rest, for which every call must have its result."""
        results: list[Block] = []
        rest: list[tuple[str, Part]] = []
        for number, part in enumerate(message.parts):
            where = f"{at}.parts[{number}]"
            if isinstance(part, ToolResult):
                results.extend(self._result(part, where))
            else:
                rest.append((where, part))
        if rest:
            self._all_answered(at)
        said = [block for where, part in rest for block in self._part(part, where, message.role, (Text, Media))]
        return [*results, *said]

    def _finish(self) -> None:
        self._all_answered("the end")
        if self.system and (not self.messages or not self._model.system):
            self._hand_system_to_the_user()
        if not self.messages:
            raise InvalidRequest("nothing is left to send: every message is empty", param="messages")
        if self.messages[0]["role"] != "user":
            raise InvalidRequest(
                "messages[0] is the assistant's: Bedrock wants a user message first", param="messages[0]"
            )
        for message in self.messages:
            _name_documents(message["content"])
        last = self.messages[-1]
        if last["role"] == "assistant" and "text" in last["content"][-1]:
            last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()

    def _hand_system_to_the_user(self) -> None:
        blocks, self.system = self.system, []
        if self.messages and self.messages[0]["role"] == "user":
            self.messages[0]["content"][:0] = blocks
        else:
            self.messages.insert(0, {"role": "user", "content": blocks})

    def _add(self, role: str, blocks: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            _append(self.messages[-1]["content"], blocks)
            return
        content: list[Block] = []
        _append(content, blocks)
        if content:
            self.messages.append({"role": role, "content": content})

    def _all_answered(self, at: str) -> None:
        for call, where in self._awaited.items():
            raise InvalidRequest(
                f"the call '{call}' of {where} has no result before {at}: Bedrock wants one for each", param=where
            )

    def _result(self, part: ToolResult, at: str) -> list[Block]:
        if self._awaited.pop(part.call_id, None) is None:
            if part.call_id in self._answered:
                return []  # a client that resumed its session says results twice; of each call the last counts
            raise InvalidRequest(
                f"{at} answers the call '{part.call_id}', which the message before does not make", param=at
            )
        self._answered.add(part.call_id)
        last = self._results[self._assistant_turns, part.call_id]
        blocks = self._blocks(Message("tool", last.parts), at, (Text, Media))
        content = [block for block in blocks if "cachePoint" not in block]
        markers = [block for block in blocks if "cachePoint" in block]
        result: Block = {"toolUseId": self._ids.there(part.call_id), "content": content}
        if last.is_error:
            result["content"] = content or [{"text": "error"}]
            if self._model.reads_result_status:
                result["status"] = "error"
        return [{"toolResult": result}, *(self._marker(last.extra) or markers[-1:])]

    def _blocks(self, message: Message, at: str, allowed: tuple[type[Part], ...]) -> list[Block]:
        return [
            block
            for number, part in enumerate(message.parts)
            for block in self._part(part, f"{at}.parts[{number}]", message.role, allowed)
        ]

    def _part(self, part: Part, at: str, role: str, allowed: tuple[type[Part], ...]) -> list[Block]:
        own = isinstance(part, Unknown) and part.dialect == DIALECT
        if not isinstance(part, allowed) and not own:
            raise InvalidRequest(
                f"{at} of the {role} is of the kind '{_kind(part)}', which Bedrock cannot take there", param=at
            )
        block = self._block(part, at, role)
        said = [] if block is None else [block]
        return said if isinstance(part, Refusal | Reasoning | Unknown) else [*said, *self._marker(part.extra)]

    def _block(self, part: Part, at: str, role: str) -> Block | None:
        match part:
            case Text(text) | Refusal(text):
                return {"text": text} if text.strip() else None
            case Reasoning():
                return _reasoning(part, self._model)
            case ToolCall():
                use = {"toolUseId": self._ids.there(part.id), "name": self._names.there(part.name)}
                return {"toolUse": {**use, "input": _input_of(part.arguments)}}
            case Media(kind="audio") if role == "tool":
                raise InvalidRequest(f"{at} is a sound, which Bedrock does not take as a tool's result", param=at)
            case Media():
                return self._media.render(part, at)
            case Unknown(raw=raw):
                return raw
            case _:
                raise InvalidRequest(f"{at} is out of place", param=at)

    def _marker(self, extra: dict[str, Any]) -> list[Block]:
        return cache_point(extra) if self._model.cache else []


def cache_point(extra: dict[str, Any]) -> list[Block]:
    """The block that a cache marker is on this wire, none where there is no marker. Five minutes is the default."""
    marker = extra.get("cache_control")
    if not isinstance(marker, dict):
        return []
    return [{"cachePoint": {"type": "default", **({"ttl": "1h"} if marker.get("ttl") == "1h" else {})}}]


def _append(content: list[Block], blocks: list[Block]) -> None:
    """A marker goes behind what it marks, but before documents and films that end it: right behind those Bedrock refuses it."""
    for block in blocks:
        at = len(content)
        if "cachePoint" in block:
            while at and ("document" in content[at - 1] or "video" in content[at - 1]):
                at -= 1
            if not at or "cachePoint" in content[at - 1]:
                continue
        content.insert(at, block)


def _name_documents(content: list[Block]) -> None:
    documents = [block["document"]["name"] for block in content if "document" in block]
    if documents and not any("text" in block for block in content):
        content.append({"text": ", ".join(documents)})


def _last_results(messages: Sequence[Message]) -> dict[tuple[int, str], ToolResult]:
    """The result that counts, by the number of assistant turns before it and its call's id, which some clients use again."""
    found: dict[tuple[int, str], ToolResult] = {}
    turn = 0
    for message in messages:
        turn += message.role == "assistant"
        found.update({(turn, part.call_id): part for part in message.parts if isinstance(part, ToolResult)})
    return found


def _input_of(arguments: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {"invalid_json": arguments}
    return value if isinstance(value, dict) else {"invalid_json": arguments}


def _reasoning(part: Reasoning, model: Model) -> Block | None:
    """The block, where this model can read the seal: Claude reads Claude's from anywhere, others what Bedrock gave them."""
    if part.signature is None or part.bound_to not in ((CLAUDE, DIALECT) if model.claude else (DIALECT,)):
        return None
    if not part.redacted:
        return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}
    if part.bound_to == DIALECT:
        return {"reasoningContent": {"redactedContent": part.signature}}
    return {"reasoningContent": {"redactedContent": base64.b64encode(part.signature.encode()).decode()}}


def seal_of_redacted(content: str) -> tuple[str, str]:
    """(signature, bound_to) of Claude's redacted content: the bytes on this wire are the text on Claude's own."""
    try:
        return base64.b64decode(content, validate=True).decode("ascii"), CLAUDE
    except (binascii.Error, ValueError):
        return content, DIALECT


def thinks_through_its_last_calls(messages: Sequence[Message], model: Model) -> bool:
    """Whether the tool loop under way, if any, has its sealed thinking: a fixed budget is refused without."""
    for message in reversed(messages):
        if message.role == "user" and not any(isinstance(part, ToolResult) for part in message.parts):
            return True
        if message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts):
            return any(isinstance(part, Reasoning) and _reasoning(part, model) is not None for part in message.parts)
    return True


def _kind(part: Part) -> str:
    """What the refusal of a part calls it."""
    if isinstance(part, Unknown):
        return part.kind
    return part.kind if isinstance(part, Media) else type(part).__name__.lower()
