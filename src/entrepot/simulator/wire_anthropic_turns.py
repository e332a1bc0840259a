"""The Anthropic wire, inward: `messages` and `system`, checked as the Messages API checks them.

Source: Anthropic's API reference (Messages; Extended thinking; Tool use; Prompt caching) and the error texts that its users
quote. Rules of this file: what the API repairs on its own and other hosts of these models refuse is refused here: two turns of
one role in a row.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from entrepot.simulator.heard import CacheMark, WireError
from entrepot.simulator.media import decoded, line_of, line_of_address, looks_like
from entrepot.simulator.signatures import opened, thought_of

WIRE = "anthropic-messages"
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MAX_MARKS = 4
_FIELDS = {
    "text": {"text", "citations"},
    "image": {"source"},
    "document": {"source", "title", "context", "citations"},
    "tool_use": {"id", "name", "input", "caller"},
    "tool_result": {"tool_use_id", "content", "is_error"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
_OF_ROLE = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
}


def invalid(message: str) -> WireError:
    """A 400 of this wire."""
    return WireError(400, message)


class Turns:
    """What a conversation says, gathered as it is checked. `segments` are what the model reads, in order."""

    def __init__(self) -> None:
        self.segments: list[str] = []
        self.prompt = ""
        self.system = ""
        self.results: tuple[str, ...] = ()
        self.replayed: list[str] = []
        self._marked: list[tuple[int, str]] = []

    @property
    def read(self) -> str:
        """Everything the model reads."""
        return "\n".join(self.segments)

    def marks(self) -> tuple[CacheMark, ...]:
        """Where the cache is marked. Raises WireError for more marks than are allowed, or in the wrong order."""
        if len(self._marked) > _MAX_MARKS:
            raise invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {len(self._marked)}.")
        lifetimes = [ttl for _, ttl in self._marked]
        if lifetimes != sorted(lifetimes):  # "1h" sorts before "5m"
            raise invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")
        return tuple(
            CacheMark(len("\n".join(self.segments[:end])), "1h" if ttl == "1h" else "5m") for end, ttl in self._marked
        )

    def mark(self, holder: dict[str, Any], at: str) -> None:
        """Note a `cache_control` after the latest segment."""
        control = holder.get("cache_control")
        if control is None:
            return
        if not isinstance(control, dict) or control.get("type") != "ephemeral" or control.keys() - {"type", "ttl"}:
            raise invalid(f"{at}.cache_control: Input should be an object of type 'ephemeral'")
        ttl = control.get("ttl", "5m")
        if ttl not in ("5m", "1h"):
            raise invalid(f"{at}.cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
        self._marked.append((len(self.segments), ttl))

    def read_system(self, given: object) -> None:
        """`system`: a text, or text blocks."""
        if given is None:
            return
        texts = []
        for index, block in enumerate(_blocks(given, "system")):
            at = f"system.{index}"
            if block.get("type") != "text":
                raise invalid(f"{at}.type: Input should be 'text'")
            texts.append(self._text(block, at))
            self.segments.append(texts[-1])
            self.mark(block, at)
        self.system = "\n".join(texts)

    def read_messages(self, messages: object) -> None:
        """`messages`, in turns."""
        if not isinstance(messages, list):
            raise invalid(
                "messages: Input should be a valid list" if messages is not None else _REQUIRED.format("messages")
            )
        if not messages:
            raise invalid("messages: at least one message is required")
        expected, seen = "user", set[str]()
        before: list[str] = []
        for index, message in enumerate(messages):
            at = f"messages.{index}"
            if not isinstance(message, dict) or message.keys() - {"role", "content"}:
                raise invalid(f"{at}: Extra inputs are not permitted")
            role = message.get("role")
            if role not in ("user", "assistant"):
                raise invalid(
                    f"messages: Unexpected role {role!r}. The Messages API accepts a top-level `system` parameter."
                )
            if role != expected:
                raise invalid(f"{at}: roles must alternate between 'user' and 'assistant', beginning with 'user'")
            blocks = _blocks(message.get("content"), f"{at}.content")
            if role == "user":
                self._user(blocks, before, at)
                before = []
            else:
                before = self._assistant(blocks, at, last=index == len(messages) - 1)
                if seen & set(before) or len(set(before)) < len(before):
                    raise invalid(f"{at}: `tool_use` ids must be unique")
                seen |= set(before)
            expected = "assistant" if role == "user" else "user"
        if before:
            raise _unanswered(len(messages) - 1, before)

    def _user(self, blocks: list[dict[str, Any]], called: list[str], at: str) -> None:
        answered: list[str] = []
        results: list[str] = []
        texts: list[str] = []
        for index, block in enumerate(blocks):
            here = f"{at}.content.{index}"
            kind = _kind(block, "user", here)
            if kind == "tool_result":
                if texts:
                    raise invalid(f"{here}: `tool_result` blocks must come before other content")
                results.append(self._result(block, called, answered, here))
                self.segments.append(results[-1])
            else:
                texts.append(self._text(block, here) if kind == "text" else _media(block, here))
                self.segments.append(texts[-1])
            self.mark(block, here)
        if missing := [id for id in called if id not in answered]:
            raise _unanswered(int(at.partition(".")[2]) - 1, missing)
        self.results = tuple(results)
        self.prompt = "\n".join(texts) if texts else self.prompt

    def _result(self, block: dict[str, Any], called: list[str], answered: list[str], at: str) -> str:
        id = block.get("tool_use_id")
        if not isinstance(id, str) or id not in called:
            raise invalid(
                f"{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a "
                "corresponding `tool_use` block in the previous message."
            )
        if id in answered:
            raise invalid(
                f"{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
            )
        answered.append(id)
        if not isinstance(block.get("is_error", False), bool):
            raise invalid(f"{at}.tool_result.is_error: Input should be a valid boolean")
        content = block.get("content", "")
        if isinstance(content, str):
            return content
        texts = []
        for index, inner in enumerate(_blocks(content, f"{at}.content", empty=True)):
            here = f"{at}.content.{index}"
            kind = _kind(inner, "user", here)
            texts.append(self._text(inner, here) if kind == "text" else _media(inner, here))
        return "\n".join(texts)

    def _assistant(self, blocks: list[dict[str, Any]], at: str, *, last: bool) -> list[str]:
        called: list[str] = []
        for index, block in enumerate(blocks):
            here = f"{at}.content.{index}"
            kind = _kind(block, "assistant", here)
            if kind == "text":
                self.segments.append(self._text(block, here))
            elif kind == "tool_use":
                called.append(_use(block, here))
                self.segments.append(f"{block['name']} {msgspec.json.encode(block['input']).decode()}")
            else:
                if "cache_control" in block:
                    raise invalid(f"{here}.{kind}.cache_control: Extra inputs are not permitted")
                self.segments.append(self._thinking(block, here))
            self.mark(block, here)
        if last and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
            raise invalid("messages: final assistant content cannot end with trailing whitespace")
        return called

    def _thinking(self, block: dict[str, Any], at: str) -> str:
        if block["type"] == "redacted_thinking":
            text = opened(WIRE, str(block.get("data", "")))
            if text is None:
                raise invalid(f"{at}: Invalid `data` in `redacted_thinking` block")
        else:
            text = _thought(block, at)
        self.replayed.append(text)
        return text

    def _text(self, block: dict[str, Any], at: str) -> str:
        text = block.get("text")
        if not isinstance(text, str):
            raise invalid(
                f"{at}.text.text: " + ("Field required" if text is None else "Input should be a valid string")
            )
        if not text:
            raise invalid(f"{at}: text content blocks must be non-empty")
        if not text.strip():
            raise invalid(f"{at}: text content blocks must contain non-whitespace text")
        return text


_REQUIRED = "{}: Field required"


def _blocks(given: object, at: str, *, empty: bool = False) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"type": "text", "text": given}]
    if not isinstance(given, list) or not all(isinstance(block, dict) for block in given):
        raise invalid(f"{at}: " + ("Field required" if given is None else "Input should be a valid list"))
    if not given and not empty:
        raise invalid(f"{at}: all messages must have non-empty content except for the optional final assistant message")
    return given


def _kind(block: dict[str, Any], role: str, at: str) -> str:
    kind = block.get("type")
    if kind not in _OF_ROLE[role]:
        raise invalid(
            f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags of role '{role}'"
        )
    if extra := sorted(block.keys() - _FIELDS[kind] - {"type", "cache_control"}):
        raise invalid(f"{at}.{kind}.{extra[0]}: Extra inputs are not permitted")
    return str(kind)


def _use(block: dict[str, Any], at: str) -> str:
    for name in ("id", "name"):
        if not isinstance(block.get(name), str) or not _ID.fullmatch(block[name]):
            raise invalid(f"{at}.tool_use.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(block.get("input"), dict):
        raise invalid(f"{at}.tool_use.input: Input should be a valid dictionary")
    return str(block["id"])


def _thought(block: dict[str, Any], at: str) -> str:
    for name in ("thinking", "signature"):
        if not isinstance(block.get(name), str):
            raise invalid(f"{at}.thinking.{name}: Field required")
    thought = thought_of(WIRE, block["thinking"], block["signature"])
    if thought is None:
        raise invalid(f"{at}: Invalid `signature` in `thinking` block")
    return thought


def _unanswered(index: int, ids: list[str]) -> WireError:
    return invalid(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _media(block: dict[str, Any], at: str) -> str:
    kind, source = block["type"], block.get("source")
    if not isinstance(source, dict):
        raise invalid(f"{at}.{kind}.source: Field required")
    form = source.get("type")
    if form == "url" and isinstance(source.get("url"), str):
        return line_of_address(source["url"])
    if form == "text" and kind == "document" and isinstance(source.get("data"), str):
        return str(source["data"])
    media_type = str(source.get("media_type"))
    allowed = _IMAGES if kind == "image" else ("application/pdf",)
    if form != "base64" or media_type not in allowed:
        raise invalid(f"{at}.{kind}.source.{form}.media_type: Input should be one of {', '.join(allowed)}")
    data = decoded(str(source.get("data", "")))
    if not data:
        raise invalid(f"{at}.{kind}.source.base64: invalid base64 data")
    if not looks_like(data, media_type):
        raise invalid(
            f"{at}.{kind}.source.base64.data: The {kind} was specified using the {media_type} media type, but is not"
        )
    return line_of(media_type, data)
