"""The Bedrock wire, inward: `messages` and `system`, checked as Converse checks them.

Source: Amazon Bedrock API reference (ContentBlock and what it holds), botocore's service model (1.44.5), and the texts of
ValidationException that its users quote. Rules of this file: a block is a union, so it holds one member and no more.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from entrepot.simulator.heard import CacheMark, WireError
from entrepot.simulator.media import decoded, line_of, line_of_address, looks_like
from entrepot.simulator.signatures import opened, thought_of

WIRE = "bedrock-converse"
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DOCUMENT_NAME = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s\-()\[\]]{1,200}")
_MAX_MARKS = 4
_OF_ROLE = {
    "user": {"text", "image", "document", "video", "audio", "toolResult", "cachePoint", "guardContent"},
    "assistant": {"text", "toolUse", "reasoningContent", "cachePoint"},
}
_FORMATS = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "document": dict.fromkeys(("csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"), "")
    | {"pdf": "application/pdf"},
    "video": dict.fromkeys(("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"), ""),
    "audio": dict.fromkeys(
        ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "mpeg", "pcm", "webm"), ""
    ),
}


def invalid(message: str) -> WireError:
    """A ValidationException."""
    return refusal(400, "ValidationException", message)


def refusal(status: int, type: str, message: str) -> WireError:
    """An error whose type stands in the header where AWS puts it."""
    return WireError(
        status, message, type=type, headers={"x-amzn-errortype": f"{type}:http://internal.amazon.com/coral/"}
    )


class Turns:
    """What a conversation says, gathered as it is checked. `segments` are what the model reads, in order."""

    def __init__(self) -> None:
        self.segments: list[str] = []
        self.prompt = ""
        self.system = ""
        self.results: tuple[str, ...] = ()
        self.replayed: list[str] = []
        self.has_tool_blocks = False
        self._marked: list[CacheMark] = []
        self._documents: set[str] = set()

    @property
    def read(self) -> str:
        """Everything the model reads."""
        return "\n".join(self.segments)

    @property
    def marks(self) -> tuple[CacheMark, ...]:
        """Where the cache is marked. Raises WireError for more marks than are allowed."""
        if len(self._marked) > _MAX_MARKS:
            raise invalid(
                f"You have exceeded the limit of cache points: {_MAX_MARKS} are allowed, {len(self._marked)} given."
            )
        return tuple(self._marked)

    def mark(self, point: object, at: str) -> None:
        """Note a `cachePoint` after the latest segment."""
        if not isinstance(point, dict) or point.get("type") != "default" or point.keys() - {"type", "ttl"}:
            raise invalid(f"The cachePoint field at {at} is malformed: its type must be 'default'.")
        ttl = point.get("ttl", "5m")
        if ttl not in ("5m", "1h"):
            raise invalid(f"The ttl field at {at} must be one of 5m, 1h.")
        if not self.segments:
            raise invalid(f"The cachePoint at {at} follows nothing that could be cached.")
        self._marked.append(CacheMark(len(self.read), ttl))

    def read_system(self, given: object) -> None:
        """`system`: text blocks and cache points."""
        if given is None:
            return
        texts: list[str] = []
        for index, block in enumerate(_list(given, "system")):
            at = f"system.{index}"
            kind = _member(block, {"text", "cachePoint", "guardContent"}, at)
            if kind == "cachePoint":
                self.mark(block[kind], at)
            elif kind == "text":
                texts.append(_text(block, at))
                self.segments.append(texts[-1])
        self.system = "\n".join(texts)

    def read_messages(self, given: object) -> None:
        """`messages`, in turns."""
        messages = _list(given, "messages")
        if not messages:
            raise invalid("The messages field must have at least one message.")
        expected, called = "user", list[str]()
        for index, message in enumerate(messages):
            at = f"messages.{index}"
            if not isinstance(message, dict) or message.keys() != {"role", "content"}:
                raise invalid(
                    f"Malformed input request: #/{at.replace('.', '/')}: expected the fields role and content"
                )
            role = message["role"]
            if role != expected:
                if not index:
                    raise invalid(
                        "A conversation must start with a user message. Try again with a conversation that starts so."
                    )
                raise invalid(f"A conversation must alternate between user and assistant roles; {at} does not.")
            blocks = _list(message["content"], f"{at}.content")
            if not blocks:
                raise invalid(
                    f"The content field in the Message object at {at} is empty. Add a ContentBlock object to it."
                )
            called = self._user(blocks, called, at) if role == "user" else self._assistant(blocks, at)
            expected = "assistant" if role == "user" else "user"
        if called:
            raise invalid(
                f"Expected toolResult blocks at messages.{len(messages)}.content for the following Ids: {', '.join(called)}"
            )

    def _user(self, blocks: list[Any], called: list[str], at: str) -> list[str]:
        answered: list[str] = []
        results: list[str] = []
        texts: list[str] = []
        kinds: list[str] = []
        for index, block in enumerate(blocks):
            here = f"{at}.content.{index}"
            kind = _member(block, _OF_ROLE["user"], here)
            if kind == "cachePoint":
                if kinds and kinds[-1] in ("document", "video"):
                    raise invalid(f"The cachePoint at {here} directly follows a {kinds[-1]}.")
                self.mark(block[kind], here)
            elif kind == "toolResult":
                self.has_tool_blocks = True
                results.append(self._result(block[kind], called, answered, here))
                self.segments.append(results[-1])
            elif kind != "guardContent":
                texts.append(_text(block, here) if kind == "text" else self._media(kind, block[kind], here))
                self.segments.append(texts[-1])
            kinds.append(kind)
        if "document" in kinds and "text" not in kinds:
            raise invalid(
                f"The content at {at} includes a document without a text block. Add a text block, and try again."
            )
        if missing := [id for id in called if id not in answered]:
            raise invalid(f"Expected toolResult blocks at {at}.content for the following Ids: {', '.join(missing)}")
        self.results = tuple(results)
        self.prompt = "\n".join(texts) if texts else self.prompt
        return []

    def _result(self, result: object, called: list[str], answered: list[str], at: str) -> str:
        if not isinstance(result, dict) or result.keys() - {"toolUseId", "content", "status", "type"}:
            raise invalid(f"Malformed input request: toolResult at {at}")
        id, status = result.get("toolUseId"), result.get("status", "success")
        if id not in called or id in answered:
            raise invalid(
                f"The number of toolResult blocks at {at} exceeds the number of toolUse blocks of previous turn."
            )
        answered.append(str(id))
        if status not in ("success", "error"):
            raise invalid(f"The status field at {at}.toolResult must be one of success, error.")
        content = _list(result.get("content"), f"{at}.toolResult.content")
        if not content and status == "error":
            raise invalid(f"The content field at {at}.toolResult cannot be empty when status value is error.")
        texts = []
        for index, block in enumerate(content):
            here = f"{at}.toolResult.content.{index}"
            kind = _member(block, {"text", "json", "image", "document", "video"}, here)
            if kind == "json":
                texts.append(msgspec.json.encode(block[kind]).decode())
            else:
                texts.append(_text(block, here) if kind == "text" else self._media(kind, block[kind], here))
        return "\n".join(texts)

    def _assistant(self, blocks: list[Any], at: str) -> list[str]:
        called: list[str] = []
        for index, block in enumerate(blocks):
            here = f"{at}.content.{index}"
            kind = _member(block, _OF_ROLE["assistant"], here)
            if kind == "cachePoint":
                self.mark(block[kind], here)
            elif kind == "text":
                self.segments.append(_text(block, here))
            elif kind == "toolUse":
                self.has_tool_blocks = True
                called.append(_use(block[kind], here))
                self.segments.append(f"{block[kind]['name']} {msgspec.json.encode(block[kind]['input']).decode()}")
            else:
                self.segments.append(self._reasoning(block[kind], here))
        if len(set(called)) < len(called):
            raise invalid(f"The toolUseId values at {at} must be unique.")
        return called

    def _reasoning(self, block: object, at: str) -> str:
        kind = _member(block, {"reasoningText", "redactedContent"}, f"{at}.reasoningContent")
        given = block[kind]  # type: ignore[index]  # _member found it to be an object
        if kind == "redactedContent":
            text = opened(WIRE, given) if isinstance(given, str) else None
            if text is None:
                raise invalid(f"The redactedContent at {at} cannot be read.")
        else:
            if not isinstance(given, dict) or not isinstance(given.get("text"), str):
                raise invalid(f"The reasoningText at {at} has no text.")
            text = thought_of(WIRE, given["text"], str(given.get("signature", "")))
            if text is None:
                raise invalid(f"{at}: Invalid `signature` in `thinking` block")
        self.replayed.append(text)
        return text

    def _media(self, kind: str, block: object, at: str) -> str:
        given = block if isinstance(block, dict) else {}
        format = given.get("format")
        if format not in _FORMATS[kind]:
            raise invalid(f"The format field at {at}.{kind} must be one of {', '.join(_FORMATS[kind])}.")
        if kind == "document":
            name = given.get("name")
            if not isinstance(name, str) or not _DOCUMENT_NAME.fullmatch(name):
                raise invalid(
                    "The file name can only contain alphanumeric characters, whitespace characters, hyphens, …"
                )
            if name in self._documents:
                raise invalid(f"The document name '{name}' is used twice: duplicate document names are not permitted.")
            self._documents.add(name)
        form = _member(given.get("source"), {"bytes", "s3Location"}, f"{at}.{kind}.source")
        if form == "s3Location":
            return line_of_address(str(given["source"][form].get("uri")))
        data = decoded(str(given["source"][form]))
        media_type = _FORMATS[kind][format]
        if not data or not looks_like(data, media_type):
            raise invalid(f"Could not process {kind} at {at}")
        return line_of(media_type or f"{kind}/{format}", data)


def _list(given: object, at: str) -> list[Any]:
    if not isinstance(given, list):
        raise invalid(
            f"1 validation error detected: Value at '{at}' failed to satisfy constraint: Member must not be null"
        )
    return given


def _member(block: object, allowed: set[str], at: str) -> str:
    """The one member of a union."""
    if not isinstance(block, dict) or len(block) != 1:
        raise invalid(f"Malformed input request: {at} must set exactly one of {', '.join(sorted(allowed))}")
    (kind,) = block
    if kind not in allowed:
        raise invalid(f"Malformed input request: {at}: extraneous key [{kind}] is not permitted")
    return str(kind)


def _text(block: dict[str, Any], at: str) -> str:
    text = block["text"]
    if not isinstance(text, str) or not text.strip():
        raise invalid(
            f"The text field in the ContentBlock object at {at} is blank. Add text to the text field, and try again."
        )
    return text


def _use(use: object, at: str) -> str:
    if not isinstance(use, dict) or use.keys() - {"toolUseId", "name", "input", "type"}:
        raise invalid(f"Malformed input request: toolUse at {at}")
    for field, pattern in (("toolUseId", _ID), ("name", _NAME)):
        if not isinstance(use.get(field), str) or not pattern.fullmatch(use[field]):
            raise invalid(f"Value at '{at}.toolUse.{field}' failed to satisfy constraint: pattern {pattern.pattern}")
    if not isinstance(use.get("input"), dict):
        raise invalid(f"The format of the value at {at}.toolUse.input is invalid. Provide a json object for the field.")
    return str(use["toolUseId"])
