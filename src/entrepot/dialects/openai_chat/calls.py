"""Tool calls joined from their pieces.

Rules of this file: the first piece of a call names it; later ones add to its arguments, whatever name they repeat. 0 is an
index like any other. Hosts leave `index` out, give every call the index 0, repeat `id` in every piece or give none at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from entrepot.canonical.request import Unknown
from entrepot.canonical.stream import PartAdded, StreamEvent, ToolCallDelta, ToolCallStarted
from entrepot.dialects.openai_chat.wire import DIALECT


class CallJoiner:
    """The tool calls of one choice."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._latest_of_slot: dict[int, int] = {}
        self._ids: list[str] = []

    @property
    def any(self) -> bool:
        """Whether there was a call."""
        return bool(self._ids)

    def take(self, pieces: list[Any], answer_id: str, whole: bool) -> Iterator[StreamEvent]:
        """The events of these pieces; `whole` says that each is a call of its own."""
        for piece in pieces:
            if not isinstance(piece, dict):
                continue
            function = piece.get("function")
            if not isinstance(function, dict):
                if piece.get("type") not in (None, "function"):
                    yield PartAdded(Unknown(DIALECT, piece), self._index)
                continue
            given_id, name = str(piece.get("id") or ""), str(function.get("name") or "")
            call, begins = self.place(piece.get("index"), given_id, name, whole=whole)
            if begins:
                signature = _signature(piece)
                yield ToolCallStarted(
                    call,
                    given_id or self.made_id(answer_id, call),
                    name,
                    self._index,
                    signature,
                    None if signature is None else DIALECT,
                    _rest(piece, function, whole),
                )
            if arguments := text_of(function.get("arguments")):
                yield ToolCallDelta(call, arguments, self._index)

    def place(self, wire_index: object, given_id: str, name: str, *, whole: bool = False) -> tuple[int, bool]:
        """Which call this is a piece of, counted from 0, and whether the call begins with it."""
        call = None if whole else self._known(wire_index, given_id, name)
        if call is not None:
            return call, False
        call = len(self._ids)
        self._ids.append(given_id)
        self._latest_of_slot[_slot(wire_index)] = call
        return call, True

    def made_id(self, answer_id: str, call: int) -> str:
        """An id for a call that its host gave none."""
        return f"call_{answer_id}_{self._index}_{call}"

    def _known(self, wire_index: object, given_id: str, name: str) -> int | None:
        if not isinstance(wire_index, int) and given_id and given_id in self._ids:
            return self._ids.index(given_id)
        call = self._latest_of_slot.get(_slot(wire_index))
        if call is None:
            return None
        if given_id and name and given_id != self._ids[call]:
            return None
        if not isinstance(wire_index, int) and name and not given_id:
            return None  # neither index nor id: a piece that names a function begins a call
        return call


def _rest(piece: dict[str, Any], function: dict[str, Any], whole: bool) -> dict[str, Any]:
    """What else was said of a call; of a whole one also what was left empty, so that it can be rendered as it was."""
    known = ("id", "function", "type") if whole else ("id", "function", "type", "index")
    rest = {name: value for name, value in piece.items() if name not in known}
    if whole and "type" not in piece:
        rest["type"] = None
    if whole and not piece.get("id") and "id" in piece:
        rest["id"] = piece["id"]
    if whole and not function.get("arguments"):
        rest["arguments"] = function.get("arguments")
    return rest


def _signature(piece: dict[str, Any]) -> str | None:
    """The thought signature that Google's own address of this dialect gives a call."""
    content = piece.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def _slot(wire_index: object) -> int:
    return wire_index if isinstance(wire_index, int) else -1


def text_of(arguments: object) -> str:
    """The arguments' JSON text; some hosts send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return msgspec.json.encode(arguments).decode() if isinstance(arguments, dict | list) else ""
