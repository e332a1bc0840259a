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
            call = None if whole else self._known(piece.get("index"), given_id, name)
            if call is None:
                call = len(self._ids)
                self._ids.append(given_id)
                self._latest_of_slot[_slot(piece.get("index"))] = call
                extra = {key: value for key, value in piece.items() if key not in ("id", "function", "type", "index")}
                made = f"call_{answer_id}_{self._index}_{call}"
                yield ToolCallStarted(call, given_id or made, name, self._index, extra=extra)
            if arguments := _text_of(function.get("arguments")):
                yield ToolCallDelta(call, arguments, self._index)

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


def _slot(wire_index: object) -> int:
    return wire_index if isinstance(wire_index, int) else -1


def _text_of(arguments: object) -> str:
    """The arguments' JSON text; some hosts send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return msgspec.json.encode(arguments).decode() if isinstance(arguments, dict | list) else ""
