"""Reasoning that stands in the content between `<think>` and `</think>`, told apart from what is said.

Rules of this file: a provider that declares `think_tags` answers so: the first tag may be missing (`think_unopened`), tags may be
split over pieces, and there may be several blocks; a later one begins a line and stands in no code block. At a provider that
declares nothing only one shape is taken for reasoning: a content that begins with `<think>` and a line end, in answer to
a request that nowhere says `think>` itself. Whoever asks about the tag gets the tag.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from entrepot.canonical.request import Message, Request, Text, ToolResult

_OPEN, _CLOSE = "<think>", "</think>"
DECLARED = frozenset({"think_tags", "think_unopened"})
"""The quirks by which a provider declares that it answers so."""
# A later block's tag: at the beginning of a line. What stands before it on the line is white space.
_LATER = re.compile(r"(?:^|\n)[ \t]*<think>")
_MAYBE_LATER = re.compile(r"(?:^|\n)[ \t]*(?:<(?:t(?:h(?:i(?:nk?)?)?)?)?)?\Z")


class Piece(NamedTuple):
    """A piece of reasoning, or of what is said. `lead` is what stood before it and is neither: the tag and white space."""

    reasoning: bool
    text: str
    lead: str = ""


class _Fence(NamedTuple):
    """Whether a code block is open, and how many backticks stand last."""

    open: bool
    ticks: int


class ThinkSplitter:
    """The content of one choice."""

    def __init__(self, quirks: frozenset[str], *, mentioned: bool) -> None:
        self._declared = bool(quirks & DECLARED)
        self._unopened = "think_unopened" in quirks
        self._later = self._declared and not mentioned
        self._off = mentioned and not self._declared
        self._thinking: bool | None = None
        self._kept = ""
        self._lead = ""
        self._thought: list[str] = []
        self._fence = _Fence(open=False, ticks=0)
        self._at_line_start = True

    def rest(self) -> None:
        """The provider gives reasoning a field of its own: none is in the content."""
        self._off = self._off or (self._thinking is None and not self._declared)

    def feed(self, text: str) -> list[Piece]:
        """The pieces that `text` completes."""
        if self._off:
            return [Piece(False, text)] if text else []
        self._kept += text
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return pieces

    def close(self, *, stopped: bool = False) -> list[Piece]:
        """The content is complete. `stopped` says that the model ended it itself.

        Where the first tag may be missing and the last one was never said, there was no reasoning: it is what was said.
        """
        kept, self._kept = self._lead_of_nothing() + self._kept, ""
        pieces = [Piece(self._thinking is True, kept)] if kept else []
        if self._unopened and self._thinking and stopped:
            pieces.append(Piece(False, "".join((*self._thought, kept))))
        self._off = True
        return pieces

    def whole(self, text: str) -> list[Piece]:
        """A content that is complete, where a missing first tag is known from the last one."""
        if self._unopened and _CLOSE not in text:
            self._off = True
        return [*self.feed(text), *self.close()]

    def _lead_of_nothing(self) -> str:
        lead, self._lead = self._lead, ""
        return "" if self._declared else lead

    def _step(self, pieces: list[Piece]) -> bool:
        """Take the next step in what is kept; False where more must come first."""
        if self._thinking is None:
            return self._begin(pieces)
        return self._think(pieces) if self._thinking else self._speak(pieces)

    def _begin(self, pieces: list[Piece]) -> bool:
        """Nothing is known yet."""
        text = self._kept.lstrip()
        if len(text) <= len(_OPEN) and _OPEN.startswith(text) and not (text == _OPEN and self._declared):
            return False
        opens = text.startswith(_OPEN) and (self._declared or text[len(_OPEN)] in "\r\n")
        if opens:
            self._lead = self._kept[: len(self._kept) - len(text) + len(_OPEN)]
            self._kept = text[len(_OPEN) :]
        self._thinking = opens or self._unopened
        if not self._thinking and not self._declared:
            pieces.append(Piece(False, self._kept))
            self._kept, self._off = "", True
            return False
        return True

    def _think(self, pieces: list[Piece]) -> bool:
        if self._lead or not self._thought:  # white space after the tag is no reasoning
            text = self._kept.lstrip()
            self._lead += self._kept[: len(self._kept) - len(text)]
            self._kept = text
        end = self._kept.find(_CLOSE)
        thought = self._kept[:end] if end >= 0 else _without_beginning_of(_CLOSE, self._kept)
        thought = thought.rstrip()  # nor is white space before the tag, which may come with the next piece
        if thought:
            pieces.append(Piece(True, thought, self._take_lead()))
            self._thought.append(thought)
        self._kept = self._kept[len(thought) :]
        if end < 0:
            return False
        text = self._kept.lstrip()[len(_CLOSE) :]
        self._lead += self._kept[: len(self._kept) - len(text)]
        self._kept = text
        self._thinking = False
        self._at_line_start = True
        return bool(text)

    def _speak(self, pieces: list[Piece]) -> bool:
        if self._lead:  # white space after a block is not said
            text = self._kept.lstrip()
            self._lead += self._kept[: len(self._kept) - len(text)]
            self._kept = text
            if not text:
                return False
        found = self._later_block()
        said = self._kept[: found.start()] if found else self._kept
        if found is None and self._later and (maybe := _MAYBE_LATER.search(self._kept)) is not None:
            begins_line = maybe[0].startswith("\n") or self._at_line_start
            said = self._kept[: maybe.start()] if begins_line else self._kept
        if said:
            pieces.append(Piece(False, said, self._take_lead()))
            self._fence = _fence_after(said, self._fence)
            self._at_line_start = False
        self._kept = self._kept[len(said) :]
        if found is None:
            return False
        self._lead = found[0]
        self._kept = self._kept[len(found[0]) :]
        self._thinking = True
        return True

    def _later_block(self) -> re.Match[str] | None:
        """The next tag that begins a block: at the beginning of a line and outside a code block."""
        if not self._later:
            return None
        for found in _LATER.finditer(self._kept):
            begins_line = found[0].startswith("\n") or self._at_line_start
            if begins_line and not _fence_after(self._kept[: found.start()], self._fence).open:
                return found
        return None

    def _take_lead(self) -> str:
        lead, self._lead = self._lead, ""
        return lead


def _fence_after(text: str, before: _Fence) -> _Fence:
    """Three backticks in a row open a code block or close it."""
    if "`" not in text:
        return _Fence(before.open, 0) if text else before
    opened, ticks = before
    for character in text:
        ticks = ticks + 1 if character == "`" else 0
        opened ^= ticks == 3
    return _Fence(opened, ticks)


def mentions_tag(request: Request) -> bool:
    """Whether anybody but the model says the tag in this conversation."""
    return any(message.role != "assistant" and _mentions(message) for message in request.messages)


def _mentions(message: Message) -> bool:
    for part in message.parts:
        texts = part.parts if isinstance(part, ToolResult) else (part,)
        if any(isinstance(text, Text) and "think>" in text.text for text in texts):
            return True
    return False


def _without_beginning_of(tag: str, text: str) -> str:
    """`text` without an end that may be the beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return text[:-length]
    return text
